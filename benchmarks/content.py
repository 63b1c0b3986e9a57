"""How few bytes, how fast and how small content is: Tenku beside casync, zsync, rsync, xdelta3 and zstd, in one run.

    python -m benchmarks.content [--quick] [--rounds 3] [--pairs stk wz] [--only bytes] [--json FILE]

docs/benchmarks.md says how it is measured and what the numbers mean.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

from benchmarks import machine, report
from benchmarks.contents import corpora, kill, memory, publish, small, update
from benchmarks.contents.corpora import Pair
from benchmarks.report import Row
from benchmarks.stream import BenchmarkError

PARTS = ("bytes", "time", "others", "publish", "small", "kill", "disk", "memory")
TOOLS = ("casync", "zsync", "rsync", "xdelta3", "zstd", "nginx", "tar", "dpkg-deb", "apt-get")
ROUNDS, KILLS = 3, 20
KILLED, LOW_DISK = "wz", "stk"
"""The pairs that are killed, and that are replaced file by file, where they are among those chosen."""
MEMORY_MB = 512
FILES_A_SECOND = 5000
BUSY_LOAD = 0.7


def main() -> int:
    """Measure, print, and say by the exit code whether all that is asked was reached."""
    arguments = parse()
    facts = machine.facts()  # before the benchmark's own load
    try:
        _check_tools()
        pairs = [corpora.load(name) for name in arguments.pairs]
        with tempfile.TemporaryDirectory(prefix="work-", dir=corpora.cache_folder()) as work:
            rows, tables, details = run(arguments, pairs, Path(work))
    except BenchmarkError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 2
    print("\n".join(f"{name}: {text}" for name, text in facts.items() if name != "browser"))
    print("\n".join(f"{pair.name}: {pair.versions[0]} -> {pair.versions[1]}" for pair in pairs))
    if float(facts["load before"].split()[0]) > BUSY_LOAD:
        print("\nThis machine was busy before the benchmark began: run again when it is quiet.")
    print("\n" + "\n\n".join([*tables, report.table(rows)]))
    if arguments.json:
        kept = {"machine": facts, "rows": report.as_json(rows), "details": details}
        arguments.json.write_text(json.dumps(kept, indent=1) + "\n")
    return 0 if all(row.ok for row in rows) else 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.content", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often all is measured (default {ROUNDS})")
    parser.add_argument("--quick", action="store_true", help="one round, two pairs, 2 GB for memory, 3 kills")
    parser.add_argument("--pairs", nargs="+", choices=tuple(corpora.PAIRS), help="these pairs of versions only")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure this part only; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured to a file")
    arguments = parser.parse_args()
    arguments.pairs = arguments.pairs or (corpora.QUICK if arguments.quick else corpora.USUAL)
    arguments.rounds = 1 if arguments.quick else arguments.rounds
    return arguments


def run(
    arguments: argparse.Namespace, pairs: Sequence[Pair], work: Path
) -> tuple[list[Row], list[str], dict[str, object]]:
    """The parts that were asked for: rows, tables, and all that was measured."""
    parts, quick, rounds = arguments.only or PARTS, arguments.quick, arguments.rounds
    rows: list[Row] = []
    tables: list[str] = []
    details: dict[str, object] = {}
    if "small" in parts:  # first: new files are slow to make where other parts have just removed very many
        files = small.measure(work / "small", rounds=rounds)
        details["small"] = asdict(files)
        tables.append(small.table(files))
        for name, rates in (("publish", files.publish), ("pull", files.pull)):
            what = f"{name} {small.FILES} small files"
            rows.append(Row(name=what, measured=median(rates), unit="files/s", limit=FILES_A_SECOND, at_least=True))
    if {"bytes", "time", "others"} & set(parts):
        others = "others" in parts
        updates = [update.measure(pair, work / "update", rounds=rounds, others=others) for pair in pairs]
        details["updates"] = {each.pair.name: each.as_json() for each in updates}
        tables.append(update.tables(updates))
        rows += update.byte_rows(updates) if "bytes" in parts else []
        rows += update.time_rows(updates) if "time" in parts else []
    if "publish" in parts:
        published = [publish.measure(pair, work / "publish", rounds=rounds) for pair in pairs]
        details["publish"] = {each.pair.name: each.as_json() for each in published}
        tables.append(publish.table(published))
        rows += publish.rows(published)
    if "kill" in parts:
        killed = kill.measure(_pair(pairs, KILLED), work / "kill", kills=3 if quick else KILLS)
        details["kill"] = asdict(killed)
        name = f"fetched again for each of {killed.kills} kills"
        rows.append(Row(name=name, measured=killed.again / killed.kills / 1e6, unit="MB", limit=kill.RANGES / 1e6))
    if "disk" in parts:
        disk = memory.low_disk(_pair(pairs, LOW_DISK), work / "disk")
        details["disk"] = asdict(disk)
        rows.append(
            Row(name="extra disk, low-disk mode", measured=disk.extra / 1e6, unit="MB", limit=disk.largest / 1e6)
        )
    if "memory" in parts:
        used = memory.measure(work / "memory", scale=0.1 if quick else 1.0)
        details["memory"] = used.as_json()
        for name, one in (("publish", used.publish), ("pull", used.pull)):
            what = f"peak memory, {name} {used.size / 1e9:.0f} GB"
            rows.append(Row(name=what, measured=one.peak_mb, unit="MB", limit=MEMORY_MB))
    return rows, tables, details


def _pair(pairs: Sequence[Pair], name: str) -> Pair:
    return next((pair for pair in pairs if pair.name == name), pairs[0])


def _check_tools() -> None:
    missing = [name for name in TOOLS if shutil.which(name) is None]
    if missing:
        raise BenchmarkError(
            f"{', '.join(missing)} cannot be found: install Debian's casync zsync rsync xdelta3 zstd nginx-light."
        )


if __name__ == "__main__":
    sys.exit(main())
