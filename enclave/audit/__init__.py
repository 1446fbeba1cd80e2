"""What happened, in order, for ever: an append-only log, chained by digests and verifiable offline."""
