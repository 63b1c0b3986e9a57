"""A simulated chip with one fault, for children: `accel_blocks:chips:0`."""

import importlib
from typing import Any


def chips() -> list[Any]:
    """It has no operator for what Qwen3 does in the middle of each block."""
    example = importlib.import_module("simulated_chip")
    return [example.SimulatedChip(faults=example.Faults(missing=frozenset({"aten.silu.default"})))]
