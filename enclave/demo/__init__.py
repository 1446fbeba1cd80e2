"""The demo ministry: an invented registry in six naming traditions, and the real public data beside it."""
