"""Keeps only what is looked for in two indexes of usage rows: those of a user, and those that were refused."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.drop_index("usage_status", "usage")
    op.drop_index("usage_user", "usage")
    refused, of_a_user = sa.text("status >= 400"), sa.text("user_id != ''")
    op.create_index("usage_failed", "usage", ["at"], sqlite_where=refused, postgresql_where=refused)
    op.create_index("usage_user", "usage", ["user_id", "at"], sqlite_where=of_a_user, postgresql_where=of_a_user)
