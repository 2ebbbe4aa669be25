"""Keeps only what is looked for in two indexes of usage rows: those of a user, and those that were refused."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.drop_index("usage_status", "usage")
    op.drop_index("usage_user", "usage")
    op.execute("CREATE INDEX usage_failed ON usage (at) WHERE status >= 400")
    op.execute("CREATE INDEX usage_user ON usage (user_id, at) WHERE user_id != ''")
