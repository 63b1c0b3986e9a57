"""Writes an inventory as a file: JSON with a line for each call, so that a change shows which ones it is about."""

import json
from pathlib import Path
from typing import Any

from tenku.accel.inventory.model import Inventory
from tenku.accel.inventory.plain import call_to_plain, head_of


def text_of(inventory: Inventory) -> str:
    """The inventory's file."""
    head = ",\n".join(f"{_json(name)}:{_json(value)}" for name, value in head_of(inventory).items())
    calls = ",\n".join(_json(call_to_plain(call)) for call in inventory.calls)
    return f'{{\n{head},\n"calls":[\n{calls}\n]\n}}\n'


def write_inventory(inventory: Inventory, folder: Path) -> Path:
    """Put the inventory's file into a folder."""
    file = folder / f"{inventory.model}.json"
    file.write_text(text_of(inventory), encoding="utf-8")
    return file


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
