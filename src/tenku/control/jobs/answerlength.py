"""How many tokens an answer that holds a JSON Schema is likely to have."""

from collections.abc import Mapping
from typing import Any

CHARACTERS_A_TOKEN = 4.0
FRAME_TOKENS = 4.0
"""Quotes, colon, comma, new line."""
USUAL_TEXT = 60
"""Characters of a text that may be as long as it likes."""
USUAL_ITEMS = 3.0
DEEP = 6
"""Further down a schema may be one that holds itself."""
MOST = 4096.0


def answer_tokens(schema: Any) -> float:
    """Tokens of a likely answer, roughly; at least 1. What a schema says of lengths counts, the rest is the usual."""
    return max(1.0, min(MOST, _tokens(schema, 0)))


def _tokens(schema: Any, depth: int) -> float:
    if not isinstance(schema, Mapping) or depth > DEEP:
        return FRAME_TOKENS
    choices = schema.get("enum") or ([schema["const"]] if "const" in schema else None)
    if isinstance(choices, list | tuple):
        return _mean([len(str(each)) / CHARACTERS_A_TOKEN + 1.0 for each in choices])
    for name in ("anyOf", "oneOf"):
        if isinstance(schema.get(name), list | tuple):
            return _mean([_tokens(each, depth + 1) for each in schema[name]])
    properties = schema.get("properties")
    if isinstance(properties, Mapping):
        return FRAME_TOKENS + sum(
            FRAME_TOKENS + len(str(name)) / CHARACTERS_A_TOKEN + _tokens(each, depth + 1)
            for name, each in properties.items()
        )
    if schema.get("type") == "array" or "items" in schema:
        return FRAME_TOKENS + _items(schema) * (1.0 + _tokens(schema.get("items"), depth + 1))
    if schema.get("type") == "string":
        return 1.0 + min(_number(schema, "maxLength", USUAL_TEXT), USUAL_TEXT) / CHARACTERS_A_TOKEN
    return 2.0


def _items(schema: Mapping[str, Any]) -> float:
    least, most = _number(schema, "minItems", 0.0), _number(schema, "maxItems", float("inf"))
    return min(max(least, USUAL_ITEMS), most)


def _number(schema: Mapping[str, Any], name: str, usual: float) -> float:
    value = schema.get(name)
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e6 else usual


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else FRAME_TOKENS
