"""What sprites may be called: names become files in engines, on systems that know no difference between a and A."""

import re
from collections.abc import Sequence

from tenku.base.errors import UsageError

PART = re.compile(r"[\w()+-]([\w .()+-]*[\w()+-])?")
LONGEST = 120
"""Letters; an ending and a folder have to fit into 255 bytes as well."""
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
"""What Windows takes for devices, whatever ending follows."""


def check_names(names: Sequence[str]) -> None:
    """Raises UsageError: one cannot be used, or two are the same."""
    seen: dict[str, str] = {}
    for name in names:
        parts = name.split("/")
        good = all(PART.fullmatch(part) and part.lower() not in RESERVED for part in parts)
        if len(name.encode()) > LONGEST or not good:
            raise UsageError(
                f"A sprite cannot be called {name!r}.",
                hint=f"Use letters, digits, _ - + ( ) and spaces within, {LONGEST} bytes at most.",
            )
        if name.lower() in seen:
            raise UsageError(
                f"Two sprites are called {name}"
                + ("." if seen[name.lower()] == name else f" and {seen[name.lower()]}, which is one on some systems."),
                hint="Rename one.",
            )
        seen[name.lower()] = name


def natural(name: str) -> list[tuple[int, int, str]]:
    """The key by which people sort: walk_2 comes before walk_10."""
    return [
        (0, int(part), part) if part.isdecimal() and part.isascii() else (1, 0, part.lower())
        for part in re.split(r"([0-9]+)", name)
        if part
    ]
