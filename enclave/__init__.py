"""Everything that happens to the data: catalogue, requests, budget, extracts, workspaces, airlock, releases, audit.

Importing this package loads nothing heavy; each part is imported where it is used.
"""
