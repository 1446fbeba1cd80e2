"""How Alembic reaches our database: through our own engine, in one transaction."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

from enclave.store import schema
from enclave.store.engine import connect
from enclave.store.tables import metadata


def run() -> None:
    engine = connect(context.config.attributes["url"])
    try:
        with engine.connect() as connection:
            context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
            before = context.get_context().get_current_heads()
            with context.begin_transaction():
                context.run_migrations()
                # What the database refuses by itself is of the whole schema, and a migration that makes a table anew
                # loses it: it is remade after the last step.
                now = context.get_context().get_current_heads()
                if now != before and set(now) == set(context.script.get_heads()):
                    for statement in schema.append_only_ddl(connection.dialect.name):
                        connection.execute(sa.text(statement))
            connection.commit()
    finally:
        engine.dispose()


run()
