"""The tables' history, for Alembic: `versions` holds one step a file, and no step is changed once it was released."""
