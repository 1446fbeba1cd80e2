"""Bringing a database to the schema of this version."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from enclave.kernel.errors import Unavailable
from enclave.store.engine import connect


def config(url: str) -> Config:
    """Alembic's configuration, without a file."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    settings.attributes["url"] = url
    return settings


def upgrade(url: str) -> None:
    """Runs what is missing; doing it twice changes nothing.

    Raises:
        Invalid: the address is not a database's.
        Unavailable: the database does not answer.
    """
    try:
        command.upgrade(config(url), "head")
    except sa.exc.OperationalError:
        raise Unavailable(
            "The product's database does not answer. Check that it runs, that REGISTRY_ENCLAVE_DATABASE_URL is "
            "right and that the account may make tables there; then start again."
        ) from None


def tables(url: str) -> set[str]:
    engine = connect(url)
    try:
        return set(sa.inspect(engine).get_table_names())
    finally:
        engine.dispose()
