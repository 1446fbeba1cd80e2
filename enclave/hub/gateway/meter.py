"""How much has left each workspace: bytes by person and project over the last day, kept across restarts."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from enclave.kernel.ports import Limits

_HOUR = 3600
_WINDOW_HOURS = 24

_SCHEMA = """
CREATE TABLE IF NOT EXISTS out_bytes (
    user TEXT NOT NULL, project TEXT NOT NULL, hour INTEGER NOT NULL, bytes INTEGER NOT NULL,
    PRIMARY KEY (user, project, hour)
);
CREATE TABLE IF NOT EXISTS limits (
    user TEXT NOT NULL, project TEXT NOT NULL, message INTEGER NOT NULL, session_out INTEGER NOT NULL,
    PRIMARY KEY (user, project)
);
CREATE TABLE IF NOT EXISTS routes (path TEXT PRIMARY KEY, data TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one workspace may send out. Bytes."""

    message: int
    session_out: int


@dataclass(slots=True)
class Meter:
    """Counts bytes out of sessions and says when it is enough.

    A rolling day, not a session: starting again gives nothing back.

    Args:
        file: the SQLite file; ":memory:" for tests.
        clock: seconds since the epoch.
    """

    file: str | Path
    clock: Callable[[], float] = time.time
    database: sqlite3.Connection = field(init=False)

    def __post_init__(self) -> None:
        self.database = sqlite3.connect(self.file, isolation_level=None)
        self.database.execute("PRAGMA journal_mode=WAL")
        self.database.execute("PRAGMA synchronous=NORMAL")
        self.database.executescript(_SCHEMA)
        if self.file != ":memory:":
            Path(self.file).chmod(0o600)

    def allow(self, user: str, project: str, limits: Limits) -> None:
        """Sets what the hub was told when it admitted this session."""
        self.database.execute(
            "INSERT OR REPLACE INTO limits VALUES (?, ?, ?, ?)",
            (user, project, limits.message, limits.session_out),
        )

    def allowance(self, user: str, project: str) -> Allowance:
        row = self.database.execute(
            "SELECT message, session_out FROM limits WHERE user = ? AND project = ?", (user, project)
        ).fetchone()
        default = Limits()
        return Allowance(*row) if row else Allowance(default.message, default.session_out)

    def spent(self, user: str, project: str) -> int:
        """Bytes out in the last day."""
        since = int(self.clock() // _HOUR) - _WINDOW_HOURS
        row = self.database.execute(
            "SELECT coalesce(sum(bytes), 0) FROM out_bytes WHERE user = ? AND project = ? AND hour > ?",
            (user, project, since),
        ).fetchone()
        return int(row[0])

    def spend(self, user: str, project: str, count: int) -> bool:
        """Counts `count` bytes; False when they go beyond the allowance, and then they must not be sent."""
        if self.spent(user, project) + count > self.allowance(user, project).session_out:
            return False
        hour = int(self.clock() // _HOUR)
        self.database.execute(
            "INSERT INTO out_bytes VALUES (?, ?, ?, ?) "
            "ON CONFLICT (user, project, hour) DO UPDATE SET bytes = bytes + excluded.bytes",
            (user, project, hour, count),
        )
        self.database.execute("DELETE FROM out_bytes WHERE hour <= ?", (hour - _WINDOW_HOURS,))
        return True

    def close(self) -> None:
        self.database.close()
