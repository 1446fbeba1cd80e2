"""Ways out of a session, one file for each kind; the canary reads every file here. See `canary`."""
