"""Identities: opaque, random, time-ordered enough for an index, never derived from data."""

from __future__ import annotations

import os
import time
import uuid


def new_id() -> str:
    """A new identity: a version 7 UUID (RFC 9562), as its canonical string."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return str(uuid.UUID(int=value))
