"""How Alembic reaches our database: through our own engine, in one transaction."""

from __future__ import annotations

from alembic import context

from enclave.store import schema
from enclave.store.engine import connect
from enclave.store.tables import metadata

_ = schema  # registers the tables on the metadata


def run() -> None:
    engine = connect(context.config.attributes["url"])
    try:
        with engine.connect() as connection:
            context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
            with context.begin_transaction():
                context.run_migrations()
            connection.commit()
    finally:
        engine.dispose()


run()
