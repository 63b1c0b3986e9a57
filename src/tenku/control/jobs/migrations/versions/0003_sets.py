"""Asset sets."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

NAME = sa.String(200)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "sets",
        sa.Column("name", NAME, primary_key=True),
        sa.Column("team", NAME, nullable=False),
        sa.Column("style", NAME, nullable=False),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("finish", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("changed", sa.Double, nullable=False),
    )
    op.create_index("sets_changed", "sets", ["changed"])
    op.create_table(
        "set_places",
        sa.Column("set_name", NAME, sa.ForeignKey("sets.name", ondelete="CASCADE"), primary_key=True),
        sa.Column("name", NAME, primary_key=True),
        sa.Column("row", sa.Integer, nullable=False),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("verdict", sa.String(12), nullable=False),
        sa.Column("chosen", sa.Integer, nullable=False),
    )
    op.create_table(
        "set_takes",
        sa.Column("set_name", NAME, primary_key=True),
        sa.Column("place", NAME, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("job", sa.String(12), sa.ForeignKey("jobs.id"), nullable=False),
        sa.ForeignKeyConstraint(
            ["set_name", "place"],
            ["set_places.set_name", "set_places.name"],
            ondelete="CASCADE",
            name="set_takes_place",
        ),
    )
    op.create_index("set_takes_job", "set_takes", ["job"])
