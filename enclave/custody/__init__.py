"""The pseudonym keys of datasets and projects: seen, rotated, destroyed, each with an audit event."""
