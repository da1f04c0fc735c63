"""Alembic's entry point: upgrades inside the transaction that `store.database` opened."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
