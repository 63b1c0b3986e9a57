"""Jobs, teams and the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

NAME = sa.String(200)
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
QUEUED = sa.text("state = 'queued'")
RUNNING = sa.text("state = 'running'")


def upgrade() -> None:
    """Make the tables."""
    _jobs()
    op.create_table(
        "teams",
        sa.Column("name", NAME, primary_key=True),
        sa.Column("used", sa.Double, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
    _ledger()


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(12), nullable=False, unique=True),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("model", NAME, nullable=False),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("team", NAME, nullable=False),
        sa.Column("batch", NAME, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("deadline", sa.Double),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("accepted", sa.Double, nullable=False),
        sa.Column("started", sa.Double),
        sa.Column("ended", sa.Double),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("not_before", sa.Double, nullable=False),
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("beat", sa.Double),
        sa.Column("leased_until", sa.Double),
        sa.Column("cancel", sa.Boolean, nullable=False),
        sa.Column("progress", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("outputs", sa.Text, nullable=False),
        sa.Column("usage", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    turn: list[str | sa.TextClause] = ["team", sa.text("priority DESC"), "number"]
    op.create_index("jobs_turn", "jobs", turn, sqlite_where=QUEUED, postgresql_where=QUEUED)
    op.create_index("jobs_deadline", "jobs", ["deadline"], sqlite_where=QUEUED, postgresql_where=QUEUED)
    op.create_index("jobs_leased", "jobs", ["leased_until"], sqlite_where=RUNNING, postgresql_where=RUNNING)
    op.create_index("jobs_batch", "jobs", ["batch", "number"])


def _ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("job", sa.String(12), sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("team", NAME, sa.ForeignKey("teams.name"), nullable=False),
        sa.Column("model", NAME, nullable=False),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("units", sa.Double, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("done", sa.Boolean, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ledger_team", "ledger", ["team", "at"])
    op.create_index("ledger_model", "ledger", ["model", "kind", "number"])
