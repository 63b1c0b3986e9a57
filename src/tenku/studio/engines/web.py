"""HTTP to servers elsewhere that make things: their addresses and keys, connections, and what they say is wrong."""

import http.client
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import SplitResult, urlsplit

from tenku.base.errors import CancelledJob, JobError, ModelError
from tenku.studio.engines.pump import LOOK_S
from tenku.studio.model import InstalledModel

TRIES = 3
PAUSE_S = 0.5
"""Before the second try; it doubles."""
PASSING = (408, 425, 429, 500, 502, 503, 504)
"""Answers after which the same request may succeed."""
MAX_ANSWER = 256 * 1024 * 1024


class Away(Exception):  # noqa: N818
    """The server could not be asked, or says that it cannot now; nothing has come from it yet."""


def check_url(text: str) -> SplitResult:
    """The base URL of a server. Raises ModelError."""
    try:
        url = urlsplit(text)
        sound = url.scheme in ("http", "https") and url.hostname and url.port != 0 and not (url.query or url.fragment)
    except ValueError:
        sound = False
    if not sound:
        raise ModelError(f"{text[:200]!r} is no base URL of a server.", hint="Write one like http://127.0.0.1:8000/v1.")
    if url.username or url.password:
        raise ModelError("The URL has a password in it.", hint="Name an environment variable that holds the API key.")
    return url


def api_key(model: InstalledModel, environment: Mapping[str, str], *, usual: str = "") -> str:
    """The key in the variable that the model's `key_variable` names, else in `usual`; empty: none is named.

    Raises ModelError: the variable holds none.
    """
    variable = str(model.parameters.get("key_variable") or usual)
    if not variable:
        return ""
    key = environment.get(variable, "").strip()
    if not key or not key.isascii() or not key.isprintable():
        raise ModelError(
            f"{model.name} takes its API key from ${variable}, which holds none.", hint="Set the variable."
        )
    return key


def number_of(model: InstalledModel, name: str, default: float) -> float:
    """A parameter of the model, above 0 and at most a day's seconds. Raises ModelError."""
    value = model.parameters.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 86_400:
        raise ModelError(f"{model.name} has the {name} {value!r}, which is no sensible number.", hint="Add it again.")
    return value


def connect(url: SplitResult, *, connect_s: float, read_s: float | None) -> http.client.HTTPConnection:
    """A connection to a server. Raises Away.

    Args:
        connect_s: how long reaching it may take.
        read_s: how long it may say nothing; None: for ever, where somebody else looks at the clock.
    """
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.hostname or "", url.port, timeout=connect_s)
    try:
        connection.connect()
    except OSError as error:
        raise Away(f"{url.geturl()} does not answer: {error}") from error
    connection.sock.settimeout(read_s)
    return connection


def json_object(data: bytes, url: SplitResult, *, speaks: str) -> dict[str, Any]:
    """The JSON object that a server sent; `speaks`: the API that it should speak. Raises JobError."""
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise JobError(f"{url.geturl()} does not speak {speaks}: it sent {data[:80]!r}.", hint="Is the URL right?")
    return answer


def error_words(data: bytes) -> str:
    """What a server says is wrong, short."""
    with suppress(ValueError, RecursionError):
        answer = json.loads(data)
        error = answer.get("error", answer) if isinstance(answer, dict) else answer
        data = str(error.get("message", error) if isinstance(error, dict) else error).encode()
    return data[:400].decode("utf-8", "replace").strip() or "nothing"


def words(error: Exception) -> str:
    """What an error says, or at least its kind."""
    return str(error) or type(error).__name__


def wait(seconds: float, stop: Callable[[], bool]) -> None:
    """Let some time pass. Raises CancelledJob: `stop` said so."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if stop():
            raise CancelledJob("The job was ended.")
        time.sleep(min(LOOK_S, max(0.0, until - time.monotonic())))
