"""Bringing a database to the schema of this version."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from enclave.store.engine import connect


def config(url: str) -> Config:
    """Alembic's configuration, without a file."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    settings.attributes["url"] = url
    return settings


def upgrade(url: str) -> None:
    """Runs what is missing; doing it twice changes nothing."""
    command.upgrade(config(url), "head")


def tables(url: str) -> set[str]:
    engine = connect(url)
    try:
        return set(sa.inspect(engine).get_table_names())
    finally:
        engine.dispose()
