"""Lines of dialogue as an Ink file: one knot for each character, which says another of its lines at each visit."""

import re
import unicodedata
from collections.abc import Mapping, Sequence

HEAD = "// Made by tenku make lines. Say one of a character's lines with a tunnel:  -> {knot} ->\n"
SPECIAL = re.compile(r"([\\{}|~#<>\[\]/*+=-])")
"""Letters that mean something to Ink, some of them in front of a line only, or in pairs."""


def ink_file(lines: Mapping[str, Sequence[str]]) -> str:
    """The text of a `.ink` file. Characters with no lines are left out; their order is kept.

    Args:
        lines: by the character's name.
    """
    speaking = {name: said for name, said in lines.items() if said}
    knots = knot_names(list(speaking))
    first = knots[0] if knots else "character"
    parts = [_knot(knot, name, said) for knot, (name, said) in zip(knots, speaking.items(), strict=True)]
    return HEAD.format(knot=first) + "".join(f"\n{part}" for part in parts)


def knot_names(names: Sequence[str]) -> list[str]:
    """A name for each that Ink takes: letters, digits, underscores; no two are the same."""
    taken: list[str] = []
    for name in names:
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        word = re.sub(r"\W+", "_", plain).strip("_") or "character"
        word = f"c_{word}" if word[0].isdigit() or word in ("end", "done", "else", "function", "not", "and") else word
        number, own = 1, word
        while own in taken:
            number += 1
            own = f"{word}_{number}"
        taken.append(own)
    return taken


def escaped(text: str) -> str:
    """A line that Ink says as it is: on one line, with what Ink would read as its own escaped."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _knot(knot: str, name: str, lines: Sequence[str]) -> str:
    said = "\n".join(f"    - {escaped(f'{name}: {line}')}" for line in lines)
    return f"=== {knot} ===\n{{ shuffle:\n{said}\n}}\n->->\n"
