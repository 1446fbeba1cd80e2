"""a verdict on each file, notes among checkers, parts that leave, test outputs, digests of identifiers"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from enclave.store.tables import Json

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("review") as batch:
        batch.add_column(sa.Column("files", Json, nullable=False, server_default="{}"))
        batch.add_column(sa.Column("notes", sa.Text(), nullable=False, server_default=""))
    with op.batch_alter_table("output_request") as batch:
        batch.add_column(sa.Column("partial", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch.add_column(sa.Column("split_from", sa.Text(), nullable=False, server_default=""))
        batch.add_column(sa.Column("seeded", sa.Text(), nullable=False, server_default=""))
    with op.batch_alter_table("extract") as batch:
        batch.add_column(sa.Column("digests", Json, nullable=True))
    for table, columns in (
        ("review", ("files", "notes")),
        ("output_request", ("partial", "split_from", "seeded")),
    ):
        with op.batch_alter_table(table) as batch:
            for column in columns:
                batch.alter_column(column, server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("extract") as batch:
        batch.drop_column("digests")
    with op.batch_alter_table("output_request") as batch:
        batch.drop_column("seeded")
        batch.drop_column("split_from")
        batch.drop_column("partial")
    with op.batch_alter_table("review") as batch:
        batch.drop_column("notes")
        batch.drop_column("files")
