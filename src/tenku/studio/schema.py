"""JSON Schema: whether one can be met at all, and whether an item meets it."""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import jsonschema
from jsonschema.exceptions import SchemaError, best_match

from tenku.base.errors import UsageError

BOUNDS = (
    ("minimum", "maximum"),
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
)
"""A lower bound and its upper one."""
DEEPEST = 64


def parse_schema(text: str, *, where: str) -> Mapping[str, Any]:
    """The schema in a text. Raises UsageError: it is no JSON Schema, or nothing can meet it."""
    try:
        schema = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{where} is no JSON: {error}.", hint="A JSON Schema is a JSON object.") from None
    except RecursionError:
        raise UsageError(f"{where} is nested too deeply.", hint="Make it flatter.") from None
    if not isinstance(schema, dict):
        raise UsageError(f"{where} is no JSON Schema: it is no object.", hint='Begin with {"type": "object", …}.')
    check_schema(schema, where=where)
    return schema


def check_schema(schema: Mapping[str, Any], *, where: str) -> None:
    """Raises UsageError with the place and the reason: it is no JSON Schema, or nothing can meet it."""
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise UsageError(
            f"{where} is no JSON Schema: at {_place(error.absolute_path)}, {error.message}.",
            hint="See json-schema.org for what may stand there.",
        ) from None
    for place, why in contradictions(schema):
        raise UsageError(f"Nothing can meet {where}: at {place}, {why}.", hint="Mend the schema.")


def fault(item: object, schema: Mapping[str, Any]) -> str:
    """Why an item does not meet a schema, as part of a sentence; empty where it does."""
    found = best_match(_validator(json.dumps(schema, sort_keys=True)).iter_errors(item))
    return "" if found is None else f"at {_place(found.absolute_path)}, {_short(found.message)}"


def contradictions(schema: object, place: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Places of a schema that nothing can meet where they count, and why; sure ones alone, not every one there is.

    What stands below `anyOf`, `oneOf`, `not`, `$defs` or an optional property may be unmeetable and do no harm.
    """
    if schema is False:
        yield _place(place), "nothing is allowed"
    if not isinstance(schema, dict) or len(place) > DEEPEST:
        return
    yield from ((_place(place), why) for why in _own_contradictions(schema))
    properties = schema.get("properties", {})
    for name in schema.get("required", ()) if _is_only(schema, "object") else ():
        if name in properties:
            yield from contradictions(properties[name], (*place, "properties", name))
        elif schema.get("additionalProperties") is False and "patternProperties" not in schema:
            yield _place(place), f"{name} is required, and no property of this name is allowed"
    if _is_only(schema, "array") and schema.get("minItems", 0) > 0 and "prefixItems" not in schema:
        yield from contradictions(schema.get("items", True), (*place, "items"))
    for number, each in enumerate(schema.get("allOf", ())):
        yield from contradictions(each, (*place, "allOf", str(number)))


def _own_contradictions(schema: Mapping[str, Any]) -> Iterator[str]:
    for low, high in BOUNDS:
        if low in schema and high in schema and schema[low] > schema[high] and _counts(schema, low):
            yield f"{low} {schema[low]} is above {high} {schema[high]}"
    if schema.get("enum") == []:
        yield "enum lists nothing"
    choices = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if choices:
        rest = {key: value for key, value in schema.items() if key not in ("enum", "$ref", "$dynamicRef")}
        if not any(jsonschema.Draft202012Validator(rest).is_valid(each) for each in choices):
            yield f"{'no choice of enum' if 'enum' in schema else 'const'} meets what stands beside it"
    if schema.get("type") == []:
        yield "no type is allowed"


def _counts(schema: Mapping[str, Any], low: str) -> bool:
    """Whether a bound concerns every value that the type allows: bounds of texts say nothing about numbers."""
    about = {"minimum": ("number", "integer"), "minLength": ("string",), "minItems": ("array",)}
    return schema.get("type") in about.get(low, ("object",))


def _is_only(schema: Mapping[str, Any], kind: str) -> bool:
    return bool(schema.get("type") == kind or schema.get("type") == [kind])


def _place(path: object) -> str:
    parts = [str(part) for part in path] if path else []  # type: ignore[attr-defined]
    return ".".join(parts) or "its top"


def _short(text: str) -> str:
    return text if len(text) <= 160 else text[:159] + "…"


@lru_cache(maxsize=32)
def _validator(schema: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(schema))
