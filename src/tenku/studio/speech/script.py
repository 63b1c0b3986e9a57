"""From a text to what is said: its pieces as phonemes, with their pauses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tenku.base.errors import JobError
from tenku.studio.speech.alphabet import can_be_said
from tenku.studio.speech.sentences import CLAUSE_S, breaths_of, sentences_of


@dataclass(frozen=True)
class Piece:
    """What is said at once."""

    phonemes: str
    pause_s: float
    """Seconds of silence behind it."""


def script_of(text: str, phonemes: Callable[[str], str]) -> Sequence[Piece]:
    """The pieces of a text.

    Args:
        phonemes: those of a sentence.

    Raises:
        JobError: nothing in it can be said.
    """
    pieces: list[Piece] = []
    for sentence in sentences_of(text):
        breaths = [each for each in breaths_of(phonemes(sentence.text)) if can_be_said(each)]
        pieces += [Piece(each, CLAUSE_S) for each in breaths[:-1]]
        pieces += [Piece(each, sentence.pause_s) for each in breaths[-1:]]
    if not pieces:
        raise JobError(f"Nothing in {text[:80]!r} can be said.", hint="Write words.")
    return pieces
