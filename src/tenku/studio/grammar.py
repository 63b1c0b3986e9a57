"""Which JSON schemas may become a grammar: large or odd ones would hold up everybody who shares the model (pure)."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tenku.base.errors import JobError

MAX_BYTES = 128 * 1024
MAX_DEPTH = 32
MAX_CHOICES = 500
"""Values of all `enum` together: time rises with their square, and 1000 take three seconds."""
MAX_REPEAT = 2000
"""What a schema may demand at least of: characters or items."""


def check_grammar(schema: Any) -> None:
    """Raises JobError: it is no schema that can bind what a model writes."""
    if not isinstance(schema, Mapping):
        # llama.cpp would take it for no schema at all, and answer in plain words.
        raise JobError("The JSON schema is no object.", hint='Write one like {"type": "object", "properties": …}.')
    try:
        size = len(json.dumps(schema, allow_nan=False))
    except (ValueError, TypeError, RecursionError):
        raise JobError("The JSON schema is no JSON, or nested too deeply.", hint="Make it flatter.") from None
    if size > MAX_BYTES:
        raise JobError(f"The JSON schema has {size} bytes; {MAX_BYTES} are allowed.", hint="Make it smaller.")
    choices = 0
    for depth, each in _parts(schema, 0):
        if depth > MAX_DEPTH:
            raise JobError(f"The JSON schema is nested deeper than {MAX_DEPTH}.", hint="Make it flatter.")
        enum = each.get("enum")
        choices += len(enum) if isinstance(enum, list) else 0
        _check_part(each)
    if choices > MAX_CHOICES:
        raise JobError(
            f"The JSON schema lists {choices} values; {MAX_CHOICES} are allowed.",
            hint="Ask for a text, and choose the nearest value afterwards.",
        )


def _check_part(part: Mapping[str, Any]) -> None:
    reference = part.get("$ref")
    if isinstance(reference, str) and not reference.startswith("#"):
        raise JobError(
            f"The JSON schema refers to {reference[:200]!r}.", hint="Only references into itself are followed."
        )
    for key in ("minLength", "minItems", "minProperties"):
        if isinstance(part.get(key), int) and part[key] > MAX_REPEAT:
            raise JobError(f"The JSON schema wants {key} {part[key]}; at most {MAX_REPEAT} is allowed.")


def _parts(schema: Any, depth: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if isinstance(schema, Mapping):
        yield depth, schema
    if depth > MAX_DEPTH:
        return
    values = schema.values() if isinstance(schema, Mapping) else schema if isinstance(schema, list) else ()
    for value in values:
        if isinstance(value, Mapping | list):
            yield from _parts(value, depth + 1)
