"""Sealed sessions over entitled data."""
