"""Markup whose text is always escaped (pure)."""

import html
from collections.abc import Iterable


class Markup(str):
    """Text that is markup already; every other text is escaped where it is put in."""

    __slots__ = ()


def tag(element: str, /, *inside: str | Iterable[str], **attributes: object) -> Markup:
    """An element. `class_` is its class, `data_x` is `data-x`; one that is None or False is left out."""
    given = "".join(
        f' {_name(key)}="{escaped(str(value))}"' if value is not True else f" {_name(key)}"
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Markup(f"<{element}{given}>{joined(*inside)}</{element}>")


def joined(*inside: str | Iterable[str]) -> Markup:
    """Texts and elements one after the other."""
    texts = [each if isinstance(each, str) else joined(*each) for each in inside]
    return Markup("".join(text if isinstance(text, Markup) else escaped(text) for text in texts))


def escaped(text: str) -> Markup:
    """Text that means nothing but itself; letters that no page may hold, as drivers print them, show as one sign."""
    return Markup(html.escape("".join(each if each in "\n\t" or each.isprintable() else "�" for each in text)))


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")
