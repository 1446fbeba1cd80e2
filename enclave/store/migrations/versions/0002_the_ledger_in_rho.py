"""grants and charges in rho, and raises of a grant"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from enclave.store.schema import unprotected_ddl
from enclave.store.tables import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_CHECKS = {
    "epsilon": "epsilon > 0 OR rho > 0",
    "delta": "delta >= 0 AND delta < 1",
    "rho": "epsilon >= 0 AND rho >= 0 AND (epsilon = 0 OR rho = 0)",
}


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    for statement in unprotected_ddl(dialect, ("budget_grant", "charge")):
        op.execute(statement)
    for table in ("budget_grant", "charge"):
        columns: list[sa.Column[Any]] = [
            # Until now every budget was an epsilon, added up; one with a delta was approximate.
            sa.Column("accounting", sa.String(40), nullable=False, server_default="pure"),
            sa.Column("rho", sa.Float(), nullable=False, server_default="0"),
        ]
        # SQLite cannot change a constraint: there the table is made anew and the rows are copied.
        with op.batch_alter_table(table) as batch:
            for column in columns:
                batch.add_column(column)
            for name in ("epsilon", "delta"):
                batch.drop_constraint(op.f(f"ck_{table}_{name}"), type_="check")
            for name, sql in _CHECKS.items():
                batch.create_check_constraint(op.f(f"ck_{table}_{name}"), sql)
        rows = sa.table(table, sa.column("accounting"), sa.column("delta"))
        op.execute(rows.update().where(rows.c.delta > 0).values(accounting="approx"))
        with op.batch_alter_table(table) as batch:
            batch.alter_column("accounting", server_default=None)
            batch.alter_column("rho", server_default=None)
    op.create_table(
        "budget_raise",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("accounting", sa.String(length=40), nullable=False),
        sa.Column("epsilon", sa.Float(), nullable=False),
        sa.Column("delta", sa.Float(), nullable=False),
        sa.Column("rho", sa.Float(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("raised_by", sa.Text(), nullable=False),
        sa.Column("raised_at", UtcDateTime(), nullable=False),
        *(sa.CheckConstraint(sql, name=op.f(f"ck_budget_raise_{name}")) for name, sql in _CHECKS.items()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budget_raise")),
        sa.UniqueConstraint("grant_id", "number", name=op.f("uq_budget_raise_grant_id")),
    )


def downgrade() -> None:
    """A ledger in rho cannot be said in epsilon alone; go back by restoring a backup."""
