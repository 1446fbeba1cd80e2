"""One worker loop over a jobs table: durable, idempotent, resumable. No broker."""
