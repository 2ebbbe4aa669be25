"""The first schema. No step leads to it: a new database is made whole from `gateway.store.tables`."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Nothing to do."""
