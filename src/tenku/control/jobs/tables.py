"""The tables, as the newest migration leaves them; a test compares the two."""

import sqlalchemy as sa

METADATA = sa.MetaData()

NAME = sa.String(200)
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite counts up INTEGER keys alone
TIME: sa.Double[float] = sa.Double()
"""Seconds since 1970."""

JOBS = sa.Table(
    "jobs",
    METADATA,
    sa.Column("number", NUMBER, primary_key=True, autoincrement=True),  # in the order of acceptance
    sa.Column("id", sa.String(12), nullable=False, unique=True),
    sa.Column("spec", sa.Text, nullable=False),  # JSON; the columns up to `deadline` repeat what is searched by
    sa.Column("model", NAME, nullable=False),
    sa.Column("kind", NAME, nullable=False),
    sa.Column("team", NAME, nullable=False),
    sa.Column("batch", NAME, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("deadline", TIME),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("accepted", TIME, nullable=False),
    sa.Column("started", TIME),  # the newest attempt
    sa.Column("ended", TIME),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("not_before", TIME, nullable=False),
    sa.Column("worker", sa.Text, nullable=False),
    sa.Column("beat", TIME),  # when the worker was heard of last
    sa.Column("leased_until", TIME),
    sa.Column("cancel", sa.Boolean, nullable=False),
    sa.Column("progress", sa.Text, nullable=False),  # JSON
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("outputs", sa.Text, nullable=False),  # JSON
    sa.Column("usage", sa.Text, nullable=False),  # JSON; null where there is none
    sa.Column("estimate", sa.Text),  # JSON; what was expected when it was accepted
    sqlite_autoincrement=True,  # a number is never given twice, also where the newest rows were deleted
)

QUEUED = JOBS.c.state == sa.text("'queued'")
RUNNING = JOBS.c.state == sa.text("'running'")

# Partial indexes: however many jobs are done, whose turn it is stays a short look.
sa.Index("jobs_turn", JOBS.c.team, JOBS.c.priority.desc(), JOBS.c.number, sqlite_where=QUEUED, postgresql_where=QUEUED)
sa.Index("jobs_deadline", JOBS.c.deadline, sqlite_where=QUEUED, postgresql_where=QUEUED)
sa.Index("jobs_leased", JOBS.c.leased_until, sqlite_where=RUNNING, postgresql_where=RUNNING)
sa.Index("jobs_batch", JOBS.c.batch, JOBS.c.number)

TEAMS = sa.Table(
    "teams",
    METADATA,
    sa.Column("name", NAME, primary_key=True),
    sa.Column("used", TIME, nullable=False),  # device-seconds, older ones counted less, as they were at `at`
    sa.Column("at", TIME, nullable=False),
    sa.Column("budget_s", TIME),  # device-seconds in 30 days; none: what control.budget_s says
)

LEDGER = sa.Table(
    "ledger",
    METADATA,
    sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
    sa.Column("job", sa.String(12), sa.ForeignKey("jobs.id"), nullable=False),
    sa.Column("team", NAME, sa.ForeignKey("teams.name"), nullable=False),
    sa.Column("model", NAME, nullable=False),
    sa.Column("kind", NAME, nullable=False),
    sa.Column("units", TIME, nullable=False),
    sa.Column("seconds", TIME, nullable=False),  # on the device
    sa.Column("at", TIME, nullable=False),
    sa.Column("done", sa.Boolean, nullable=False),  # whether the job was done with it
    sa.Column("size", TIME),  # what memory grows with
    sa.Column("memory", TIME),  # bytes of the device at most; none: not measured
    sqlite_autoincrement=True,
)
sa.Index("ledger_team", LEDGER.c.team, LEDGER.c.at)
sa.Index("ledger_model", LEDGER.c.model, LEDGER.c.kind, LEDGER.c.number)
