"""Cuts a text into what a speech model says in one breath, with the silence that follows each."""

import re
from dataclasses import dataclass

SENTENCE_S = 0.3
PARAGRAPH_S = 0.7
CLAUSE_S = 0.12
"""Where a sentence was too long for the model."""
MOST = 500
"""Phonemes of one piece; Kokoro takes 510 with what it adds itself."""
_PARAGRAPH = re.compile(r"\s*\n\s*")
_END = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？]+[」』”）]*")
_TITLES = frozenset(
    ("dr", "mr", "mrs", "ms", "prof", "st", "mt", "vs", "e.g", "i.e", "capt", "gen", "lt", "sgt", "rev")
)
_CUTS = (re.compile(r"[.!?…]\s"), re.compile(r"[,;:—]\s?"), re.compile(r"\s"))
"""Where a piece that is too long is cut, the best place first."""


@dataclass(frozen=True)
class Sentence:
    """What is said at once."""

    text: str
    pause_s: float
    """Seconds of silence behind it."""


def sentences_of(text: str) -> list[Sentence]:
    """The sentences of a text; a line is a paragraph."""
    found: list[Sentence] = []
    for paragraph in filter(None, _PARAGRAPH.split(text.strip())):
        said = _cut(paragraph)
        found += [Sentence(each, SENTENCE_S) for each in said[:-1]]
        found += [Sentence(each, PARAGRAPH_S) for each in said[-1:]]
    return found


def breaths_of(phonemes: str, *, most: int = MOST) -> list[str]:
    """Phonemes in pieces that a model takes: cut behind a sentence or a clause where one ends, else between words."""
    pieces = []
    rest = phonemes.strip()
    while len(rest) > most:
        at = _last_cut(rest[:most])
        pieces.append(rest[:at].strip())
        rest = rest[at:].strip()
    return [piece for piece in (*pieces, rest) if piece]


def _cut(paragraph: str) -> list[str]:
    pieces, begins = [], 0
    for end in _END.finditer(paragraph):
        if _ends(paragraph, end):
            pieces.append(paragraph[begins : end.end()].strip())
            begins = end.end()
    return [piece for piece in (*pieces, paragraph[begins:].strip()) if piece]


def _ends(text: str, end: "re.Match[str]") -> bool:
    """Whether a sentence ends there: not behind `Dr.` or an initial, nor where the next word is small."""
    following = text[end.end() :].lstrip()
    if following[:1].islower():
        return False
    if end.group() != ".":
        return True
    word = text[: end.start()].rpartition(" ")[2].lstrip("(\"'“‘«")
    return word.lower() not in _TITLES and not (len(word) == 1 and word.isupper() and word != "I")


def _last_cut(text: str) -> int:
    """Where to cut this text, which is as long as a piece may be."""
    for place in _CUTS:
        # A cut near the beginning would leave a scrap.
        ends = [found.end() for found in place.finditer(text) if found.end() > len(text) // 4]
        if ends:
            return ends[-1]
    return len(text)
