"""Adds files and batches: many requests handed over in one file, and the files of their answers."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "files",
        sa.Column("id", sa.Text, primary_key=True),
        *(_text(name) for name in ("owner", "name", "purpose")),
        *(_time(name, nullable=False) for name in ("created_at", "expires_at")),
        sa.Column("ready", sa.Boolean, nullable=False),
        _count("size"),
    )
    op.create_index("files_owner", "files", ["owner", "created_at"])
    op.create_index("files_expiry", "files", ["expires_at"])
    op.create_table(
        "file_lines",
        sa.Column("file_id", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "batches",
        sa.Column("id", sa.Text, primary_key=True),
        *(
            _text(name)
            for name in ("owner", "endpoint", "completion_window", "status", "input_id", "output_id", "error_id")
        ),
        _time("created_at", nullable=False),
        *(_time(name) for name in ("begun_at", "cancelling_at", "finalizing_at", "ended_at")),
        _time("due_at", nullable=False),
        _time("expires_at"),
        _text("worker"),
        _time("lease_until", nullable=False),
        *(_count(name) for name in ("total", "completed", "failed")),
        *(_text(name) for name in ("metadata", "errors")),
        sa.Column("output_seconds", sa.Double),
    )
    op.create_index("batches_owner", "batches", ["owner", "created_at"])
    op.create_index("batches_status", "batches", ["status"])
    op.create_index("batches_expiry", "batches", ["expires_at"])


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _count(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


def _time(name: str, nullable: bool = True) -> "sa.Column[float]":
    return sa.Column(name, sa.Double, nullable=nullable)
