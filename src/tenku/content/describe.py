"""Says what the file of a key, or a signed file, is; never shows a secret and checks no signature."""

import json
from pathlib import Path

from tenku.base.errors import CorruptError
from tenku.content import head, keyfiles, minisign, secretfile


def describe(path: Path) -> list[str]:
    """A few lines for a person. Raises FolderError, TrustError, CorruptError: it is nothing of that kind."""
    data = keyfiles.read_small(path)
    if data.count(b"\n") >= head.SIGNATURE_LINES:
        return _signed(data, where=str(path))
    text = keyfiles.as_text(data, where=str(path))
    return _secret(text, where=str(path)) if secretfile.is_secret_file(text) else _public(text, where=str(path))


def _public(text: str, *, where: str) -> list[str]:
    key = minisign.parse_public(text, where=where)
    return [f"{where}: public key", f"key:  {key}", f"word: {key.line}"]


def _secret(text: str, *, where: str) -> list[str]:
    if secretfile.is_locked(text, where=where):
        # Its id is behind the password, too.
        return [f"{where}: secret key, locked by a password", "key:  see the public key beside it"]
    key = secretfile.unlock(text, None, where=where)
    return [f"{where}: secret key, open: whoever reads the file can sign", f"key:  {key}", f"word: {key.public.line}"]


def _signed(data: bytes, *, where: str) -> list[str]:
    signature, payload = head.split(data, where=where)
    first = [f"{where}: signed, not checked here", f"key:  {minisign.key_name(signature.key)}"]
    return first + ([f"says: {_one_line(payload, where=where)}"] if payload else [])


def _one_line(payload: bytes, *, where: str) -> str:
    try:
        return json.dumps(json.loads(payload))  # escapes whatever a terminal would take for a command
    except (ValueError, RecursionError):
        raise CorruptError(f"{where} signs something that is not Tenku's.") from None
