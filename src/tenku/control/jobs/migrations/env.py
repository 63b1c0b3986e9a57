"""Run by Alembic: the steps, on the connection and in the transaction that `migrate` gives."""

from alembic import context

from tenku.control.jobs.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
