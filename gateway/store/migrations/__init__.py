"""The steps from each released schema to the next, run by Alembic inside one transaction."""
