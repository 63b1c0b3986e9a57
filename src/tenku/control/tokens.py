"""Who may use the API: tokens, kept as hashes in a private file that commands and a running server share."""

import fcntl
import hashlib
import json
import os
import secrets
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tenku.base.convert import Secret
from tenku.base.errors import AccessError, UsageError

PREFIX = "tenku_"
"""Makes a token that leaked into a log or a repository easy to find."""


@dataclass(frozen=True)
class Token:
    """What is known about a token."""

    name: str
    sha256: str
    """64 hex digits. Tokens are 256 random bits, so that a slow hash would protect nothing more."""
    made: float
    """Seconds since 1970."""
    team: str = ""
    """Whose jobs are handed in with it; empty: the jobs say."""


class Tokens:
    """The tokens in a file; read again when it changes, so that a revoked one is out at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._by_hash: Mapping[str, Token] = {}

    def find(self, text: str) -> Token | None:
        """The token that this is; None: it is none."""
        # A look-up of the hash: how long it takes says nothing about the token.
        return self._read().get(_hash(text))

    def owner(self, text: str) -> str | None:
        """The name of the token that this is; None: of none."""
        token = self.find(text)
        return token.name if token is not None else None

    def team(self, text: str) -> str | None:
        """The team of the token that this is, or empty where it has none; None: it is no token."""
        token = self.find(text)
        return token.team if token is not None else None

    def list(self) -> list[Token]:
        """All of them, as they were made."""
        return sorted(self._read().values(), key=lambda token: token.made)

    def new(self, name: str, *, now: float, team: str = "") -> Secret:
        """Make a token; this is the only time that it is known. Raises UsageError, AccessError.

        Args:
            team: jobs that are handed in with it are this team's.
        """
        if len(team) > 100 or not team.isprintable():
            raise UsageError(f"{team!r} cannot be the name of a team.", hint="Take one like `art`.")
        if not name or not name.isprintable() or len(name) > 100:
            raise UsageError(f"{name!r} cannot be the name of a token.", hint="Take one like `ci` or `anna`.")
        text = PREFIX + secrets.token_urlsafe(32)
        with self._changing() as tokens:
            if any(token.name == name for token in tokens.values()):
                raise UsageError(f"There is a token {name} already.", hint="Revoke it first, or take another name.")
            tokens[_hash(text)] = Token(name, _hash(text), now, team)
        return Secret(text)

    def revoke(self, name: str) -> None:
        """The token is good no more. Raises UsageError, AccessError."""
        with self._changing() as tokens:
            hashes = [each.sha256 for each in tokens.values() if each.name == name]
            if not hashes:
                raise UsageError(f"There is no token {name}.", hint="`tenku tokens list` shows them.")
            for each in hashes:
                del tokens[each]

    def _read(self) -> Mapping[str, Token]:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._error(error) from error
        seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        with self._lock:
            if seen != self._seen:
                self._by_hash = self._parsed()
                self._seen = seen
            return self._by_hash

    def _parsed(self) -> dict[str, Token]:
        try:
            tokens = [Token(**each) for each in json.loads(self._path.read_text(encoding="utf-8"))["tokens"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._error(error) from error
        return {token.sha256: token for token in tokens}

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Token]]:
        """The tokens, written back whole after the block; two commands at once wait for each other."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with (self._path.parent / f".{self._path.name}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                tokens = self._parsed() if self._path.exists() else {}
                yield tokens
                self._write(tokens)
        except OSError as error:
            raise self._error(error) from error

    def _write(self, tokens: Mapping[str, Token]) -> None:
        descriptor, name = tempfile.mkstemp(prefix=".tokens-", dir=self._path.parent)  # for its owner alone
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump({"tokens": [asdict(each) for each in tokens.values()]}, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path)
        finally:
            Path(name).unlink(missing_ok=True)

    def _error(self, error: Exception) -> AccessError:
        why = error.strerror if isinstance(error, OSError) else "it is no file of tokens"
        return AccessError(f"The tokens in {self._path} cannot be used: {why}.", hint="Look at it, or remove it.")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
