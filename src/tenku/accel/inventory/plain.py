"""Between an inventory and plain JSON values (pure)."""

from collections.abc import Mapping, Sequence
from typing import Any

from tenku.accel.inventory.model import DTYPE, Call, Inventory, Part, Tensor

_FLOATS = {"inf": float("inf"), "-inf": float("-inf")}
"""JSON has no numbers for these."""


def head_of(inventory: Inventory) -> dict[str, Any]:
    """All of an inventory but its calls."""
    return {
        "model": inventory.model,
        "job": inventory.job,
        "libraries": dict(inventory.libraries),
        "parameters": inventory.parameters,
        "parts": {part.name: part.runs for part in inventory.parts},
    }


def call_to_plain(call: Call) -> list[Any]:
    """A call as a list: operator, arguments, keywords, results, counts, flops, moved."""
    keywords = {name: _to_plain(value) for name, value in call.keywords.items()}
    results = [_to_plain(result) for result in call.results]
    arguments = [_to_plain(value) for value in call.arguments]
    return [call.operator, arguments, keywords, results, dict(call.counts), call.flops, call.moved]


def call_from_plain(plain: Sequence[Any]) -> Call:
    """The call of what `call_to_plain` gave. Raises KeyError, TypeError, ValueError."""
    return _call(*plain)


def inventory_from_plain(plain: Mapping[str, Any]) -> Inventory:
    """The inventory of what `head_of` and `call_to_plain` gave. Raises KeyError, TypeError, ValueError."""
    return Inventory(
        model=plain["model"],
        job=plain["job"],
        libraries=plain["libraries"],
        parameters=plain["parameters"],
        parts=tuple(Part(name=name, runs=runs) for name, runs in plain["parts"].items()),
        calls=tuple(_call(*each) for each in plain["calls"]),
    )


def _call(
    operator: str, arguments: Any, keywords: Any, results: Any, counts: Mapping[str, int], flops: int, moved: int
) -> Call:
    return Call(
        operator=operator,
        arguments=tuple(_from_plain(value) for value in arguments),
        keywords={name: _from_plain(value) for name, value in keywords.items()},
        results=tuple(_from_plain(result) for result in results),
        counts=counts,
        flops=flops,
        moved=moved,
    )


def _to_plain(value: Any) -> Any:
    match value:
        case Tensor():
            plain: dict[str, Any] = {"shape": list(value.shape)}
            if value.dtype != DTYPE:
                plain["of"] = value.dtype
            if value.stride:
                plain["stride"] = list(value.stride)
            return plain
        case tuple() | list():
            return [_to_plain(each) for each in value]
        case float() if value - value != 0:
            return {"float": str(value)}
        case _:
            return value


def _from_plain(value: Any) -> Any:
    match value:
        case {"shape": shape}:
            return Tensor(shape=tuple(shape), dtype=value.get("of", DTYPE), stride=tuple(value.get("stride", ())))
        case {"float": text}:
            return _FLOATS[text]
        case list():
            return tuple(_from_plain(each) for each in value)
        case _:
            return value
