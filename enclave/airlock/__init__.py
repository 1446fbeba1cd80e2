"""The only way out: output requests, automatic checks, two independent checkers, release."""
