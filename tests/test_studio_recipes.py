"""Recipes: placeholders, glossaries and lengths are kept or told of, tables and Ink files say what was put in."""

import csv
import io
import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenku.base.errors import UsageError
from tenku.studio.recipes.glossary import Term, glossary_fault, terms_in
from tenku.studio.recipes.ink import escaped, ink_file, knot_names
from tenku.studio.recipes.items import Items
from tenku.studio.recipes.lines import Character, Lines, good_lines, parse_character
from tenku.studio.recipes.placeholders import keeping_pattern, placeholder_fault, placeholders
from tenku.studio.recipes.recipe import Answer, Ask, Manner, Recipe, next_attempt
from tenku.studio.recipes.tables import columns_of, csv_text, json_text, read_table
from tenku.studio.recipes.translation import Translation, read_entries, read_glossary
from tenku.studio.schema import contradictions, fault, parse_schema

MARKS = ["{player}", "{0}", "{}", "%s", "%1$s", "%d", "%.2f", "%(name)s", "%%", "${gold}", "<b>", "</b>", "$NAME$"]
WORDS = st.text(alphabet="abc äöü日本. !", max_size=12)
MANNER = Manner(model="m")


@pytest.mark.parametrize("mark", [*MARKS, "{{count}}", "<color=#f00>", "\\n", "{count:d}", "%-5d", "%03d"])
def test_every_usual_kind_of_placeholder_is_found(mark: str) -> None:
    assert placeholders(f"Take {mark} home") == [mark]


@pytest.mark.parametrize(
    "text", ["100% done", "5 % off", "a < b and b > c", "costs $5", "50%", "5% Rabatt", "{ brace", "a } b"]
)
def test_what_only_looks_like_a_placeholder_is_none(text: str) -> None:
    assert placeholders(text) == []


@given(st.lists(st.sampled_from(MARKS), max_size=5), st.lists(WORDS, min_size=6, max_size=6), st.data())
def test_placeholders_may_move_but_not_vanish_or_double(
    marks: list[str], words: list[str], data: st.DataObject
) -> None:
    source = "".join(f"{word} {mark} " for word, mark in zip(words, marks, strict=False)) + words[-1]
    moved = " und ".join(data.draw(st.permutations(marks)))
    assert placeholder_fault(source, moved) == ""
    if marks:
        assert "was lost" in placeholder_fault(source, " ".join(marks[1:]))
        assert "was added" in placeholder_fault(source, " ".join([*marks, marks[0]]))


@given(st.lists(st.sampled_from(MARKS), max_size=4), st.lists(WORDS, min_size=5, max_size=5))
def test_what_the_grammar_allows_has_every_placeholder(marks: list[str], words: list[str]) -> None:
    source = " x ".join(marks)
    pattern = keeping_pattern(source)
    target = "".join(word + mark for word, mark in zip(words, marks, strict=False)) + words[-1]
    assert re.fullmatch(pattern, target)
    assert placeholder_fault(source, target) == ""
    if marks:
        assert not re.fullmatch(pattern, words[0])


GLOSSARY = [Term("Sword", "Schwert"), Term("Iron Sword", "Eisenschwert"), Term("Grim", "Grim")]


def test_terms_count_as_whole_words_and_the_longest_wins() -> None:
    assert [term.source for term in terms_in("an iron sword for Grim", GLOSSARY)] == ["Iron Sword", "Grim"]
    assert terms_in("swordfish, grimly", GLOSSARY) == []


def test_a_term_that_was_translated_otherwise_is_told() -> None:
    assert glossary_fault("Take the Sword", "Nimm die Schwerter", GLOSSARY) == ""
    assert glossary_fault("Take the Sword", "Nimm die Klinge", GLOSSARY) == "Sword has to be Schwert"


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.text() | st.integers() | st.booleans()), max_size=6))
def test_a_table_is_read_back_as_it_was_written(rows: list[dict[str, Any]]) -> None:
    assert json.loads(json_text(rows)) == rows
    names = columns_of(rows) or ["a"]
    read = list(csv.DictReader(io.StringIO(csv_text(rows, names), newline="")))
    expected = [
        {name: v if isinstance(v := row.get(name, ""), str) else json.dumps(v) for name in names} for row in rows
    ]
    # A row of one empty cell is an empty line, which no reader tells from none.
    assert [row for row in read if any(row.values())] == [row for row in expected if any(row.values())]


