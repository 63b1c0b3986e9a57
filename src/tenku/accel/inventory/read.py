"""Reads the inventories that are kept in the project. Needs no torch."""

import hashlib
import json
from pathlib import Path

from tenku.accel.inventory.model import Inventory
from tenku.accel.inventory.plain import inventory_from_plain
from tenku.accel.inventory.write import text_of
from tenku.base.errors import MachineError, UsageError

DATA = Path(__file__).parent / "data"


def names(folder: Path = DATA) -> tuple[str, ...]:
    """Models whose inventory is kept."""
    return tuple(sorted(file.stem for file in folder.glob("*.json")))


def inventory_of(model: str, folder: Path = DATA) -> Inventory:
    """What a model asks of a device. Raises UsageError, MachineError."""
    there = names(folder)
    if model not in there:
        raise UsageError(
            f"There is no inventory of a model {model[:80]!r}.", hint=f"There are: {', '.join(there) or 'none'}."
        )
    file = folder / f"{model}.json"
    try:
        return inventory_from_plain(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise MachineError(
            f"The inventory {file} cannot be read ({type(error).__name__}: {error}).",
            hint="Install Tenku again, or make it again with `make inventory`.",
        ) from error


def hash_of(inventory: Inventory) -> str:
    """Which calls these are: the same for the same calls, whichever libraries they were taken with."""
    text = text_of(inventory).partition('"calls":')[2]
    return hashlib.sha256(text.encode()).hexdigest()
