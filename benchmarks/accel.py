"""What it costs to take a model's inventory, and to make a report of a tiny model on the processor.

    python -m benchmarks.accel [--model ltx-2] [--tiny tiny-wan] [--rounds 3] [--json FILE]

Each runs in a process of its own, imports included. The largest model is the one with the most calls in all its parts:
that is what takes the time. The medians of all rounds count.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import machine, report
from benchmarks.report import Row
from tenku.accel.inventory.read import inventory_of, names

SECONDS, GIGABYTES, REPORT_SECONDS = 60, 2.0, 60
"""What is asked on two cores."""
BUSY_LOAD = 0.7
TAKE = "import sys; from tenku.accel.inventory.record import record; record(sys.argv[1])"


@dataclass(frozen=True, slots=True)
class Cost:
    """One run."""

    seconds: float
    cpu: float
    """Seconds of the processor, with those of all children: what it costs, however busy others keep the machine."""
    peak_gb: float
    """Of the largest process."""


def main() -> int:
    """Measure, print, and say by the exit code whether all that is asked was reached."""
    arguments = parse()
    facts = machine.facts()
    model = arguments.model or largest()
    taking = [cost([sys.executable, "-c", TAKE, model]) for _ in range(arguments.rounds)]
    reporting = [report_cost(arguments.tiny) for _ in range(arguments.rounds)]
    rows = [
        Row(name=f"inventory of {model}", measured=middle(taking).seconds, unit="s", limit=SECONDS),
        Row(name="its memory at the peak", measured=middle(taking).peak_gb, unit="GB", limit=GIGABYTES),
        Row(name=f"report of {arguments.tiny}", measured=middle(reporting).seconds, unit="s", limit=REPORT_SECONDS),
    ]
    print("\n".join(f"{name}: {text}" for name, text in facts.items() if name != "browser"))
    if float(facts["load before"].split()[0]) > BUSY_LOAD:
        print("\nThis machine was busy before the benchmark began: run again when it is quiet.")
    print("\n" + report.table(rows))
    if arguments.json:
        details = {"inventory": [asdict(each) for each in taking], "report": [asdict(each) for each in reporting]}
        kept = {"machine": facts, "rows": report.as_json(rows), "details": details}
        arguments.json.write_text(json.dumps(kept, indent=1) + "\n")
    return 0 if all(row.ok for row in rows) else 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accel", description=__doc__.split("\n")[0])
    parser.add_argument("--model", choices=names(), help="whose inventory (default: the largest)")
    parser.add_argument("--tiny", choices=names(), default="tiny-wan", help="whose report (default: tiny-wan)")
    parser.add_argument("--rounds", type=int, default=3, help="how often all is measured (default: 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured to a file")
    return parser.parse_args()


def largest() -> str:
    """The model with the most calls."""
    return max(names(), key=lambda name: sum(sum(call.counts.values()) for call in inventory_of(name).calls))


def report_cost(model: str) -> Cost:
    """What the whole report costs on the processor, as a user asks for it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tenku.cli.main", "devices", "report", "--device", "cpu", "--json"]
        return cost([*command, "--model", model, "--out", folder])


def middle(costs: list[Cost]) -> Cost:
    """The one whose time is the median."""
    return sorted(costs, key=lambda each: each.seconds)[len(costs) // 2]


def cost(command: list[str]) -> Cost:
    """Run a command in a new process, and see what the system says of that one. Raises CalledProcessError."""
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    # Linux counts in KiB.
    return Cost(time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e9)


if __name__ == "__main__":
    sys.exit(main())
