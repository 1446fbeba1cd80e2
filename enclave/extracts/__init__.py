"""Dated snapshots of a registry, in quarantine until processed."""