def test_spreadsheets_of_other_countries_and_programs_are_read() -> None:
    text = '\ufeffname;prompt;;\r\nsword;"a; fire\nsword";;\r\n;;;\r\nbow;x\r\n'
    assert read_table(text, where="a.csv") == [
        (2, {"name": "sword", "prompt": "a; fire\nsword", "": ""}),
        (5, {"name": "bow", "prompt": "x", "": ""}),
    ]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "has no first line"),
        ("a,a\n1,2\n", "has the column a twice"),
        ("a,b\n1,2\n", "has no column prompt; it has a, b."),
        ('prompt\n"x', "line 2: unexpected end of data"),
    ],
)
def test_a_table_that_is_none_is_refused_with_its_place(text: str, part: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_table(text, where="a.csv", need=["prompt"])
    assert part in str(caught.value)


@given(st.lists(st.text(), unique=True, max_size=6))
def test_knots_have_names_that_ink_takes_and_no_two_the_same(names: list[str]) -> None:
    knots = knot_names(names)
    assert len(set(knots)) == len(names)
    assert all(re.fullmatch(r"[a-z_][a-z0-9_]*", knot) for knot in knots)


@given(st.text())
def test_a_line_in_ink_is_one_line_and_says_what_it_said(line: str) -> None:
    ink = escaped(line)
    assert "\n" not in ink
    assert re.sub(r"\\(.)", r"\1", ink) == " ".join(line.split())
    assert not re.search(r"(?<!\\)[{}|~#]", ink.replace("\\\\", ""))


def test_an_ink_file_has_a_knot_for_each_character_that_speaks() -> None:
    text = ink_file({"Grim": ["Go away.", "What {you}?"], "Mute": []})
    assert "=== grim ===\n{ shuffle:\n    - Grim: Go away.\n    - Grim: What \\{you\\}?\n}\n->->\n" in text
    assert "mute" not in text


def answers(recipe: Recipe, *texts: str) -> tuple[list[Ask], list[str]]:
    """Play a model to a recipe with one ask: what was asked, and what became of it."""
    asked: list[Ask] = []
    verdicts: list[str] = []
    todo = list(recipe.asks())
    for text in texts:
        ask = todo.pop(0)
        asked.append(ask)
        with tempfile.NamedTemporaryFile() as file:
            Path(file.name).write_text(text, encoding="utf-8")
            verdict = recipe.take(ask, Answer(files=[Path(file.name)]))
        if isinstance(verdict, Ask):
            todo.append(verdict)
        else:
            verdicts.append(verdict)
    return asked, verdicts


def said(*lines: str) -> str:
    return json.dumps({"lines": lines})


def test_doubled_and_long_lines_are_asked_for_again() -> None:
    recipe = Lines("a fight", [Character("Grim", "a smith")], count=3, letters=20, manner=MANNER)
    asked, verdicts = answers(recipe, said("Ouch!", "ouch", "x" * 21), said("Away!", "Ouch..."), said("Run."))
    assert verdicts == [""]
    assert recipe.said() == {"Grim": ["Ouch!", "Away!", "Run."]}
    assert len({ask.spec.seed for ask in asked}) == 3
    assert "Write 2 different lines" in asked[1].spec.prompt
    assert "- Ouch!" in asked[1].spec.prompt


def test_lines_that_never_come_fail_and_those_that_came_are_kept() -> None:
    recipe = Lines("a fight", [Character("Grim")], count=2, letters=0, manner=MANNER)
    _, verdicts = answers(recipe, said("Ouch!"), "no json", said("Ouch!"))
    assert verdicts == ["1 of 2 lines are missing after 3 attempts: a line came twice"]
    assert [row["line"] for row in recipe.rows()] == ["Ouch!"]


@given(st.lists(st.text(), max_size=8), st.integers(0, 30))
def test_good_lines_are_short_and_no_line_comes_twice(lines: list[str], letters: int) -> None:
    new, _ = good_lines({"lines": lines}, [], letters=letters)
    assert len({"".join(filter(str.isalnum, line.casefold())) for line in new}) == len(new)
    assert all(line and (not letters or len(line) <= letters) for line in new)


def test_characters_are_read_as_people_write_them() -> None:
    assert parse_character("Grim: a smith: old") == Character("Grim", "a smith: old")
    assert parse_character("Grim") == Character("Grim")
    with pytest.raises(UsageError, match="names no character"):
        parse_character(": a smith")


ITEM: Mapping[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "damage": {"type": "integer", "maximum": 9}},
    "required": ["name", "damage"],
}


def item(name: str, damage: int) -> str:
    return json.dumps({"name": name, "damage": damage})


def test_items_meet_their_schema_and_have_names_of_their_own() -> None:
    recipe = Items("a weapon", ITEM, count=2, unique="name", manner=MANNER)
    asked, verdicts = answers(recipe, item("Axe", 5), item("Axe", 6), item("Bow", 10), item("Bow", 9))
    # The second item is asked for until it is another one, and within bounds.
    assert verdicts == ["", ""] or verdicts == [""]
    assert recipe.rows()[0] == {"name": "Axe", "damage": 5}
    assert asked[0].spec.seed != asked[1].spec.seed


def test_an_item_that_never_comes_is_told_with_its_reason() -> None:
    recipe = Items("a weapon", ITEM, count=1, unique="name", manner=MANNER)
    _, verdicts = answers(recipe, item("Bow", 10), item("Bow", 11), item("Bow", 12))
    assert verdicts == ["at damage, 12 is greater than the maximum of 9 (after 3 attempts)"]
    assert recipe.rows() == []


