"""Which paths a build may have: those that mean one and the same place on Linux, macOS and Windows.

`check_path` looks at one path alone, `PathGuard` at all paths of a build, one after the other. Both refuse by name,
before anything is written. Nothing here touches a disk.
"""

import re
import unicodedata
from dataclasses import dataclass, field

from tenku.base.errors import PathError
from tenku.content.model import Kind

OWN_FOLDER = ".tenku"
"""The folder in the root of an installed build that is ours: state, journal, staging."""

MAX_PART = 255
"""Bytes of UTF-8 of one name: what ext4, XFS, APFS and NTFS take."""
MAX_PATH = 1024
"""Bytes of UTF-8 of a whole path: what macOS takes."""
_SHORT = MAX_PART // 4
"""Letters that are no more than MAX_PART bytes, whichever they are."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_RESERVED_CHARACTERS = re.compile(r'[<>:"|?*]')
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_DEVICE = r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *"
_DEVICES = re.compile(rf"{_DEVICE}(?:\..*)?", re.IGNORECASE | re.DOTALL)
_SUSPICIOUS = re.compile(
    rf"""[\x00-\x1f\x7f-\x9f<>:"|?*\\\ud800-\udfff]|\A/|//|[. ](?:/|\Z)|(?:/|\A)(?:\Z|{_DEVICE}(?:[./]|\Z))""",
    re.IGNORECASE,
)
"""Found in every path that has a fault, apart from length: those that have none are passed in one look."""
_PLAIN_PART = r"(?![acnlp][opru][lmntx])[\w.+@=,() -]*[\w+@=,()-]"
_PLAIN = re.compile(rf"(?:{_PLAIN_PART}/)*{_PLAIN_PART}", re.ASCII | re.IGNORECASE)
"""Matches most paths, and none that has a fault, apart from length: four times as quick as the search for faults."""
_OWN_NAMES = {OWN_FOLDER, "tenku~1"}
"""Windows also finds `.tenku` by the second, its short name."""


def check_path(path: str) -> None:
    """Refuse a path that is not below the build's root, or that some system cannot hold. Raises PathError."""
    short = len(path) <= _SHORT or (len(path) <= MAX_PART and path.isascii())
    if not short or (not _PLAIN.fullmatch(path) and _SUSPICIOUS.search(path)):
        _check_closely(path)
    if _fold(path.partition("/")[0]) in _OWN_NAMES:
        raise _refusal(path, f"lies in {OWN_FOLDER}, where Tenku keeps its own files")


def check_target(path: str, target: str) -> None:
    """Refuse a symbolic link at `path` that is absolute or could lead out of the build. Raises PathError.

    `..` may stand only at the beginning. Behind a name it would be safe to the eye alone: where `d/x` is a link to
    `d`, the target `d/x/../..` looks like the root but is the folder above it.
    """
    shown = f"{path} -> {target}"
    if not target:
        raise _refusal(shown, "is a link to nothing")
    _check_length(target)
    if target.startswith("/"):
        raise _refusal(shown, "is an absolute link")
    place = path.split("/")[:-1]
    named = False
    for part in target.split("/"):
        if part == "..":
            if named or not place:
                raise _refusal(shown, "is a link that leaves the build")
            place.pop()
        elif part not in ("", "."):
            _check_part(part, shown)
            place.append(part)
            named = True
    if place and _fold(place[0]) in _OWN_NAMES:
        raise _refusal(shown, f"is a link into {OWN_FOLDER}, where Tenku keeps its own files")


@dataclass(slots=True)
class _Folder:
    """A folder whose entries are coming in: its own name, and by folded name what it holds so far."""

    name: str
    children: dict[str, tuple[str, Kind]] = field(default_factory=dict)


