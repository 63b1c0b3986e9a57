"""Estimates of jobs, the memory that they took, and budgets of teams."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; rows that are there have nothing in them."""
    op.add_column("jobs", sa.Column("estimate", sa.Text))
    op.add_column("ledger", sa.Column("size", sa.Double))
    op.add_column("ledger", sa.Column("memory", sa.Double))
    op.add_column("teams", sa.Column("budget_s", sa.Double))
