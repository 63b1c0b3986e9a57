"""Reads JSON that came from outside: every value has its type and its bounds, or the object is refused by name."""

import json
from collections.abc import Iterator
from typing import Any

from tenku.base.errors import CorruptError
from tenku.content.hashes import hash_from_hex
from tenku.content.model import Hash


class Fields:
    """A table or list whose values are taken one by one, and none is left over."""

    def __init__(self, values: Any, *, what: str) -> None:
        self._values = values
        self._what = what
        self._taken: set[str | int] = set()

    @classmethod
    def parse(cls, data: bytes, *, what: str, limit: int, format: int) -> "Fields":
        """The table in JSON bytes whose `format` is this one. Raises CorruptError."""
        if len(data) > limit:
            raise CorruptError(f"{what} is larger than {limit} bytes.")
        try:
            values = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise CorruptError(f"{what} is not JSON: {error}.") from error
        if not isinstance(values, dict):
            raise CorruptError(f"{what} is not a table.")
        fields = cls(values, what=what)
        if fields.number("format", most=2**31) != format:
            raise CorruptError(
                f"{what} has format {values['format']}, and this Tenku reads {format}.", hint="Try a newer Tenku."
            )
        return fields

    def has(self, key: str) -> bool:
        """Whether there is a value that is not null."""
        return self._take(key) is not None

    def text(self, key: str | int, *, most: int) -> str:
        """A text of at most so many characters, without control characters."""
        value = self._take(key)
        if not isinstance(value, str) or len(value) > most or not value.isprintable():
            raise self._wrong(key, f"a text of at most {most} characters")
        return value

    def texts(self, key: str, *, most: int) -> list[str]:
        """A list of texts."""
        return [Fields([text], what=f"{self._what}: {key}").text(0, most=1024) for text in self._list(key, most)]

    def number(self, key: str | int, *, most: int) -> int:
        """A whole number from 0."""
        value = self._take(key)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            raise self._wrong(key, f"a whole number from 0 to {most}")
        return value

    def hash(self, key: str | int) -> Hash:
        """A hash in 64 digits."""
        value = self._take(key)
        if not isinstance(value, str):
            raise self._wrong(key, "a hash")
        return hash_from_hex(value)

    def tables(self, key: str, *, most: int) -> Iterator["Fields"]:
        """A list of tables."""
        for each in self._list(key, most):
            if not isinstance(each, dict):
                raise self._wrong(key, "a list of tables")
            yield Fields(each, what=f"{self._what}: {key}")

    def lists(self, key: str, *, of: int, most: int = 10**6) -> Iterator["Fields"]:
        """A list of lists that each have so many values."""
        for each in self._list(key, most):
            if not isinstance(each, list) or len(each) != of:
                raise self._wrong(key, f"a list of lists of {of}")
            yield Fields(each, what=f"{self._what}: {key}")

    def nothing_else(self) -> None:
        """Raises CorruptError where a value was not taken: nobody knows what it would change."""
        unknown = [key for key in self._values if key not in self._taken]
        if unknown:
            raise CorruptError(f"{self._what} has the unknown key {unknown[0]!r}.", hint="A newer Tenku may know it.")

    def _list(self, key: str, most: int) -> list[Any]:
        value = self._take(key)
        if not isinstance(value, list) or len(value) > most:
            raise self._wrong(key, f"a list of at most {most}")
        return value

    def _take(self, key: str | int) -> Any:
        self._taken.add(key)
        try:
            return self._values[key]
        except (KeyError, IndexError):
            raise CorruptError(f"{self._what} lacks {key!r}.") from None

    def _wrong(self, key: str | int, wanted: str) -> CorruptError:
        return CorruptError(f"{self._what}: {key} is not {wanted}.")
