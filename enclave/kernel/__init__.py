"""What every slice shares: who acts, when, what may go wrong, what is written down. Pure; no I/O."""
