"""Adds the jobs: requests that were handed over, and their answers."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Text, primary_key=True),
        *(_text(name) for name in ("owner", "request_id", "operation", "model", "status")),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("finished_at", sa.Double),
        sa.Column("expires_at", sa.Double),
        _text("worker"),
        sa.Column("lease_until", sa.Double, nullable=False),
        sa.Column("cancelled", sa.Boolean, nullable=False),
        sa.Column("http_status", sa.Integer),
        *(_text(name) for name in ("headers", "error")),
        sa.Column("size", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("body", sa.LargeBinary),
    )
    op.create_index("jobs_owner", "jobs", ["owner", "created_at"])
    op.create_index("jobs_status", "jobs", ["status"])
    op.create_index("jobs_expiry", "jobs", ["expires_at"])


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=False, server_default="")
