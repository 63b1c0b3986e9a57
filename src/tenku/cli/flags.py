"""Flags made from a settings class: a field is described once, and is a flag, a variable and a key."""

import argparse
import dataclasses
from collections.abc import Sequence
from typing import Any, get_type_hints

from tenku.base.docstrings import field_docs
from tenku.base.settings import Settings, default_text, flag_name


def add_setting_flags(parser: argparse._ActionsContainer, kind: type[Settings], *, names: Sequence[str] = ()) -> None:
    """Add a flag for each named field of a settings class, in that order; for all of them where none is named."""
    docs, hints = field_docs(kind), get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for name in names or fields:
        # An absent flag leaves no trace: what was not given must not win over the environment or config.toml.
        how: dict[str, Any] = {"dest": name, "default": argparse.SUPPRESS, "help": _help(docs[name], fields[name])}
        if hints[name] is bool:
            how["action"] = argparse.BooleanOptionalAction
        else:
            how["metavar"] = fields[name].metadata["metavar"]
            if fields[name].metadata["many"]:
                how["action"] = "append"
        parser.add_argument(flag_name(name), **how)


def given_flags(args: argparse.Namespace, kind: type[Settings], *, names: Sequence[str] = ()) -> dict[str, str]:
    """The settings that were given as flags, as text by field name; `settings.load` takes them.

    `names`: only these, as for `add_setting_flags`: two areas may have fields of one name.
    """
    given = vars(args)
    known = names or [field.name for field in dataclasses.fields(kind)]
    return {name: _as_text(given[name]) for name in known if name in given}


def _help(text: str, field: "dataclasses.Field[Any]") -> str:
    default = {"true": "on", "false": "off"}.get(default_text(field), default_text(field))
    return (f"{text} Default: {default}." if default else text).replace("%", "%%").replace("`", "")


def _as_text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
