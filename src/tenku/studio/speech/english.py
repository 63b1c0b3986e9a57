"""English phonemes by a lexicon and rules: misaki's, as the library hibari has them. No GPL part is in it."""

import re
import threading
import unicodedata
from typing import Any

from hibari.g2p import G2P

from tenku.base.errors import JobError

_GIVEN = re.compile(r"\[[^\]]+\]\(/[^)]*/\)")
"""`[Tenku](/tˈɛnku/)`: a word with its phonemes."""


class English:
    """Reads English, American or British; each of the two lexicons is loaded when it is needed first."""

    def __init__(self) -> None:
        self._readers: dict[str, Any] = {}
        self._lock = threading.Lock()

    def phonemes(self, text: str, *, language: str) -> str:
        """In Kokoro's alphabet. `language`: `en-us` or `en-gb`. Raises JobError: letters that are not English."""
        check_letters(text)
        with self._lock:
            if language not in self._readers:
                self._readers[language] = G2P(british=language == "en-gb")
            return str(self._readers[language](text))


def check_letters(text: str) -> None:
    """Raises JobError: a letter is none that English is written with; it would be left out, or read as nonsense."""
    for letter in _GIVEN.sub("", text):
        if letter.isalpha() and not unicodedata.name(letter, "").startswith(("LATIN", "FEMININE", "MASCULINE")):
            raise JobError(
                f"{letter!r} is no letter that an English voice can read.",
                hint="Name the text's language and a voice for it.",
            )
