"""Keys in files: reads them, and writes a new pair."""

import os
from collections.abc import Callable
from pathlib import Path

from tenku.base.convert import Secret
from tenku.base.errors import FolderError, TrustError, UsageError
from tenku.content import minisign, secretfile
from tenku.content.minisign import PublicKey, SecretKey
from tenku.content.wholefile import write_whole

LARGEST = 256 * 1024
"""Bytes of any file that is read here: keys have some hundred, signed files at most so many."""


def read_small(path: Path) -> bytes:
    """A whole small file. Raises FolderError: it cannot be read; TrustError: it is far too large."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise FolderError(f"{path} cannot be read: {error.strerror}.", hint="Give the file of a key.") from error
    if len(data) > LARGEST:
        raise TrustError(f"{path} is too large for a key or a signed file.")
    return data


def as_text(data: bytes, *, where: str) -> str:
    """The text of a key's file. Raises TrustError."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise TrustError(f"{where} is not a key of minisign: it is no text.") from None


def read_public(path: Path) -> PublicKey:
    """The public key in a file. Raises FolderError, TrustError."""
    text = as_text(read_small(path), where=str(path))
    if secretfile.is_secret_file(text):
        raise TrustError(f"{path} is a secret key.", hint="Give the public one, NAME.pub; never pass this one on.")
    return minisign.parse_public(text, where=str(path))


def read_secret(path: Path, ask: Callable[[], Secret]) -> SecretKey:
    """The secret key in a file; `ask` is called for its password only where there is one.

    Raises:
        FolderError: the file cannot be read.
        TrustError: it is no secret key, or the password is wrong.
        MachineError: too little memory.
    """
    text = as_text(read_small(path), where=str(path))
    password = ask() if secretfile.is_locked(text, where=str(path)) else None
    return secretfile.unlock(text, password, where=str(path))


def paths_of_pair(folder: Path, name: str) -> tuple[Path, Path]:
    """The files of a pair, secret and public. Raises UsageError: the name leads out of the folder."""
    if not name or name.startswith(".") or name != Path(name).name or not name.isprintable():
        raise UsageError(f"{name!r} cannot be the name of a key.", hint="Give --folder for where it shall lie.")
    return folder / f"{name}.key", folder / f"{name}.pub"


def check_new(*paths: Path) -> None:
    """Raises UsageError where there is such a file already."""
    for path in paths:
        if os.path.lexists(path):
            raise UsageError(
                f"{path} is there already, and a lost key cannot be made again.",
                hint="Take another name; --force replaces it.",
            )


def write_pair(secret: Path, public: Path, *, password: Secret | None) -> PublicKey:
    """Write a new pair of keys, over what is there; the secret one for its owner alone. Raises FolderError."""
    key = minisign.new_key()
    write_whole(secret, secretfile.lock(key, password).encode(), mode=0o600)
    write_whole(public, key.public.file().encode(), mode=0o644)
    return key.public