class PathGuard:
    """Refuses a build whose entries do not fit together; it is told every entry once, in order.

    The order is that of the paths' UTF-8 bytes. It makes duplicates neighbours and folders contiguous, so that only the
    names beside the current path are remembered, not those of the whole build.
    """

    def __init__(self) -> None:
        self._last = b""
        self._last_kind = Kind.FOLDER
        self._open = [_Folder("")]

    def add(self, path: str, kind: Kind, *, target: str = "", start: int = 0) -> None:
        """Look at the next entry; `start` above 0 says that it goes on with the file before it.

        Raises:
            PathError: the path or the link is unsafe by itself, comes twice or out of order, differs from another
                only by case or by how its letters are composed, or lies below a file or a link.
        """
        check_path(path)
        as_bytes = path.encode()
        if start:
            if as_bytes != self._last or kind is not Kind.FILE or self._last_kind is not Kind.FILE:
                raise _refusal(path, "begins in the middle of a file")
            return
        if as_bytes <= self._last:
            raise _refusal(path, "comes twice" if as_bytes == self._last else "is out of order")
        if kind is Kind.LINK:
            check_target(path, target)
        *folders, name = path.split("/")
        self._enter(folders, path)
        self._note(name, kind, path)
        self._last, self._last_kind = as_bytes, kind

    def _enter(self, folders: list[str], path: str) -> None:
        depth = 0
        while depth < len(folders) and depth + 1 < len(self._open) and self._open[depth + 1].name == folders[depth]:
            depth += 1
        del self._open[depth + 1 :]
        for name in folders[depth:]:
            self._note(name, Kind.FOLDER, path)
            self._open.append(_Folder(name))

    def _note(self, name: str, kind: Kind, path: str) -> None:
        """Remember a name of the innermost folder. Raises PathError where another one is too much like it."""
        children = self._open[-1].children
        folded = _fold(name)
        if folded not in children:
            children[folded] = name, kind
            return
        before, before_kind = children[folded]
        if before != name:
            raise _refusal(path, f"cannot stand beside {before!r}, which is the same name on Windows or macOS")
        if before_kind is Kind.LINK:
            raise _refusal(path, "lies below a symbolic link")
        if before_kind is Kind.FILE:
            raise _refusal(path, "lies below a file")
        raise _refusal(path, "lies below a folder that is said to be empty")


def _check_closely(path: str) -> None:
    _check_length(path)
    if path.startswith("/"):
        raise _refusal(path, "is absolute")
    for part in path.split("/"):
        _check_part(part, path)


def _check_length(path: str) -> None:
    if _SURROGATES.search(path):
        raise _refusal(path, "is not UTF-8")
    if len(path.encode()) > MAX_PATH:
        raise _refusal(path, f"is longer than {MAX_PATH:,} bytes")


def _check_part(part: str, path: str) -> None:
    if reason := _fault(part):
        raise _refusal(path, reason)


def _fault(part: str) -> str:
    """What is wrong with one name of a path; empty where nothing is."""
    if part in ("", ".", ".."):
        return f"has the part {part!r}" if part else "has an empty part"
    if _CONTROL.search(part):
        return "has a control character"
    if "\\" in part:
        return "has a backslash"
    if found := _RESERVED_CHARACTERS.search(part):
        return f"has {found[0]!r}, which Windows reserves"
    if part[-1] in ". ":
        return "has a part that ends with a dot or a space, which Windows drops"
    if _DEVICES.fullmatch(part):
        return f"has the part {part!r}, which is a device on Windows"
    if len(part) > _SHORT and len(part.encode()) > MAX_PART:
        return f"has a part longer than {MAX_PART} bytes"
    return ""


def _fold(name: str) -> str:
    """Equal for names that some file system takes for one: by case, composition or invisible letters."""
    if name.isascii():
        return name.lower()
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
    # HFS+ ignores these, so that `.ten<zero width joiner>ku` would be `.tenku`.
    return "".join(letter for letter in folded if unicodedata.category(letter) != "Cf")


def _refusal(path: str, reason: str) -> PathError:
    shown = path if len(path) <= 200 else f"{path[:200]}…"
    return PathError(f"The path {shown!r} {reason}.", hint="Rename it in the build, or leave it out.")
