"""Adds whom to tell of jobs, and how often somebody tried to log in."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "hooks",
        sa.Column("job_id", sa.Text, primary_key=True),
        sa.Column("receiver", sa.Text, nullable=False),
        sa.Column("worker", sa.Text, nullable=False, server_default=""),
        sa.Column("lease_until", sa.Double, nullable=False),
    )
    op.create_table(
        "login_tries",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("tries", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("locked_until", sa.Double, nullable=False),
        sa.Column("forget_at", sa.Double, nullable=False),
    )
    op.create_index("login_tries_forget", "login_tries", ["forget_at"])
