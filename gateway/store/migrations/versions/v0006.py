"""Adds which models the requests of a batch name. Of batches that were checked before, nobody knows them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("batches", sa.Column("models", sa.Text, nullable=False, server_default=""))
