"""The phonemes of Kokoro's models, and their numbers."""

from collections.abc import Mapping

_ROWS: Mapping[int, str] = {
    1: ";:,.!?",
    9: '—…"()“” \u0303ʣʥʦʨᵝꭧAI',
    31: "O",
    33: "Q",
    35: "ST",
    39: "W",
    41: "Yᵊabcdef",
    50: "hijklmnopqrstuvwxyzɑɐɒæ",
    75: "βɔɕç",
    80: "ɖðʤə",
    85: "ɚɛɜ",
    90: "ɟ",
    92: "ɡ",
    99: "ɥ",
    101: "ɨɪʝ",
    110: "ɯɰŋɳɲɴø",
    118: "ɸθœ",
    123: "ɹ",
    125: "ɾɻ",
    128: "ʁɽʂʃʈʧ",
    135: "ʊʋ",
    138: "ʌɣɤ",
    142: "χʎ",
    147: "ʒʔ",
    156: "ˈˌː",
    162: "ʰ",
    164: "ʲ",
    169: "↓",
    171: "→↗↘",
    177: "ᵻ",
}
"""Phonemes that follow each other, by the number of the first one."""
NUMBERS: Mapping[str, int] = {
    phoneme: first + place for first, row in _ROWS.items() for place, phoneme in enumerate(row)
}
MARKS = frozenset(';:,.!?—…"()“” ')
"""Those that are no sounds."""
EDGE = 0
"""Stands before and behind what is said."""


def numbers_of(phonemes: str) -> list[int]:
    """The numbers of those that the models know, without the edges; others are left out."""
    return [NUMBERS[each] for each in phonemes if each in NUMBERS]


def can_be_said(phonemes: str) -> bool:
    """Whether there is any sound in it."""
    return any(each in NUMBERS and each not in MARKS for each in phonemes)
