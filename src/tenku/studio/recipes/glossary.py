"""A glossary: names and words that have one translation, and whether a translation kept to it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """One word of a glossary."""

    source: str
    target: str
    """What it is called in the other language; the same word for names that stay."""


def terms_in(text: str, glossary: Sequence[Term]) -> list[Term]:
    """The terms that stand in a text as whole words, longest first; within `Iron Sword`, `Sword` is none of its own.

    Upper and lower case count as the same.
    """
    found, rest = [], text
    for term in sorted(glossary, key=lambda each: (-len(each.source), each.source)):
        pattern = _word(term.source)
        if pattern.search(rest):
            found.append(term)
            rest = pattern.sub("\0", rest)
    return found


def glossary_fault(source: str, target: str, glossary: Sequence[Term]) -> str:
    """Which terms a translation did not use, as part of a sentence; empty where it used all.

    An inflected word counts where it begins as the glossary has it: `Schwerter` for `Schwert`.
    """
    low = target.casefold()
    missed = [term for term in terms_in(source, glossary) if term.target.casefold() not in low]
    return ", ".join(f"{term.source} has to be {term.target}" for term in missed)


def _word(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(text)}(?!\w)", re.IGNORECASE)
