"""The languages of Kokoro's voices, and how they are called."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tenku.base.errors import JobError

ENGLISH = ("en-us", "en-gb")


@dataclass(frozen=True)
class Language:
    """One that a voice speaks."""

    code: str
    name: str
    espeak: str
    """What espeak-ng calls it; empty: its phonemes are not those that Kokoro learnt."""


LANGUAGES: Mapping[str, Language] = {
    "a": Language("en-us", "American English", "en-us"),
    "b": Language("en-gb", "British English", "en-gb"),
    "e": Language("es", "Spanish", "es"),
    "f": Language("fr", "French", "fr-fr"),
    "h": Language("hi", "Hindi", "hi"),
    "i": Language("it", "Italian", "it"),
    "j": Language("ja", "Japanese", ""),
    "p": Language("pt-br", "Brazilian Portuguese", "pt-br"),
    "z": Language("zh", "Mandarin", ""),
}
"""By the first letter of a voice's name."""
_OTHER_NAMES = {"en": "en-us", "fr-fr": "fr", "pt": "pt-br", "es-es": "es", "it-it": "it", "ja-jp": "ja", "zh-cn": "zh"}
_VOICE = re.compile(r"([abefhijpz])[fm]_\w+")
DEFAULT = ("default", "")
"""Names for a model's usual voice."""


def language_of(voice: str) -> Language:
    """The language that a voice is made for; American English, where its name does not say."""
    named = _VOICE.fullmatch(voice)
    return LANGUAGES[named.group(1) if named else "a"]


def find_language(code: str, *, voice: str) -> Language:
    """The language that was asked for, else the voice's own. Raises JobError: it cannot be spoken here."""
    wanted = code.strip().lower().replace("_", "-")
    if not wanted:
        language = language_of(voice)
    else:
        wanted = _OTHER_NAMES.get(wanted, wanted)
        known = {each.code: each for each in LANGUAGES.values()}
        if wanted not in known:
            raise JobError(f"language is {code[:40]!r}, which cannot be spoken.", hint=f"It is one of {_codes()}.")
        language = known[wanted]
    if not language.espeak:
        raise JobError(
            f"{language.name} cannot be spoken by this engine: it has no phonemes for it.",
            hint="Give another language, or let a server do it: tenku models add NAME --remote URL --makes speech.",
        )
    return language


def find_voice(wanted: str, voices: Sequence[str], *, usual: str) -> str:
    """The voice that is meant: by its name, or by what stands behind the `_` of one alone. Raises JobError."""
    name = wanted.strip().lower()
    if name in DEFAULT:
        return usual
    same = [voice for voice in voices if voice.lower() == name]
    short = same or [voice for voice in voices if voice.lower().partition("_")[2] == name]
    if len(short) != 1:
        what = "fits several voices" if short else "is no voice of this model"
        raise JobError(f"{wanted[:80]!r} {what}.", hint=f"It has {', '.join(short or voices)[:600]}.")
    return short[0]


def _codes() -> str:
    return ", ".join(each.code for each in LANGUAGES.values() if each.espeak)
