"""What the commands that make texts share: run a recipe with a bar, write files as they come, say how it went."""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenku.cli.amounts import HELD, count_text, seconds_text
from tenku.cli.contents import rows
from tenku.cli.progress import Bar, terminal_bar
from tenku.cli.signals import run_stoppable
from tenku.cli.studio import print_json
from tenku.studio.model import JobId, Progress, State

if TYPE_CHECKING:
    from tenku.control.jobs.estimate import Estimate
    from tenku.studio.making import Piece
    from tenku.studio.recipes.recipe import Recipe
    from tenku.workshop import Workshop

STOPPED = (
    "Stopped. What is made is kept, and what was queued is cancelled. Run the same command again: it makes what is "
    "missing."
)
KNOWN_S = 0.001
"""An estimate below this is none: the model is elsewhere, and made nothing yet."""
SHOWN = 5
"""Failures that are told on the terminal; the report has all of them."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """How a recipe went."""

    pieces: "Sequence[Piece]"
    expected: "Estimate | None"
    """Of what had to be made; None: nothing."""
    made: int
    """Asks that were not there already."""
    seconds: float
    """By the clock."""

    def of(self, *states: State) -> "list[Piece]":
        """Those that came to this."""
        return [each for each in self.pieces if each.state in states]


class Watch:
    """Implements `Watcher`: moves the bar, and hands pieces on."""

    def __init__(self, bar: Bar, *, keep: "Callable[[Piece], None]") -> None:
        self._bar = bar
        self._keep = keep

    def piece(self, piece: "Piece") -> None:
        """See `Watcher`."""
        self._keep(piece)
        self._bar.detail("")
        self._bar.advance(1)

    def running(self, job: JobId, progress: Progress) -> None:  # noqa: ARG002 - one is at work at a time
        """See `Watcher`."""
        self._bar.detail(progress_text(progress))


def progress_text(progress: Progress) -> str:
    """`step 12 of 20`, `300 tokens`; empty: nothing is known yet."""
    if progress.held:
        return HELD
    if not progress.done:
        return ""
    if not progress.total:
        return f"{progress.done:,} {progress.unit}"
    return f"{progress.unit.removesuffix('s')} {progress.done:,} of {progress.total:,}"


def run_recipe(
    args: argparse.Namespace,
    shop: "Workshop",
    recipe: "Recipe",
    *,
    what: str,
    keep: "Callable[[Piece], None]",
    set_name: str = "",
) -> Run:
    """Have a recipe's jobs made, in a bar; `what` is made: `text`, `item`. `set_name`: the set that they belong to.

    Raises:
        TenkuError: it cannot begin, or nobody works.
        KeyboardInterrupt: somebody stopped it.
    """
    started = time.monotonic()
    with (
        terminal_bar(as_json=args.json) as bar,
        shop.making(recipe, watcher=Watch(bar, keep=keep), set_name=set_name) as making,
    ):
        asks = recipe.asks()
        for ask in asks:
            shop.check(ask.spec)
        bar.phase("make", total=len(asks), unit=what)
        rest = making.reuse(asks)
        expected = shop.estimate([ask.spec for ask in rest]) if rest else None
        if expected is not None and not args.json:
            bar.note(expectation(expected, len(rest), what))
        if rest:
            run_stoppable(shop.work(making, rest, notify=bar.note), stopped=STOPPED)
        return Run(
            pieces=sorted(making.pieces, key=lambda each: each.ask.spec.row),
            expected=expected,
            made=len(rest),
            seconds=time.monotonic() - started,
        )


def expectation(estimate: "Estimate", number: int, what: str) -> str:
    """`About 14 s for 20 texts (9 s to 25 s), from 12 jobs that were done here.`"""
    if estimate.high < KNOWN_S:
        return f"How long {count_text(number, what)} will take is not known yet: the model is not on this machine."
    spread = f"{seconds_text(estimate.low)} to {seconds_text(estimate.high)}"
    source = f"from {count_text(estimate.jobs, 'job')} done here" if estimate.jobs else "a first guess"
    return f"About {seconds_text(estimate.seconds)} for {count_text(number, what)} ({spread}; {source})."


def say(args: argparse.Namespace, run: Run, *, what: str, where: str, bad: Sequence[tuple[str, str]] = ()) -> None:
    """Print how it went, unless JSON is wanted. `bad`: rows that made no job, and why."""
    if args.json:
        return
    done, all = run.of(State.DONE), len(run.pieces) + len(bad)
    print(f"Made {len(done)} of {count_text(all, what)}{f' in {where}' if where else ''}.\n")
    reused = sum(each.reused for each in run.pieces)
    took = seconds_text(run.seconds)
    if run.expected is not None:
        took += f", of which {seconds_text(work_seconds(run))} on the device; {seconds_text(run.expected.seconds)} "
        took += "were expected there"
    print(rows(("reused", f"{reused:,}, made before" if reused else ""), ("took", took)))
    failures = [*bad, *((_name(each), each.error) for each in run.pieces if each.state is not State.DONE)]
    if failures:
        print("\nNot made:")
        print(rows(*failures[:SHOWN], width=max(len(name) for name, _ in failures[:SHOWN]) + 2))
        if len(failures) > SHOWN:
            print(f"  and {len(failures) - SHOWN} more")


def tell_table(
    args: argparse.Namespace,
    shop: "Workshop",
    run: Run,
    *,
    out: Path,
    text: str,
    what: str,
    bad: Sequence[tuple[int, str, str]] = (),
) -> None:
    """Write a table, the report and the provenance beside it, and print how it went. `bad`: line, name and error.

    Raises:
        FolderError: they cannot be written.
    """
    from tenku.studio.outfolder import put_table, report_rows

    made = {each.ask.key: out.name for each in run.of(State.DONE)}
    rows = report_rows(run.pieces, files=made, estimates=shop.estimates, bad=bad)
    report = put_table(out, text, run.pieces, rows, shop.results)
    failed = [(f"line {line} {name}", why) for line, name, why in bad]
    if args.json:
        print_json(as_json(run, bad=failed, file=str(out), report=str(report)))
    say(args, run, what=what, where=str(out), bad=failed)


def work_seconds(run: Run) -> float:
    """What the jobs took on the device, together."""
    return sum(each.seconds for each in run.pieces)


def as_json(run: Run, *, bad: Sequence[tuple[str, str]] = (), **more: Any) -> dict[str, Any]:
    """How it went as plain data."""
    return {
        "made": len(run.of(State.DONE)),
        "failed": len(run.pieces) - len(run.of(State.DONE)) + len(bad),
        "reused": sum(each.reused for each in run.pieces),
        "seconds": round(run.seconds, 3),
        "work_seconds": round(work_seconds(run), 3),
        "estimate_seconds": round(run.expected.seconds, 3) if run.expected else 0.0,
        "pieces": [piece_json(each) for each in run.pieces],
        "bad_rows": [{"name": name, "error": error} for name, error in bad],
        **more,
    }


def piece_json(piece: "Piece") -> dict[str, Any]:
    """One piece as plain data."""
    return {
        "name": piece.ask.key,
        "line": piece.ask.line or None,
        "state": piece.state.value,
        "job": piece.job,
        "seed": piece.ask.spec.seed,
        "attempts": piece.ask.attempt,
        "reused": piece.reused,
        "seconds": round(piece.seconds, 3),
        "error": piece.error,
    }


def exit_code(run: Run, bad: Sequence[object] = ()) -> int:
    """1 where anything was not made."""
    return 1 if bad or len(run.of(State.DONE)) < len(run.pieces) else 0


def _name(piece: "Piece") -> str:
    return f"line {piece.ask.line} {piece.ask.key}" if piece.ask.line else piece.ask.key
