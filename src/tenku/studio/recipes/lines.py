"""Lines of dialogue and barks: what each character may say in a situation, no line twice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tenku.base.errors import UsageError
from tenku.studio.model import Json
from tenku.studio.recipes.recipe import Answer, Ask, Manner, answer_of, next_attempt
from tenku.studio.recipes.tables import Row

SYSTEM = "You write short spoken lines for characters of a video game. Answer with JSON alone."
LONGEST = 300
"""Letters that a line may get where no limit was asked for."""
OPENINGS = "\"“”«»' "
"""Quotation marks that a model puts around a line."""


@dataclass(frozen=True)
class Character:
    """Who speaks."""

    name: str
    about: str = ""
    """What kind of person it is, in a few words."""
    line: int = 0
    """Of the file of characters; 0: of none."""


def parse_character(text: str) -> Character:
    """`Grim: a grumpy smith` or `Grim`. Raises UsageError."""
    name, _, about = text.partition(":")
    if not name.strip():
        raise UsageError(f"{text!r} names no character.", hint="Write 'Grim: a grumpy smith'.")
    return Character(name.strip(), about.strip())


class Lines:
    """Implements `Recipe`: one job a character; what is doubled or too long is asked for again.

    Args:
        count: lines for each character.
        letters: the most that a line may have; 0: no limit.
    """

    def __init__(
        self, situation: str, characters: Sequence[Character], *, count: int, letters: int, manner: Manner
    ) -> None:
        self._situation = situation
        self._characters = {each.name: each for each in characters}
        self._count = count
        self._letters = letters
        self._manner = manner
        self._said: dict[str, list[str]] = {name: [] for name in self._characters}
        if len(self._characters) < len(characters):
            raise UsageError("Two characters have the same name.", hint="Rename one.")

    def asks(self) -> Sequence[Ask]:
        """See `Recipe`."""
        asks = []
        for row, who in enumerate(self._characters.values()):
            spec = self._manner.spec(
                self._prompt(who), schema=lines_schema(self._count, letters=self._letters), row=row, system=SYSTEM
            )
            asks.append(Ask(key=who.name, spec=spec, line=who.line))
        return asks

    def take(self, ask: Ask, answer: Answer) -> Ask | str:
        """See `Recipe`. Good lines are kept also where others are missing."""
        said = self._said[ask.key]
        try:
            spoken = answer_of(answer.text())
        except ValueError as error:
            why = str(error)
        else:
            new, why = good_lines(spoken, said, letters=self._letters)
            said.extend(new[: self._count - len(said)])
        missing = self._count - len(said)
        if not missing:
            return ""
        if ask.attempt >= self._manner.tries:
            return f"{missing} of {self._count} lines are missing after {ask.attempt} attempts: {why}"
        prompt = self._prompt(self._characters[ask.key])
        return next_attempt(ask, prompt=prompt, schema=lines_schema(missing, letters=self._letters))

    def said(self) -> Mapping[str, Sequence[str]]:
        """The lines that are there, by character."""
        return self._said

    def rows(self) -> list[Row]:
        """One row a line, for a table: character, number, line."""
        return [
            {"character": name, "number": number, "line": line}
            for name, said in self._said.items()
            for number, line in enumerate(said, 1)
        ]

    def _prompt(self, who: Character) -> str:
        about = f", {who.about}" if who.about else ""
        limit = f" Each has at most {self._letters} letters." if self._letters else ""
        missing = self._count - len(self._said[who.name])
        known = "".join(f"\n- {line}" for line in self._said[who.name])
        but = f"\nThese are there already, write others:{known}" if known else ""
        return (
            f"Write {missing} different {'line' if missing == 1 else 'lines'} that {who.name}{about} says.\n"
            f"Situation: {self._situation}.{limit}{but}"
        )


def lines_schema(count: int, *, letters: int) -> Mapping[str, Json]:
    """What an answer with so many lines looks like."""
    # Far above the limit, which would cut a line in the middle of a word: it only ends a model that never ends.
    line: Json = {"type": "string", "minLength": 2, "maxLength": max(2 * letters, LONGEST)}
    lines: Json = {"type": "array", "items": line, "minItems": count, "maxItems": count}
    return {"type": "object", "properties": {"lines": lines}, "required": ["lines"], "additionalProperties": False}


def good_lines(answer: object, said: Sequence[str], *, letters: int) -> tuple[list[str], str]:
    """The lines of an answer that are new, short enough and no line twice; and why others are not."""
    found = answer.get("lines") if isinstance(answer, dict) else None
    if not isinstance(found, list):
        return [], "the answer has no lines"
    seen = {_same(line) for line in said}
    new: list[str] = []
    why = "there were too few"
    for each in found:
        line = " ".join(str(each).split()).strip(OPENINGS)
        if not _same(line):
            why = "a line was empty"
        elif letters and len(line) > letters:
            why = f"a line has {len(line)} letters, {letters} are allowed"
        elif _same(line) in seen:
            why = "a line came twice"
        else:
            seen.add(_same(line))
            new.append(line)
    return new, why


def _same(line: str) -> str:
    """What two lines have in common that a player would hear as one."""
    return "".join(letter for letter in line.casefold() if letter.isalnum())


def with_line(character: Character, line: int) -> Character:
    """The character with the number of its line in a file."""
    return replace(character, line=line)
