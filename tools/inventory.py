"""Takes the inventories of models anew and keeps them in src/; `--check` only compares.

    python tools/inventory.py [MODEL …] [--check]

Each model is taken in a process of its own, one after the other: what one leaves in memory is no other one's.
"""

import argparse
import subprocess
import sys

from tenku.accel.inventory.read import DATA
from tenku.accel.inventory.write import text_of, write_inventory


def main() -> int:
    arguments = parse()
    if not arguments.here:
        return all_of(arguments.models, check=arguments.check)
    return sum(one(model, check=arguments.check) for model in arguments.models)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help="take only these; default: all")
    parser.add_argument("--check", action="store_true", help="compare only, and fail where something has changed")
    parser.add_argument("--here", action="store_true", help="in this very process")
    return parser.parse_args()


def all_of(models: list[str], *, check: bool) -> int:
    """How many could not be taken, or have changed."""
    from tenku.accel.inventory.record import SUBJECTS

    flags = ["--here", *(["--check"] if check else [])]
    gone = [] if models else [file for file in DATA.glob("*.json") if file.stem not in SUBJECTS]
    for file in gone:
        print(f"{file.name} is of a model that is no longer taken" + ("" if check else ", and was removed"))
        if not check:
            file.unlink()
    commands = [[sys.executable, __file__, *flags, model] for model in models or SUBJECTS]
    failed = sum(subprocess.run(command, check=False).returncode != 0 for command in commands)
    return failed + (len(gone) if check else 0)


def one(model: str, *, check: bool) -> int:
    """0, or 1 where the kept one is another."""
    from tenku.accel.inventory.record import record

    inventory = record(model)
    file = DATA / f"{model}.json"
    same = file.exists() and file.read_text(encoding="utf-8") == text_of(inventory)
    print(f"{model}: {len(inventory.calls)} calls, {'as kept' if same else 'changed'}", flush=True)
    if not check:
        write_inventory(inventory, DATA)
    return int(check and not same)


if __name__ == "__main__":
    sys.exit(main())
