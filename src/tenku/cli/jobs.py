"""`tenku jobs`: what is queued, at work and done; shows and cancels jobs, and deletes what is old."""

import argparse
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tenku.cli import jobs_prune
from tenku.cli.amounts import HELD, bytes_text, date_text, seconds_text
from tenku.cli.contents import rows
from tenku.cli.studio import add_flags, print_json, table, whole, workshop

if TYPE_CHECKING:
    from tenku.studio.model import Estimate, Job, Usage
    from tenku.workshop import Workshop

PROMPT = 40
"""Letters of a prompt in the table."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku jobs`, and its sub-commands."""
    parser.usage = "tenku jobs [show ID | cancel ID | prune] [--all] [--limit N] [--json]"
    parser.add_argument("--all", action="store_true", help="Also those that ended; else what is queued or at work.")
    parser.add_argument("--limit", default="100", metavar="N", help="The newest so many. Default: 100.")
    add_flags(parser)
    subs = parser.add_subparsers(dest="action", metavar="ACTION", title="actions")
    for name, summary in (("show", "Say everything about a job."), ("cancel", "End a job, or all jobs of a batch.")):
        look = parser.formatter_class
        sub = subs.add_parser(name, help=summary, description=summary, formatter_class=look, allow_abbrev=False)
        sub.add_argument("id", metavar="ID", help="The job's" + ("." if name == "show" else ", or a batch's name."))
        add_flags(sub)
    jobs_prune.add_arguments(
        subs.add_parser(
            "prune",
            help=jobs_prune.SUMMARY,
            description=jobs_prune.SUMMARY,
            formatter_class=parser.formatter_class,
            allow_abbrev=False,
        )
    )


def run(args: argparse.Namespace) -> int:
    """List, show or cancel."""
    with workshop(args) as shop:
        if args.action == "show":
            return show(args, shop)
        if args.action == "cancel":
            return cancel(args, shop)
        if args.action == "prune":
            return jobs_prune.run(args, shop)
        limit = whole("--limit", args.limit, low=1, high=100_000)
        jobs = shop.jobs.list(limit=limit, unended=not args.all)
    if args.json:
        print_json({"jobs": [as_json(job) for job in jobs]})
    elif jobs:
        print(table(("ID", "STATE", "MODEL", "AGE", "DONE", "PROMPT"), [line(job, now=time.time()) for job in jobs]))
    else:
        print("There are no jobs." if args.all else "No job is queued or at work; --all lists those that ended.")
    return 0


def show(args: argparse.Namespace, shop: "Workshop") -> int:
    """Say everything about one job."""
    from tenku.studio.model import JobId

    job = shop.jobs.get(JobId(args.id))
    if args.json:
        print_json(as_json(job))
        return 0
    spec, usage = job.spec, job.usage
    files = [
        ("file" if not number else " ", f"{shop.results.path(job.id, each.name)}  {bytes_text(each.size)}")
        for number, each in enumerate(job.outputs)
    ]
    print(f"{job.id}  {state_text(job)}\n")
    print(
        rows(
            ("kind", spec.kind.value),
            ("model", spec.model),
            ("prompt", " ".join(spec.prompt.split())),
            ("seed", str(spec.seed)),
            *((name, short(str(value), 60)) for name, value in spec.parameters.items()),
            ("batch", f"{spec.batch}, row {spec.row}" if spec.batch else ""),
            ("team", spec.team),
            ("accepted", date_text(int(job.accepted))),
            ("expected", _expected(shop, job)),
            ("took", _took(usage) if usage else ""),
            ("attempts", str(job.attempts)),
            ("error", job.error),
            *files,
            width=13,
        )
    )
    return 0


def cancel(args: argparse.Namespace, shop: "Workshop") -> int:
    """End a job, or all that a batch has left."""
    from tenku.base.errors import UnknownJob
    from tenku.studio.model import JobId

    try:
        ids = [shop.jobs.get(JobId(args.id)).id]
    except UnknownJob:
        ids = [job.id for job in shop.jobs.list(batch=args.id, unended=True, limit=1_000_000)]
        if not ids:
            raise
    jobs = [shop.jobs.cancel(id) for id in ids]
    if args.json:
        print_json({"jobs": [as_json(job) for job in jobs]})
    else:
        for job in jobs:
            print(f"{job.id}  {state_text(job)}")
    return 0


def line(job: "Job", *, now: float) -> tuple[str, ...]:
    """A job as a row of the table."""
    age = seconds_text(now - job.accepted)
    return (job.id, state_text(job), job.spec.model, age, done_text(job), short(job.spec.prompt, PROMPT))


def state_text(job: "Job") -> str:
    """Its state, and that it is about to end."""
    return f"{job.state.value}, is to end" if job.cancel and not job.state.ended else job.state.value


def done_text(job: "Job") -> str:
    """How far it is: `12 of 512 tokens`, or what it took."""
    if job.state.ended:
        return seconds_text(job.usage.seconds) if job.usage else ""
    if job.progress.held:
        return HELD
    if not job.progress.done:
        return ""
    total = f" of {job.progress.total:,}" if job.progress.total else ""
    return f"{job.progress.done:,}{total} {job.progress.unit}"


def short(text: str, letters: int) -> str:
    """A text on one line, cut."""
    text = " ".join(text.split())
    return text if len(text) <= letters else text[: letters - 1] + "…"


def as_json(job: "Job") -> dict[str, Any]:
    """A job as plain data."""
    spec = job.spec
    return {
        "id": job.id,
        "state": job.state.value,
        "cancel": job.cancel,
        "kind": spec.kind.value,
        "model": spec.model,
        "prompt": spec.prompt,
        "parameters": dict(spec.parameters),
        "seed": spec.seed,
        "team": spec.team,
        "batch": spec.batch,
        "row": spec.row,
        "accepted": job.accepted,
        "started": job.started,
        "ended": job.ended,
        "attempts": job.attempts,
        "progress": asdict(job.progress),
        "seconds": job.usage.seconds if job.usage else None,
        "completion_tokens": job.usage.completion_tokens if job.usage else None,
        "memory": job.usage.memory if job.usage else None,
        "estimate": asdict(job.estimate) if job.estimate else None,
        "error": job.error,
        "outputs": [{"name": each.name, "size": each.size, "sha256": each.sha256} for each in job.outputs],
    }


def _took(usage: "Usage") -> str:
    parts = [seconds_text(usage.seconds)]
    if usage.memory:
        parts.append(bytes_text(usage.memory))
    if usage.completion_tokens:
        parts.append(f"{usage.completion_tokens:,} tokens written")
    return ", ".join(parts)


def _expected(shop: "Workshop", job: "Job") -> str:
    """What was expected when it was accepted, else what such a job takes here; empty where its model is gone."""
    expected = job.estimate
    if expected is None and shop.models.has(job.spec.model):
        expected = shop.estimate([job.spec])
    return expected_text(expected) if expected is not None else ""


def expected_text(expected: "Estimate") -> str:
    """`14 s (9 s to 25 s), 3.2 GB (2.9 GB to 3.5 GB), cost 0.02 (0.01 to 0.04)`."""
    parts = [f"{seconds_text(expected.seconds)} ({seconds_text(expected.low)} to {seconds_text(expected.high)})"]
    memory, cost = expected.memory, expected.cost
    if memory.likely:
        parts.append(f"{bytes_text(memory.likely)} ({bytes_text(memory.low)} to {bytes_text(memory.high)})")
    if cost.likely:
        parts.append(f"cost {cost.likely:.2g} ({cost.low:.2g} to {cost.high:.2g})")
    return ", ".join(parts)
