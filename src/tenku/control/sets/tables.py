"""The tables of asset sets, as the newest migration leaves them."""

import sqlalchemy as sa

from tenku.control.jobs.tables import METADATA, NAME, TIME

SETS = sa.Table(
    "sets",
    METADATA,
    sa.Column("name", NAME, primary_key=True),
    sa.Column("team", NAME, nullable=False),
    sa.Column("style", NAME, nullable=False),
    sa.Column("folder", sa.Text, nullable=False),
    sa.Column("finish", sa.Text, nullable=False),  # JSON
    sa.Column("styles", sa.Text, nullable=False, server_default="{}"),  # JSON
    sa.Column("sheets", sa.Text, nullable=False, server_default="[]"),  # JSON
    sa.Column("created", TIME, nullable=False),
    sa.Column("changed", TIME, nullable=False),
)
sa.Index("sets_changed", SETS.c.changed)

PLACES = sa.Table(
    "set_places",
    METADATA,
    sa.Column("set_name", NAME, sa.ForeignKey("sets.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("name", NAME, primary_key=True),
    sa.Column("row", sa.Integer, nullable=False),  # their order; it changes where a spreadsheet gets a row
    sa.Column("spec", sa.Text, nullable=False),  # JSON
    sa.Column("verdict", sa.String(12), nullable=False),
    sa.Column("chosen", sa.Integer, nullable=False),  # 0: none
    sa.Column("style", NAME, nullable=False, server_default=sa.text("''")),  # of its own
)

TAKES = sa.Table(
    "set_takes",
    METADATA,
    sa.Column("set_name", NAME, primary_key=True),
    sa.Column("place", NAME, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("job", sa.String(12), sa.ForeignKey("jobs.id"), nullable=False),
    sa.ForeignKeyConstraint(
        ["set_name", "place"], ["set_places.set_name", "set_places.name"], ondelete="CASCADE", name="set_takes_place"
    ),
)
sa.Index("set_takes_job", TAKES.c.job)
