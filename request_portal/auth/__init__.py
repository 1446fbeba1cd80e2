"""Signing people in, and being the identity provider of the workspace hub."""
