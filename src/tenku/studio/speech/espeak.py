"""Phonemes from espeak-ng, a program that the user installs: it is GPL, so it stays a program of its own."""

import re
import shutil
import subprocess

from tenku.base.errors import JobError, MachineError

PROGRAM = "espeak-ng"
PATIENCE_S = 30.0
_MARKS = re.compile(r"([;:,.!?—…]+\s*|[\"()“”«»¿¡]+)")
_SWITCH = re.compile(r"\([a-z^-]+\)")
"""Around a word that espeak-ng takes for one of another language."""
_SAME = {"«": "“", "»": "”", "¿": "", "¡": ""}
_JOINED = {
    "a^ɪ": "I",
    "a^ʊ": "W",
    "e^ɪ": "A",
    "o^ʊ": "O",
    "ə^ʊ": "Q",
    "ɔ^ɪ": "Y",
    "d^ʒ": "ʤ",
    "t^ʃ": "ʧ",
    "t^s": "ʦ",
    "d^z": "ʣ",
    "t^ɕ": "ʨ",
    "d^ʑ": "ʥ",
}
"""Two sounds that Kokoro writes as one."""


def espeak_phonemes(text: str, *, language: str) -> str:
    """The text's phonemes with its punctuation, in Kokoro's alphabet. `language`: as espeak-ng calls it.

    Raises:
        MachineError: espeak-ng is not installed.
        JobError: it does not do it.
    """
    pieces = _MARKS.split(" ".join(text.split()))
    words = pieces[::2]
    spoken = iter(_run([each for each in words if each.strip()], language))
    said = [_space(each, next(spoken)) if each.strip() else each for each in words]
    marks = ["".join(_SAME.get(letter, letter) for letter in each) for each in (*pieces[1::2], "")]
    return "".join(word + mark for word, mark in zip(said, marks, strict=True)).strip()


def kokoro_writes(phonemes: str) -> str:
    """One line of espeak-ng's as Kokoro writes it."""
    phonemes = _SWITCH.sub("", phonemes)
    for two, one in _JOINED.items():
        phonemes = phonemes.replace(two, one)
    # The hyphen joins what French speaks as one word, the low line separates sounds: neither is a sound.
    return " ".join(phonemes.translate(dict.fromkeys(map(ord, "^_-"))).split())


def _space(word: str, spoken: str) -> str:
    """Keeps the space at the ends of a piece between two marks."""
    return f"{' ' if word[:1].isspace() else ''}{spoken}{' ' if word[-1:].isspace() else ''}"


def _run(words: list[str], language: str) -> list[str]:
    """What each of them sounds like: a run for each, as espeak-ng joins lines into sentences of its own."""
    if not words:
        return []
    program = shutil.which(PROGRAM)
    if program is None:
        raise MachineError(
            f"This language needs {PROGRAM}, which is not installed.", hint="Debian: apt install espeak-ng"
        )
    command = [program, "-q", "--ipa", "--tie=^", "-b", "1", "-v", language, "--stdin"]
    answers = []
    for each in words:
        try:
            done = subprocess.run(
                command, input=each.strip().encode(), capture_output=True, timeout=PATIENCE_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise JobError(f"{PROGRAM} does not answer: {error}.", hint="Try again.", again=True) from error
        if done.returncode:
            raise JobError(f"{PROGRAM} says: {done.stderr.decode('utf-8', 'replace').strip()[:200]}.")
        answers.append(kokoro_writes(done.stdout.decode("utf-8", "replace")))
    return answers
