"""Brings the user's own files from an old version's folder into the new one: nothing of theirs is ever lost.

A file that the user added stays where it is. One of the build that the user changed stays too if the build says that
its path is mutable, like a save; else the new version's file takes the place, and the user's is kept in `.tenku/kept`.
"""

import filecmp
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tenku.content.check import Checked
from tenku.content.compare import Finding
from tenku.content.files import writing_failed
from tenku.content.model import Kind
from tenku.content.mutable import Patterns, matches
from tenku.content.staging import KEPT


@dataclass
class Carried:
    """Where the user's files went, by their old path; both from the folder's root."""

    added: dict[str, str] = field(default_factory=dict)
    mutable: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)

    def place(self, path: str) -> str | None:
        """Where the file of this path went; None where nothing was done with it."""
        return self.added.get(path) or self.mutable.get(path) or self.kept.get(path)


class Carrier:
    """Carries from one folder to another by hard links: whoever still writes to a file writes to both.

    Args:
        label: names the version that the files come from, below `.tenku/kept`.
    """

    def __init__(self, old: Path, new: Path, *, mutable: Patterns, label: str) -> None:
        self._old = old
        self._new = new
        self._mutable = mutable
        self._label = label

    def carry(self, checked: Iterable[Checked], done: Carried) -> None:
        """Carry what is the user's; `done` says what was carried before, and is told what is. Raises FolderError."""
        for each in checked:
            if each.finding not in (Finding.ADDED, Finding.CHANGED) or each.compared.found is None:
                continue
            place = done.place(each.path)
            if place is None or not _is_same_file(self._old / each.path, self._new / place):
                try:
                    self._carry(each, done)
                except OSError as error:
                    raise writing_failed(self._new, error) from error

    def _carry(self, each: Checked, done: Carried) -> None:
        path, found = each.path, each.compared.found
        target = self._new / path
        if found is not None and found.kind is Kind.FOLDER:
            if self._has_room(path) and not os.path.lexists(target):
                target.mkdir(parents=True)
            return
        if matches(path, self._mutable) and self._has_room(path) and not target.is_dir():
            done.mutable[path] = path
        elif each.finding is Finding.ADDED and self._has_room(path) and not os.path.lexists(target):
            done.added[path] = path
        elif _is_equal(self._old / path, target):
            return
        else:
            done.kept[path] = f"{KEPT}/{self._label}/{path}"
        link_or_copy(self._old / path, self._new / (done.place(path) or path))

    def _has_room(self, path: str) -> bool:
        """Whether folders lead there in the new version, or nothing is in the way of making them."""
        place = self._new
        for part in path.split("/")[:-1]:
            place = place / part
            if os.path.lexists(place) and (place.is_symlink() or not place.is_dir()):
                return False
        return True


def link_or_copy(source: Path, target: Path) -> None:
    """Put a file or link there, over what is there; a hard link where that can be."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".tenku-{os.getpid()}")
    beside.unlink(missing_ok=True)
    try:
        os.link(source, beside, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, beside, follow_symlinks=False)
    if _is_same_file(beside, target):
        beside.unlink()  # a rename onto itself would leave both names
    else:
        beside.replace(target)


def _is_same_file(one: Path, other: Path) -> bool:
    try:
        return os.path.samestat(os.lstat(one), os.lstat(other))
    except OSError:
        return False


def _is_equal(one: Path, other: Path) -> bool:
    """Whether both have the same bytes, or lead to the same place."""
    if one.is_symlink() or other.is_symlink():
        return one.is_symlink() and other.is_symlink() and one.readlink() == other.readlink()
    try:
        return _is_same_file(one, other) or filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False
