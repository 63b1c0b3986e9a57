"""Reads Godot's text resources by their grammar, formats 2 and 3, and checks what an engine would trip over.

Written from the engine's own description of the format; where a real engine is at hand, tests ask that one as well.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TOKEN = re.compile(r'\s*(?:(-?\d+(?:\.\d+)?)|(&?)"((?:[^"\\]|\\.)*)"|(\w+)|([\[\](){},:=]))')


@dataclass
class Section:
    """`[tag key=value …]` and the properties under it."""

    tag: str
    fields: dict[str, Any]
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """`Rect2(0, 0, 8, 8)` or `ExtResource("1")`."""

    name: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Texture:
    """An AtlasTexture with what it refers to."""

    page: Path
    region: tuple[int, ...]
    margin: tuple[int, ...]


@dataclass(frozen=True)
class Resource:
    """A file of text, read and checked."""

    kind: str
    format: int
    textures: dict[Any, Texture]
    """By the id of their section; the file's own one has the id 0."""
    properties: dict[str, Any]


class Reader:
    """Goes through a text, one value after the other."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def token(self) -> tuple[str, Any]:
        found = TOKEN.match(self.text, self.at)
        if not found:
            raise ValueError(f"nothing that belongs there: {self.text[self.at : self.at + 20]!r}")
        self.at = found.end()
        number, name, string, word, mark = found.groups()
        if number is not None:
            return "value", float(number) if "." in number else int(number)
        if string is not None:
            assert name in ("", "&")
            return "value", re.sub(r"\\(.)", r"\1", string)
        return ("word", word) if word is not None else ("mark", mark)

    def expect(self, mark: str) -> None:
        got = self.token()
        assert got == ("mark", mark), f"{got} where {mark} has to be"

    def peek(self) -> tuple[str, Any]:
        at = self.at
        got = self.token()
        self.at = at
        return got

    def more(self) -> bool:
        return bool(self.text[self.at :].strip())

    def value(self) -> Any:
        kind, got = self.token()
        if kind == "value":
            return got
        if kind == "word":
            if got in ("true", "false", "null"):
                return {"true": True, "false": False, "null": None}[got]
            self.expect("(")
            return Call(got, tuple(self.rest(")")))
        if got == "[":
            return list(self.rest("]"))
        assert got == "{", f"{got} is no value"
        pairs = {}
        while self.peek() != ("mark", "}"):
            key = self.value()
            self.expect(":")
            assert key not in pairs
            pairs[key] = self.value()
            if self.peek() == ("mark", ","):
                self.token()
        self.token()
        return pairs

    def rest(self, end: str) -> list[Any]:
        values = []
        while self.peek() != ("mark", end):
            values.append(self.value())
            if self.peek() != ("mark", end):
                self.expect(",")
        self.token()
        return values


def sections(text: str) -> list[Section]:
    """Every section of a file, in order."""
    reader, found = Reader(text), []
    while reader.more():
        kind, got = reader.token()
        if (kind, got) == ("mark", "["):
            _, tag = reader.token()
            fields = {}
            while reader.peek() != ("mark", "]"):
                _, key = reader.token()
                reader.expect("=")
                fields[key] = reader.value()
            reader.token()
            found.append(Section(tag, fields))
            continue
        assert kind == "word", f"{got} is no property"
        reader.expect("=")
        found[-1].properties[got] = reader.value()
    return found


def read_tres(path: Path) -> Resource:
    """A text resource; raises AssertionError where a reference leads nowhere or a count is wrong."""
    parts = sections(path.read_text(encoding="utf-8"))
    head, last = parts[0], parts[-1]
    assert head.tag == "gd_resource"
    assert head.fields["format"] in (2, 3)
    assert last.tag == "resource"
    outside = {part.fields["id"]: part for part in parts if part.tag == "ext_resource"}
    inside = {part.fields["id"]: part for part in parts if part.tag == "sub_resource"}
    assert len(outside) + len(inside) + 2 == len(parts)
    assert head.fields["load_steps"] == len(outside) + len(inside) + 1
    wanted = ("Texture", int) if head.fields["format"] == 2 else ("Texture2D", str)
    for part in outside.values():
        assert part.fields["type"] == wanted[0]
        assert isinstance(part.fields["id"], wanted[1])
    textures = {name: _texture(part, outside, path) for name, part in inside.items()}
    if head.fields["type"] == "AtlasTexture":
        textures[0] = _texture(last, outside, path)
    return Resource(head.fields["type"], head.fields["format"], textures, last.properties)


def _texture(part: Section, outside: dict[Any, Section], path: Path) -> Texture:
    atlas, region = part.properties["atlas"], part.properties["region"]
    margin = part.properties.get("margin", Call("Rect2", (0, 0, 0, 0)))
    assert atlas.name == "ExtResource"
    assert region.name == margin.name == "Rect2"
    assert part.properties["filter_clip"] is True
    page = (path.parent / outside[atlas.arguments[0]].fields["path"]).resolve()
    assert page.is_file(), f"{path} names {page}"
    return Texture(page, region.arguments, margin.arguments)
