"""Localisation: a table of texts into another language, with its placeholders, glossary and length limits kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tenku.base.errors import UsageError
from tenku.studio.model import Json
from tenku.studio.recipes.glossary import Term, glossary_fault, terms_in
from tenku.studio.recipes.placeholders import keeping_pattern, placeholder_fault, placeholders
from tenku.studio.recipes.recipe import Answer, Ask, Manner, answer_of, next_attempt
from tenku.studio.recipes.tables import read_table

SYSTEM = (
    "You translate texts of a video game. Keep every placeholder like {player} or %s exactly as it is. "
    "Answer with JSON alone."
)
NAMES = ("key", "id", "name")
"""Columns that may name a row, the first that is there."""


@dataclass(frozen=True)
class Entry:
    """One text to translate."""

    key: str
    source: str
    line: int
    letters: int = 0
    """The most that the translation may have; 0: no limit."""
    note: str = ""
    """What the translator should know, as where it is shown."""
    fault: str = ""
    """Why this row cannot be translated; the others can."""
    cells: Mapping[str, str] = field(default_factory=dict)
    """The whole row, by column."""


def read_entries(text: str, *, where: str, column: str, letters: int) -> list[Entry]:
    """The rows of a CSV text.

    Args:
        column: holds the source texts. The columns `key` (or `id`, `name`), `max` (letters) and `note` may be there.
        letters: the limit of rows that have none of their own.

    Raises:
        UsageError: it is no table, or lacks the column.
    """
    entries: list[Entry] = []
    for line, row in read_table(text, where=where, need=[column]):
        key = next((row[name] for name in NAMES if row.get(name)), f"line {line}")
        most, fault = _letters(row.get("max", ""), letters)
        if row.get(""):
            fault = "it has more cells than the first line; a text with a comma is put in quotes"
        elif any(each.key == key for each in entries):
            fault = f"the key {key} is there twice"
        entries.append(Entry(key, row[column], line, most, row.get("note", ""), fault, row))
    return entries


def read_glossary(text: str, *, where: str) -> list[Term]:
    """The rows of a CSV text with the columns `source` and `target`. Raises UsageError."""
    terms = []
    for line, row in read_table(text, where=where, need=["source", "target"]):
        if not row["source"].strip() or not row["target"].strip():
            raise UsageError(f"{where}, line {line}: a term lacks its source or its target.", hint="Fill both.")
        terms.append(Term(row["source"].strip(), row["target"].strip()))
    return terms


class Translation:
    """Implements `Recipe`: one job a text. A text with nothing to translate in it stays as it is, without a job.

    From the second attempt on, the answer's grammar has the placeholders in it, in the source's order: a model that
    lost one cannot lose it again.
    """

    def __init__(self, entries: Sequence[Entry], *, language: str, glossary: Sequence[Term], manner: Manner) -> None:
        self._entries = entries
        self._language = language
        self._glossary = glossary
        self._manner = manner
        self._done: dict[int, str] = {
            row: each.source for row, each in enumerate(entries) if not each.fault and not has_words(each.source)
        }

    def asks(self) -> Sequence[Ask]:
        """See `Recipe`."""
        return [
            Ask(
                key=entry.key,
                spec=self._manner.spec(
                    self._prompt(entry, ""), schema=answer_schema(entry, strict=False), row=row, system=SYSTEM
                ),
                line=entry.line,
            )
            for row, entry in enumerate(self._entries)
            if not entry.fault and row not in self._done
        ]

    def take(self, ask: Ask, answer: Answer) -> Ask | str:
        """See `Recipe`."""
        entry = self._entries[ask.spec.row]
        try:
            said = answer_of(answer.text())
        except ValueError as error:
            why = str(error)
        else:
            target = str(said.get("translation", "")) if isinstance(said, dict) else ""
            why = translation_fault(entry, target.strip(), self._glossary)
            if not why:
                self._done[ask.spec.row] = around(entry.source, target)
                return ""
        if ask.attempt >= self._manner.tries:
            return f"{why} (after {ask.attempt} attempts)"
        return next_attempt(ask, prompt=self._prompt(entry, why), schema=answer_schema(entry, strict=True))

    def targets(self) -> Mapping[int, str]:
        """The translations that are there, by row."""
        return self._done

    def rows(self) -> list[Mapping[str, str]]:
        """The whole table, and a column called as the language with the translations that are there."""
        return [
            {**{name: cell for name, cell in each.cells.items() if name}, self._language: self._done.get(row, "")}
            for row, each in enumerate(self._entries)
        ]

    def _prompt(self, entry: Entry, why: str) -> str:
        terms = terms_in(entry.source, self._glossary)
        kept = list(dict.fromkeys(placeholders(entry.source)))
        hints = [
            f"Use these words: {'; '.join(f'{term.source} = {term.target}' for term in terms)}." if terms else "",
            f"Keep as they are: {' '.join(kept)}" if kept else "",
            f"At most {entry.letters} letters." if entry.letters else "",
            f"Context: {entry.note}" if entry.note else "",
            f"Your last answer was not good: {why}." if why else "",
        ]
        return "\n".join([f"Translate into {self._language}:\n{entry.source}", *filter(None, hints)])


def answer_schema(entry: Entry, *, strict: bool) -> Mapping[str, Json]:
    """What an answer looks like; `strict`: its grammar holds the entry's placeholders."""
    # Far above what a translation needs: it only ends a model that never ends.
    text: dict[str, Json] = {"type": "string", "minLength": 1, "maxLength": 4 * len(entry.source) + 100}
    if strict and placeholders(entry.source):
        text = {"type": "string", "pattern": keeping_pattern(entry.source)}
    return {
        "type": "object",
        "properties": {"translation": text},
        "required": ["translation"],
        "additionalProperties": False,
    }


def translation_fault(entry: Entry, target: str, glossary: Sequence[Term]) -> str:
    """Why a translation is not good, as part of a sentence; empty where it is. Says nothing about its meaning."""
    if not target:
        return "the translation is empty"
    if broken := placeholder_fault(entry.source, target):
        return broken
    if entry.letters and len(target) > entry.letters:
        return f"it has {len(target)} letters, {entry.letters} are allowed"
    if "\n" in target and "\n" not in entry.source:
        return "it has several lines, the source has one"
    return glossary_fault(entry.source, target, glossary)


def has_words(text: str) -> bool:
    """Whether anything is there to translate besides placeholders, digits and signs."""
    for each in placeholders(text):
        text = text.replace(each, "", 1)
    return any(letter.isalpha() for letter in text)


def around(source: str, target: str) -> str:
    """The translation with the blanks that stand at the source's ends: ` of ` is put between other texts."""
    inner = target.strip()
    return source[: len(source) - len(source.lstrip())] + inner + source[len(source.rstrip()) :]


def _letters(text: str, default: int) -> tuple[int, str]:
    if not text.strip():
        return default, ""
    if not text.strip().isdecimal():
        return default, f"max is {text!r}, and no number of letters"
    return int(text), ""
