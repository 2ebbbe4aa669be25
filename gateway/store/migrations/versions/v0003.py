"""Adds when each key was last used, from the requests that are known: of those whose rows are gone, to the hour."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "last_used",
        sa.Column("key_id", sa.Text, primary_key=True),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.execute(
        "INSERT INTO last_used (key_id, at) SELECT key_id, max(at) FROM ("
        "SELECT key_id, at FROM usage UNION ALL SELECT key_id, hour AS at FROM usage_hours"
        ") AS requests WHERE key_id <> '' GROUP BY key_id"
    )
