"""The tables of docs/protocol.md, written from the classes of `protocol.py` and their docstrings."""

import inspect
from collections.abc import Iterator
from itertools import groupby
from typing import get_args, get_type_hints

from tenku.base.docstrings import field_docs
from tenku.play.protocol import (
    FROM_BROWSER,
    FROM_SERVER,
    MAX_FROM_BROWSER,
    MAX_JSON,
    VERSION,
    Close,
    Message,
    layout,
)

KINDS = {
    "B": "u8",
    "H": "u16",
    "h": "i16",
    "I": "u32",
    "Q": "u64",
    "text": "UTF-8 text",
    "json": "JSON object",
    "bytes": "bytes",
}


def tables() -> dict[str, str]:
    """The generated parts of the page, by the name of their marker."""
    return {
        "limits": limits(),
        "overview": overview(),
        "from-server": "\n\n".join(section(message) for message in FROM_SERVER),
        "from-browser": "\n\n".join(section(message) for message in FROM_BROWSER),
        "close-codes": close_codes(),
    }


def limits() -> str:
    """The numbers that hold for every message."""
    return "\n".join(
        (
            f"- The version is **{VERSION}**.",
            f"- A browser's message has at most **{MAX_FROM_BROWSER:,} bytes**.",
            f"- A browser's JSON has at most **{MAX_JSON:,} bytes**.",
        )
    )


def overview() -> str:
    """Every message in one table."""
    rows = [
        f"| `{message.TYPE:#04x}` | [{message.__name__}](#{message.__name__.lower()}) | {_says(message)} |"
        for message in FROM_SERVER + FROM_BROWSER
    ]
    return "\n".join(("| type | message | what it says |", "| --- | --- | --- |", *rows))


def section(message: type[Message]) -> str:
    """One message: what it says, its bytes, and its fields."""
    shape = layout(message)
    length = f"{shape.header.size} bytes" + (", then the payload" if shape.payload else "")
    head = f"### {message.__name__}\n\n`{message.TYPE:#04x}`, {length}. {_says(message)}"
    rows = list(_rows(message))
    if not rows:
        return head
    return "\n".join((head, "", "| field | type | meaning |", "| --- | --- | --- |", *rows))


def close_codes() -> str:
    """Why a connection ends."""
    docs = field_docs(Close)
    rows = [f"| {code.value} | {code.name} | {docs[code.name]} |" for code in Close]
    return "\n".join(("| code | name | when |", "| --- | --- | --- |", *rows))


def _rows(message: type[Message]) -> Iterator[str]:
    """A row for each field; neighbours of one kind share the text below the last of them."""
    docs, hints = field_docs(message), get_type_hints(message, include_extras=True)
    waiting: list[str] = []
    for kind, group in groupby(layout(message).names, key=lambda name: get_args(hints[name])[1].kind):
        for name in group:
            waiting.append(name)
            if name in docs:
                yield _row(waiting, kind, docs[name])
                waiting = []
        for name in waiting:
            yield _row([name], kind, "")
        waiting = []


def _row(names: list[str], kind: str, text: str) -> str:
    fields = ", ".join(f"`{name}`" for name in names)
    return f"| {fields} | {KINDS[kind]} | {text} |".replace("|  |", "| |")


def _says(message: type[Message]) -> str:
    return " ".join((inspect.getdoc(message) or "").split())
