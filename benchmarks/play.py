"""How fast, how smooth and how cheap a streamed game is: Tenku beside Selkies, in one run.

    python -m benchmarks.play [--quick] [--rounds 3] [--presses 60] [--long] [--json FILE]

docs/benchmarks.md says how it is measured and what the numbers mean.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import alone, compare, machine, measure, report, selkies, tenku
from benchmarks.compare import Opener, Round, middle
from benchmarks.report import Row
from benchmarks.stream import BenchmarkError

OURS = "tenku"
PEERS: dict[str, Opener] = {
    "selkies webrtc": partial(selkies.stream, "webrtc"),
    "selkies websockets": partial(selkies.stream, "websockets"),
}
PARTS = ("compare", "first", "skew", "memory", "pair")
MEMORY_S, LONG_MEMORY_S = 120, 600
SIZE = (1280, 720)
BUSY_PERCENT = 5.0
BUSY_LOAD = 0.7
GROWTH_MB = 2.0
"""Growth below this is the allocator's noise: a leak of one frame in a hundred would be 50 MB in ten minutes."""


def main() -> int:
    """Measure, print, and say by the exit code whether all that is asked was reached."""
    arguments = parse()
    facts = machine.facts()  # before the benchmark's own load
    try:
        rows, rounds, details = run(arguments)
    except BenchmarkError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 2
    print("\n".join(f"{name}: {text}" for name, text in facts.items()))
    if rounds:
        print(f"selkies {selkies.VERSION}: {' '.join(f'--{name} {value}' for name, value in selkies.SETTINGS.items())}")
        print()
        print(splits(rounds))
        print("".join(f"\n{note}" for note in doubts(rounds, load=float(facts["load before"].split()[0]))))
    print(f"\n{report.table(rows)}")
    if arguments.json:
        kept = {"machine": facts, "rows": report.as_json(rows), "rounds": compare.as_json(rounds), "details": details}
        arguments.json.write_text(json.dumps(kept, indent=1) + "\n")
    return 0 if all(row.ok for row in rows) else 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.play", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="how often each design is measured (default 3)")
    parser.add_argument("--presses", type=int, default=60, help="key presses a round (default 60)")
    parser.add_argument("--quick", action="store_true", help="one round of 15 presses, 5 pages, 20 s of memory")
    parser.add_argument("--long", action="store_true", help="watch memory for 10 minutes instead of 2")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure this part only; may be repeated")
    parser.add_argument("--designs", nargs="+", choices=[OURS, *PEERS], help="compare these only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured to a file")
    return parser.parse_args()


def run(arguments: argparse.Namespace) -> tuple[list[Row], list[Round], dict[str, object]]:
    """The parts that were asked for, each with its rows."""
    parts, quick = arguments.only or PARTS, arguments.quick
    rows: list[Row] = []
    rounds: list[Round] = []
    details: dict[str, object] = {}
    if "compare" in parts:
        rounds = compared(arguments)
        rows += comparison_rows(rounds)
    if "first" in parts:
        pictures = alone.first_pictures(times=5 if quick else 20)
        details["first_pictures_ms"] = pictures
        rows.append(Row(name="first picture of a page", measured=measure.median(pictures), unit="ms", limit=300))
    if "skew" in parts:
        skews = alone.skews(seconds=5 if quick else 20)
        details["skews_ms"] = skews
        rows.append(Row(name="sound beside picture, p95", measured=measure.p95(skews), unit="ms", limit=60))
    if "pair" in parts:
        both = alone.pair(seconds=5 if quick else 15)
        details["pair_fps"] = both
        rows.append(Row(name="the slower of two 720p30", measured=min(both), unit="fps", limit=29, at_least=True))
    if "memory" in parts:
        memory = alone.memory(seconds=20 if quick else LONG_MEMORY_S if arguments.long else MEMORY_S)
        details["memory_mb"] = {"resident": memory.resident, "proportional": memory.proportional}
        rows.append(Row(name="memory of the session", measured=memory.most, unit="MB", limit=150))
        name = f"its growth in {memory.seconds:.0f} s"
        rows.append(Row(name=name, measured=memory.growth, unit="MB", limit=GROWTH_MB))
    return rows, rounds, details


