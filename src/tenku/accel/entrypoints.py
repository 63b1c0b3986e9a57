"""Entry points of other packages: run one by one, and one that fails becomes a sentence with its package's name."""

import contextlib
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Something that another package brought, and that cannot be used."""

    package: str
    why: str
    """Goes on after the package's name: `does not load: ImportError: no libchip.so`."""
    hint: str = ""
    """What to try."""

    def sentence(self) -> str:
        """For people."""
        return f"The package {self.package} {self.why.rstrip('.')}. {self.hint}".strip()


def points(group: str) -> list[EntryPoint]:
    """The entry points of a group, in an order that is the same each time."""
    return sorted(entry_points(group=group), key=lambda entry: (package_of(entry), entry.name))


def package_of(entry: EntryPoint) -> str:
    """The package that an entry point came with, as `pip uninstall` takes it."""
    return entry.dist.name if entry.dist else entry.value.partition(":")[0].partition(".")[0]


def answer_of(entry: EntryPoint) -> tuple[Any, str]:
    """What an entry point's function gives, and why it gave nothing. What it prints belongs to standard error."""
    with contextlib.redirect_stdout(sys.stderr):
        # Anything at all may go wrong in somebody else's package, `sys.exit` too: here it becomes a sentence.
        try:
            made = entry.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001
            return None, f"does not load: {said(error)}"
        try:
            return made(), ""
        except (Exception, SystemExit) as error:  # noqa: BLE001
            return None, f"fails in {entry.value}: {said(error)}"


def said(error: BaseException) -> str:
    """An error on one line, with its kind."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
