"""Between frozen dataclasses and plain JSON values, by their annotations (pure)."""

import dataclasses
import types
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")

FLOATS = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}
"""JSON has no numbers for these, and a wrong operator brings them."""


class MisfitError(ValueError):
    """A value is not what its annotation says; the text says where and what."""


def to_plain(value: Any) -> Any:
    """A value of dataclasses, enums, mappings and tuples as JSON knows it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    match value:
        case Enum():
            return value.value
        case Mapping():
            return {str(key): to_plain(each) for key, each in value.items()}
        case tuple() | list():
            return [to_plain(each) for each in value]
        case float() if value - value != 0:
            return str(value)
        case _:
            return value


def from_plain(kind: type[T], value: Any, *, where: str = "") -> T:
    """The value of this kind that `to_plain` made plain. Raises MisfitError."""
    return cast(T, _as(kind, value, where))


def _as(kind: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, value, where)
    arguments = get_args(kind)
    match get_origin(kind):
        case types.UnionType:
            inner = next(each for each in arguments if each is not types.NoneType)
            return None if value is None else _as(inner, value, where)
        case origin if origin is tuple:
            if not isinstance(value, list):
                raise MisfitError(f"{where} is not a list")
            return tuple(_as(arguments[0], each, f"{where}[{number}]") for number, each in enumerate(value))
        case origin if origin is Mapping:
            if not isinstance(value, dict):
                raise MisfitError(f"{where} is not a table")
            return {key: _as(arguments[1], each, f"{where}.{key}") for key, each in value.items()}
    return _single(kind, value, where)


def _dataclass(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise MisfitError(f"{where or 'it'} is not a table")
    hints = get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    dot = f"{where}." if where else ""
    for name in value:
        if name not in fields:
            raise MisfitError(f"{dot}{name} is nothing that it should have")
    for name, field in fields.items():
        if name not in value and field.default is dataclasses.MISSING:
            raise MisfitError(f"{dot}{name} is missing")
    return kind(**{name: _as(hints[name], each, f"{dot}{name}") for name, each in value.items()})


def _single(kind: Any, value: Any, where: str) -> Any:
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(value)
        except ValueError:
            known = ", ".join(str(member.value) for member in kind)
            raise MisfitError(f"{where} is {str(value)[:40]!r} and none of {known}") from None
    if kind is float:
        if isinstance(value, str) and value in FLOATS:
            return FLOATS[value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                return float(value)
            except OverflowError:
                raise MisfitError(f"{where} is larger than any number") from None
        raise MisfitError(f"{where} is not a number")
    if kind is int and isinstance(value, bool):
        raise MisfitError(f"{where} is not a whole number")
    if not isinstance(value, kind):
        raise MisfitError(f"{where} is not {'a whole number' if kind is int else 'a text'}")
    return value
