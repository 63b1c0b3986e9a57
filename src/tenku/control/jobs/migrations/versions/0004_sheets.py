"""Asset sets remember the sheets that were made of them, and places a style of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns; sets that are there have one style and no sheet."""
    op.add_column("sets", sa.Column("styles", sa.Text, nullable=False, server_default="{}"))
    op.add_column("sets", sa.Column("sheets", sa.Text, nullable=False, server_default="[]"))
    op.add_column("set_places", sa.Column("style", sa.String(200), nullable=False, server_default=sa.text("''")))
