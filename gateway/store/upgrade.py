"""Runs the steps of `migrations` with Alembic. Imported by `schema` only where an upgrade is due."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def upgrade(connection: Connection, steps: Path) -> None:
    """Inside the transaction of the connection: all steps or none."""
    config = Config()
    config.set_main_option("script_location", str(steps).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
