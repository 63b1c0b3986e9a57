"""What the studio costs: our server beside llama.cpp itself, Wan beside plain diffusers, estimates, cache, sheets.

    python -m benchmarks.studio [--rounds 5] [--only server] [--size 1.3b] [--json FILE]

docs/benchmarks.md says how it is measured and what the numbers mean.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import machine, report
from benchmarks.report import Row
from benchmarks.stream import BenchmarkError
from tenku.base.errors import TenkuError

PARTS = ("server", "hits", "estimator", "sheet", "wan")
ROUNDS = 5
BUSY_LOAD = 0.7
FIRST, RATE, TOGETHER = 1.05, 0.95, 0.95
"""Our time to the first token and tokens a second beside llama.cpp's own, and those of eight streams together."""
HIT_MS, SHEET_S, ERROR = 20, 1.0, 0.20


def main() -> int:
    """Measure, print, and say by the exit code whether all that is asked was reached."""
    arguments = parse()
    facts = machine.facts()  # before the benchmark's own load
    rows: list[Row] = []
    details: dict[str, Any] = {}
    try:
        for part in arguments.only or PARTS:
            found = MEASURES[part](arguments)
            details[part] = found
            rows += ROWS[part](found)
    except (BenchmarkError, TenkuError) as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 2
    print("\n".join(f"{name}: {text}" for name, text in facts.items() if name != "browser"))
    if float(facts["load before"].split()[0]) > BUSY_LOAD:
        print("\nThis machine was busy before the benchmark began: run again when it is quiet.")
    if "wan" in details:
        print("\n" + accelerations(details["wan"]))
    print("\n" + report.table(rows))
    if arguments.json:
        kept = {"machine": facts, "rows": report.as_json(rows), "details": details}
        arguments.json.write_text(json.dumps(kept, indent=1) + "\n")
    return 0 if all(row.ok for row in rows) else 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studio", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often all is measured (default {ROUNDS})")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure this part only; may be repeated")
    parser.add_argument("--size", choices=("tiny", "1.3b", "5b"), default="tiny", help="of Wan (default tiny)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured to a file")
    return parser.parse_args()


def model() -> Path:
    """The small real text model of the tests. Raises BenchmarkError."""
    sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))  # the tests bring it by a file of their own
    tests = importlib.import_module("studio_models")
    try:
        return Path(tests.smollm2_file())
    except tests.NoModelError as error:
        raise BenchmarkError(f"The test model cannot be had: {error}") from error


def _server(arguments: argparse.Namespace) -> dict[str, Any]:
    from benchmarks.studio import server

    return server.measure(model(), rounds=arguments.rounds)


def _server_rows(found: dict[str, Any]) -> list[Row]:
    def row(name: str, key: str, unit: str, limit: float, *, scale: float = 1, at_least: bool = True) -> Row:
        ours, theirs = (scale * median(found[f"{who} {key}"]) for who in ("tenku", "direct"))
        return Row(name=name, measured=ours, peer=theirs, unit=unit, limit=limit, at_least=at_least)

    return [
        row("first token, beside llama.cpp itself", "first", "ms", FIRST, scale=1000, at_least=False),
        row("one stream", "rate", "tokens/s", RATE),
        row("eight streams together", "together", "tokens/s", TOGETHER),
    ]


def _hits(arguments: argparse.Namespace) -> dict[str, Any]:
    from benchmarks.studio import hits

    return {"seconds": hits.measure(model(), rounds=4 * arguments.rounds)}


def _hits_rows(found: dict[str, Any]) -> list[Row]:
    return [Row(name="cache hit, by the API", measured=1000 * median(found["seconds"]), unit="ms", limit=HIT_MS)]


def _estimator(arguments: argparse.Namespace) -> dict[str, Any]:
    from benchmarks.studio import estimator

    return estimator.measure(model(), rounds=max(1, arguments.rounds // 2))


def _estimator_rows(found: dict[str, Any]) -> list[Row]:
    return [
        Row(name=f"estimate after ten jobs, {kind}", measured=each["median_error"], unit="of actual", limit=ERROR)
        for kind, each in found.items()
    ]


def _sheet(arguments: argparse.Namespace) -> dict[str, Any]:
    from benchmarks.studio import sheet

    return sheet.measure(arguments.rounds)


def _sheet_rows(found: dict[str, Any]) -> list[Row]:
    peer = found["place"].get("rectpack", {}).get("seconds")
    rows = [Row(name="sheet of 256 sprites", measured=found["compose"]["tenku"]["seconds"], unit="s", limit=SHEET_S)]
    if peer:
        ours = found["place"]["tenku"]["seconds"]
        rows.append(Row(name="placing them, beside rectpack", measured=ours, peer=peer, unit="s", limit=1))
    return rows


def _wan(arguments: argparse.Namespace) -> dict[str, Any]:
    from benchmarks.studio import wan

    return wan.measure(arguments.rounds, size=arguments.size)


def _wan_rows(found: dict[str, Any]) -> list[Row]:
    ours, plain = found["ours_s"], found["plain_s"]
    return [Row(name=f"Wan {found['size']}, beside plain diffusers", measured=ours, peer=plain, unit="s", limit=1)]


def accelerations(found: dict[str, Any]) -> str:
    """What each acceleration brings and costs."""
    rows = [
        (name, f"{each['ratio']:.2f}", f"{each['mean_error']:.4f}", f"{each['largest_error']:.4f}")
        for name, each in found["accelerations"].items()
    ]
    return report.plain_table(("acceleration", "times as quick", "mean error", "largest error, of 1"), rows)


MEASURES: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "server": _server,
    "hits": _hits,
    "estimator": _estimator,
    "sheet": _sheet,
    "wan": _wan,
}
ROWS: dict[str, Callable[[dict[str, Any]], list[Row]]] = {
    "server": _server_rows,
    "hits": _hits_rows,
    "estimator": _estimator_rows,
    "sheet": _sheet_rows,
    "wan": _wan_rows,
}

if __name__ == "__main__":
    sys.exit(main())
