"""What everybody may read: who uses the data, for what, on whose approval, and what came out."""
