"""Asks for the password of a key: the environment first, as in CI, then the terminal."""

import getpass
import os
import sys
from pathlib import Path

from tenku.base.convert import Secret
from tenku.base.errors import UsageError

VARIABLE = "TENKU_KEY_PASSWORD"


def password_of(path: Path) -> Secret:
    """The password that opens a key. Raises UsageError: there is nobody to ask."""
    return _given() or _ask(f"Password of {path}: ", hint=f"Set {VARIABLE}.")


def new_password(path: Path) -> Secret:
    """A password for a new key, typed twice. Raises UsageError: nobody to ask, nothing typed, or not twice the same."""
    given = _given()
    if given:
        return given
    first = _ask(f"New password for {path}: ", hint=f"Set {VARIABLE}, or give --no-password.")
    if not first.reveal():
        raise UsageError("A key needs a password.", hint="Give --no-password for one that opens without.")
    if _ask("Once more: ", hint="") != first:
        raise UsageError("The two passwords are not the same.", hint="Try again; nothing was written.")
    return first


def _given() -> Secret | None:
    return Secret(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None


def _ask(question: str, *, hint: str) -> Secret:
    if not sys.stdin.isatty():
        raise UsageError(f"{question.rpartition(':')[0]} is needed, and there is no terminal.", hint=hint)
    try:
        return Secret(getpass.getpass(question))
    except EOFError:
        raise UsageError("No password was given.", hint=hint) from None