CSV = 'key,source,max,note\nhi,"Hello, {player}!",,\nbuy,Buy a Sword,12,a button\nid,{id},,\nbad,x,many,\nhi,again,,\n'


def translation(*texts: str) -> tuple[Translation, list[Ask], list[str]]:
    entries = read_entries(CSV, where="a.csv", column="source", letters=0)
    assert [entry.fault for entry in entries] == [
        "",
        "",
        "",
        "max is 'many', and no number of letters",
        "the key hi is there twice",
    ]
    recipe = Translation(entries, language="German", glossary=GLOSSARY, manner=MANNER)
    return (recipe, *answers(recipe, *(json.dumps({"translation": text}) for text in texts)))


def test_a_translation_keeps_placeholders_glossary_and_length() -> None:
    recipe, asked, verdicts = translation("Hallo, {player}!", "Schwert!")
    assert verdicts == ["", ""]
    assert [row["German"] for row in recipe.rows()] == ["Hallo, {player}!", "Schwert!", "{id}", "", ""]
    assert [row["key"] for row in recipe.rows()] == ["hi", "buy", "id", "bad", "hi"]
    assert "Sword = Schwert" in asked[1].spec.prompt
    assert asked[0].line == 2


def test_a_lost_placeholder_is_asked_for_with_a_grammar_that_has_it() -> None:
    _, asked, _ = translation("Hallo!", "Schwert!", "Hallo {player}")
    again = asked[2].spec
    schema: Any = again.parameters["schema"]
    assert "{player} was lost" in again.prompt
    assert re.fullmatch(schema["properties"]["translation"]["pattern"], "Hallo {player}")
    assert not re.fullmatch(schema["properties"]["translation"]["pattern"], "Hallo")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Ein Schwert kaufen", "it has 18 letters, 12 are allowed"),
        ("Klinge", "Sword has to be Schwert"),
        (" ", "empty"),
    ],
)
def test_a_row_that_never_is_good_fails_alone(text: str, why: str) -> None:
    recipe, _, verdicts = translation("{player}: hallo", text, text, text)
    assert verdicts[0] == ""
    assert why in verdicts[1]
    assert [row["German"] for row in recipe.rows()][:2] == ["{player}: hallo", ""]


def test_a_glossary_lacks_nothing() -> None:
    assert read_glossary("source,target\nSword,Schwert\n", where="g.csv") == [Term("Sword", "Schwert")]
    with pytest.raises(UsageError, match=r"g.csv, line 2: a term lacks"):
        read_glossary("source,target\nSword,\n", where="g.csv")


def test_another_attempt_has_another_seed_each_time() -> None:
    ask = Lines("x", [Character("A")], count=1, letters=0, manner=MANNER).asks()[0]
    seeds = [ask.spec.seed, next_attempt(ask).spec.seed, next_attempt(next_attempt(ask)).spec.seed]
    assert len(set(seeds)) == 3


@pytest.mark.parametrize(
    ("schema", "part"),
    [
        ('{"type": "object", "properties": {"a": {"type": "integer", "minimum": 5, "maximum": 3}}, "required": ["a"]}',
         "at properties.a, minimum 5 is above maximum 3"),
        ('{"type": "string", "enum": [1, 2]}', "no choice of enum meets what stands beside it"),
        ('{"type": "string", "minLength": 9, "maxLength": 3}', "minLength 9 is above maxLength 3"),
        ('{"type": "array", "minItems": 1, "items": false}', "at items, nothing is allowed"),
        ('{"type": "object", "required": ["a"], "additionalProperties": false}', "a is required"),
        ('{"type": "whatever"}', "is no JSON Schema"),
        ("[]", "it is no object"),
        ("{", "is no JSON"),
    ],
)  # fmt: skip
def test_a_schema_that_nothing_can_meet_is_refused_with_the_place(schema: str, part: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_schema(schema, where="item.json")
    assert part in caught.value.sentence()
    assert "item.json" in caught.value.sentence()


BOUNDS = st.integers(-3, 3)


@given(st.sampled_from(["integer", "number", "string", "array"]), BOUNDS, BOUNDS, st.integers(-5, 5) | st.text("a"))
def test_a_schema_that_something_meets_is_never_refused(kind: str, low: int, high: int, value: object) -> None:
    names = {"string": "Length", "array": "Items"}.get(kind, "imum")
    schema: dict[str, Any] = {"type": kind, f"min{names}": abs(low), f"max{names}": abs(high)}
    if fault(value, schema) == "":
        assert list(contradictions(schema)) == []


def test_an_optional_property_that_nothing_meets_does_no_harm() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"a": False}}
    assert list(contradictions(schema)) == []
    assert fault({}, schema) == ""
