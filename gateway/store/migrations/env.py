"""Called by Alembic: runs the steps on the connection that `gateway.store.schema` hands over, in its transaction."""

from alembic import context

from gateway.store.tables import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
context.run_migrations()
