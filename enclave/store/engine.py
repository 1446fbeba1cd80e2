"""The connection: SQLite by default, PostgreSQL by URL, with the same promises."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from enclave.kernel.errors import Invalid, Unavailable


def connect(url: str) -> sa.Engine:
    """An engine whose writers queue instead of failing, and whose acknowledged commits survive a kill.

    Raises:
        Invalid: the address is not a database's; the sentence does not repeat it, for it may hold a password.
        Unavailable: SQLite's file cannot be made.
    """
    try:
        address = sa.make_url(url)
        address.get_dialect()
    except sa.exc.SQLAlchemyError:
        problem = (
            "REGISTRY_ENCLAVE_DATABASE_URL is not the address of a database that is known here: write "
            "sqlite:///path or postgresql+psycopg://account:password@host/name."
        )
        raise Invalid([problem]) from None
    if address.get_backend_name() != "sqlite":
        return sa.create_engine(
            address, pool_pre_ping=True, isolation_level="READ COMMITTED", pool_size=10, max_overflow=40
        )
    if address.database and address.database != ":memory:":
        _our_own(Path(address.database))
    engine = sa.create_engine(
        address, connect_args={"timeout": 60, "check_same_thread": False}, pool_size=10, max_overflow=90
    )
    sa.event.listen(engine, "connect", _configure)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _our_own(file: Path) -> None:
    """Makes the file unless it is there: ours alone; SQLite gives its journal files the same mode."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            file.touch(mode=0o600)
    except OSError:
        raise Unavailable(
            "The product's database file cannot be made. Set REGISTRY_ENCLAVE_DATABASE_URL or "
            "REGISTRY_ENCLAVE_STATE_DIR to a place that this account may write to."
        ) from None


def _configure(connection: sqlite3.Connection, record: object) -> None:
    del record
    # The driver's own transaction handling opens transactions late; we say BEGIN ourselves.
    connection.isolation_level = None
    # Without recursive triggers, INSERT OR REPLACE would remove a row and ask no trigger.
    for pragma in (
        "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=60000", "recursive_triggers=ON",
    ):  # fmt: skip
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    reading = connection.get_execution_options().get("enclave_read_only", False)
    connection.exec_driver_sql(f"PRAGMA query_only={'ON' if reading else 'OFF'}")
    # IMMEDIATE takes the write lock at once: two writers queue, and neither can act on a stale read.
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def read_only(connection: sa.Connection) -> None:
    """Makes the open transaction refuse writes (PostgreSQL; on SQLite `_begin` has done it)."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")


def one_writer(connection: sa.Connection, name: str) -> None:
    """Holds a named lock until the transaction ends, so that a chain or a ledger has one writer at a time."""
    if connection.dialect.name == "postgresql":
        statement: Any = sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(name)))
        connection.execute(statement)