def compared(arguments: argparse.Namespace) -> list[Round]:
    everything: dict[str, Opener] = {OURS: tenku.stream, **PEERS}
    chosen = {name: everything[name] for name in arguments.designs or everything}
    if set(chosen) - {OURS}:
        selkies.install()
    rounds, presses = (1, 15) if arguments.quick else (arguments.rounds, arguments.presses)
    return compare.compare(chosen, rounds=rounds, presses=presses)


def comparison_rows(rounds: Sequence[Round]) -> list[Row]:
    """What is asked of Tenku beside each peer that was measured."""
    designs = {one.design for one in rounds}
    if OURS not in designs:
        return []
    asked = (
        ("input to shown, median", "input_to_shown", "ms", 0.9),
        ("input to shown, p95", "input_to_shown_p95", "ms", 0.9),
        ("of it streaming, median", "streaming", "ms", 0.7),
        ("CPU of the server", "cpu", "%", 1.0),
    )
    rows = [
        Row(
            name=f"{name}, beside {peer}",
            measured=middle(rounds, OURS, value),
            unit=unit,
            peer=middle(rounds, peer, value),
            limit=limit,
        )
        for peer in PEERS
        if peer in designs
        for name, value, unit, limit in asked
    ]
    fps = middle(rounds, OURS, "fps")
    # A picture that shrank is cheaper in every way: without this row a ratio could be won by it.
    width = min(one.size[0] for one in rounds if one.design == OURS)
    return [
        *rows,
        Row(name="frames per second", measured=fps, unit="fps", limit=59, at_least=True),
        Row(name="smallest width of the picture", measured=width, unit="px", limit=SIZE[0], at_least=True),
    ]


def doubts(rounds: Sequence[Round], *, load: float) -> list[str]:
    """What speaks against trusting the numbers, as sentences."""
    said = []
    if load > BUSY_LOAD:
        said.append(f"This machine was busy before the benchmark began (load {load}): run again when it is quiet.")
    stolen = max(one.stolen for one in rounds)
    if stolen > BUSY_PERCENT:
        said.append(f"Other guests of this machine's host took up to {stolen:.0f} % of it: run again when it is quiet.")
    for design in dict.fromkeys(one.design for one in rounds):
        width, height = min(one.size for one in rounds if one.design == design)
        if (width, height) != SIZE:
            said.append(f"{design} did not keep its picture at 1280x720; the smallest shown was {width}x{height}.")
    return said


def splits(rounds: Sequence[Round]) -> str:
    """Where the time went, design by design: medians over the rounds."""
    columns = {
        "input to shown": "input_to_shown",
        "p95": "input_to_shown_p95",
        "to game": "to_game",
        "game": "game",
        "streaming": "streaming",
        "p95 ": "streaming_p95",
        "fps": "fps",
        "CPU %": "cpu",
        "Mbit/s": "megabits",
        "reading": "sampling_ms",
        "lost": "lost",
        "stolen %": "stolen",
    }

    def values(name: str) -> list[str]:
        return [f"{middle(rounds, name, value):.1f}" for value in columns.values()]

    designs = list(dict.fromkeys(one.design for one in rounds))
    sources = {one.design: one.source for one in rounds}
    sizes = {name: min(one.size for one in rounds if one.design == name) for name in designs}
    lines = [(name, *values(name), f"{sources[name]} {'x'.join(map(str, sizes[name]))}") for name in designs]
    return report.plain_table(("design, times in ms", *columns, "read from"), lines)


if __name__ == "__main__":
    sys.exit(main())
