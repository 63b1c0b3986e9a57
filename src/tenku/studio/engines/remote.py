"""Text from any server that speaks OpenAI's API: vLLM, SGLang, Ollama, llama-server."""

import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from tenku.base.errors import CancelledJob, JobError, ModelError
from tenku.studio.chatform import wants_usage, whole
from tenku.studio.chatrequest import checked
from tenku.studio.engines.pump import LOOK_S, Patience, Pump, never
from tenku.studio.model import InstalledModel, JobSpec
from tenku.studio.ports import Made, Step
from tenku.studio.textjob import run_text

TRIES = 3
PAUSE_S = 0.5
"""Before the second try; it doubles."""
PASSING = (408, 425, 429, 500, 502, 503, 504)
"""Answers after which the same request may succeed."""
MAX_LINE = 4 * 1024 * 1024
MAX_ANSWER = 256 * 1024 * 1024


def load(model: InstalledModel) -> "RemoteEngine":
    """The engine for a server that answers. Raises ModelError: it does not, or does not have the model.

    The model's path is the base URL, like `http://127.0.0.1:8000/v1`. Parameters: `remote_model` (its name there),
    `key_variable` (the environment variable with the API key), `at_once` (requests), `connect_s`, `first_s` (to the
    first token), `next_s` (between tokens).
    """
    engine = RemoteEngine(model, environment=os.environ)
    engine.check()
    return engine


@dataclass(frozen=True, kw_only=True)
class _Limits:
    at_once: int
    connect_s: float
    first_s: float
    next_s: float


class _Away(Exception):  # noqa: N818
    """The server could not be asked, or says that it cannot now; nothing has come from it yet."""


class RemoteEngine:
    """One model on a server elsewhere. Its weights are not here, so their hash cannot be known."""

    def __init__(self, model: InstalledModel, *, environment: Mapping[str, str]) -> None:
        self._model = model
        self._url = check_url(model.path)
        self._name = str(model.parameters.get("remote_model") or model.name)
        self._limits = _limits(model)
        self._key = _key(model, environment)
        self._places = threading.BoundedSemaphore(self._limits.at_once)

    def check(self) -> None:
        """Raises ModelError: the server does not answer, or does not have the model."""
        try:
            answer = self._json("GET", "/models", None)
        except (_Away, JobError) as error:
            raise ModelError(
                f"{self._model.name}: {error}", hint="Is the server running, and the URL right?"
            ) from error
        rows = answer.get("data")
        names = [str(row.get("id")) for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
        if names and self._name not in names:
            raise ModelError(
                f"{self._model.path} has no model {self._name}.", hint=f"It has {', '.join(sorted(names))[:400]}."
            )

    def chat(self, request: Mapping[str, Any], *, stop: Callable[[], bool] = never) -> Iterator[Mapping[str, Any]]:
        """OpenAI's chat completion. Leaving the iteration ends the work there too. Raises JobError, CancelledJob."""
        wanted = checked(request)
        if not wanted.get("stream"):
            yield whole(self._stream(wanted, stop=stop))
            return
        for chunk in self._stream(wanted, stop=stop):
            if chunk.get("choices") or wants_usage(wanted):
                yield chunk

    def embed(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """OpenAI's embeddings. Raises JobError."""
        known = {key: request[key] for key in ("input", "encoding_format", "dimensions") if key in request}
        with self._place(never):
            try:
                answer = self._json("POST", "/embeddings", {**known, "model": self._name})
            except _Away as error:
                raise JobError(str(error), hint="Try again later.", again=True) from error
        return {**answer, "model": self._model.name}

    def run(self, spec: JobSpec, *, report: Callable[[Step], None], stop: Callable[[], bool]) -> Made:
        """See `Engine.run`. Whether the same seed gives the same answer is up to the server."""
        return run_text(spec, lambda request: self._stream(checked(request), stop=stop), report=report)

    def close(self) -> None:
        """Nothing is held here."""

    def _stream(self, request: Mapping[str, Any], *, stop: Callable[[], bool] = never) -> Iterator[Mapping[str, Any]]:
        asked = {**request, "model": self._name, "stream": True, "stream_options": {"include_usage": True}}
        asked.pop("cache_prompt", None)
        with self._place(stop):
            for number in range(1, TRIES + 1):
                begun = False
                try:
                    for chunk in self._once(asked, stop):
                        begun = True
                        yield {**chunk, "model": self._model.name}
                    return
                except _Away as error:
                    # What was already shown cannot be taken back, so nothing is asked again once a token came.
                    if begun or number == TRIES:
                        raise JobError(f"{self._model.name}: {error}", hint="Try again later.", again=True) from error
                _wait(PAUSE_S * 2 ** (number - 1), stop)

    def _once(self, asked: Mapping[str, Any], stop: Callable[[], bool]) -> Iterator[Mapping[str, Any]]:
        call = _Call(self._connection(), self._url, self._headers())
        pump = Pump(lambda put: call.events("/chat/completions", asked, put), leave=call.leave)
        patience = Patience(self._limits.connect_s + self._limits.first_s, self._limits.next_s)
        yield from pump.things(stop=stop, patience=patience)

    def _json(self, method: str, path: str, body: Any) -> dict[str, Any]:
        connection = self._connection(read_s=self._limits.first_s if body else self._limits.connect_s)
        return _Call(connection, self._url, self._headers()).answer(method, path, body)

    def _connection(self, *, read_s: float | None = None) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._url.hostname or "", self._url.port, timeout=self._limits.connect_s)
        try:
            connection.connect()
        except OSError as error:
            raise _Away(f"{self._model.path} does not answer: {error}") from error
        # Whoever waits for a stream looks at the clock himself; the socket is shut where that takes too long.
        connection.sock.settimeout(read_s)
        return connection

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        return {**headers, "Authorization": f"Bearer {self._key}"} if self._key else headers

    def _place(self, stop: Callable[[], bool]) -> "_Place":
        return _Place(self._places, stop)


class _Place:
    """One of the requests that may run at once."""

    def __init__(self, places: threading.BoundedSemaphore, stop: Callable[[], bool]) -> None:
        self._places = places
        self._stop = stop

    def __enter__(self) -> None:
        while not self._places.acquire(timeout=LOOK_S):
            if self._stop():
                raise CancelledJob("The job was ended.")

    def __exit__(self, *_: object) -> None:
        self._places.release()


class _Call:
    """One request on one connection, which it closes."""

    def __init__(self, connection: http.client.HTTPConnection, url: SplitResult, headers: Mapping[str, str]) -> None:
        self._connection = connection
        self._socket: socket.socket = connection.sock  # http.client forgets it when an answer says "close"
        self._response: http.client.HTTPResponse | None = None
        self._url = url
        self._headers = headers

    def answer(self, method: str, path: str, body: Any) -> dict[str, Any]:
        """The JSON object that the server answers. Raises _Away, JobError."""
        try:
            data = self._ask(method, path, body).read(MAX_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            raise _Away(f"{self._url.geturl()} broke off: {_words(error)}") from error
        finally:
            self._close()
        return _object(data, self._url)

    def events(self, path: str, body: Any, put: Callable[[Any], bool]) -> None:
        """Give the events of a stream to `put`, to the last one. Raises _Away, JobError."""
        try:
            self._events(self._ask("POST", path, body), put)
        except (OSError, http.client.HTTPException) as error:
            raise _Away(f"{self._url.geturl()} broke off: {_words(error)}") from error
        finally:
            self._close()

    def leave(self) -> None:
        """Wake up whoever reads, and let the server know that nobody listens."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def _close(self) -> None:
        if self._response is not None:
            self._response.close()  # the socket belongs to the answer, where that says "close"
        self._connection.close()

    def _ask(self, method: str, path: str, body: Any) -> http.client.HTTPResponse:
        data = None if body is None else json.dumps(body).encode()
        self._connection.request(method, self._url.path.rstrip("/") + path, body=data, headers=dict(self._headers))
        self._response = response = self._connection.getresponse()
        if response.status == 200:
            return response
        words = _error_words(response.read(65_536))
        if response.status in PASSING:
            raise _Away(f"{self._url.geturl()} answers {response.status}: {words}")
        raise JobError(
            f"{self._url.geturl()} answers {response.status}: {words}",
            hint="Check the API key's variable." if response.status in (401, 403) else "",
        )

    def _events(self, response: http.client.HTTPResponse, put: Callable[[Any], bool]) -> None:
        taken, finished = 0, False
        while line := response.readline(MAX_LINE + 1):
            taken += len(line)
            if len(line) > MAX_LINE or taken > MAX_ANSWER:
                raise JobError(f"{self._url.geturl()} sends more than an answer may have.")
            name, _, value = line.strip().partition(b":")
            if name != b"data":
                continue
            if value.strip() == b"[DONE]":
                return
            chunk = _object(value, self._url)
            if "error" in chunk:
                raise _Away(f"{self._url.geturl()} failed: {_error_words(value)}")
            finished = finished or any(each.get("finish_reason") for each in chunk.get("choices") or ())
            if not put(chunk):
                return
        if not finished:
            raise _Away(f"{self._url.geturl()} ended in the middle of an answer.")


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


def _key(model: InstalledModel, environment: Mapping[str, str]) -> str:
    variable = str(model.parameters.get("key_variable") or "")
    if not variable:
        return ""
    key = environment.get(variable, "").strip()
    if not key or not key.isascii() or not key.isprintable():
        raise ModelError(
            f"{model.name} takes its API key from ${variable}, which holds none.", hint="Set the variable."
        )
    return key


def _limits(model: InstalledModel) -> _Limits:
    def number(name: str, default: float) -> float:
        value = model.parameters.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 86_400:
            raise ModelError(
                f"{model.name} has the {name} {value!r}, which is no sensible number.", hint="Add it again."
            )
        return value

    return _Limits(
        at_once=max(1, int(number("at_once", 8))),
        connect_s=number("connect_s", 5.0),
        first_s=number("first_s", 120.0),
        next_s=number("next_s", 30.0),
    )


def _object(data: bytes, url: SplitResult) -> dict[str, Any]:
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise JobError(f"{url.geturl()} does not speak OpenAI's API: it sent {data[:80]!r}.", hint="Is the URL right?")
    return answer


def _error_words(data: bytes) -> str:
    """What a server says is wrong, short."""
    with suppress(ValueError, RecursionError):
        answer = json.loads(data)
        error = answer.get("error", answer) if isinstance(answer, dict) else answer
        data = str(error.get("message", error) if isinstance(error, dict) else error).encode()
    return data[:400].decode("utf-8", "replace").strip() or "nothing"


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def _wait(seconds: float, stop: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if stop():
            raise CancelledJob("The job was ended.")
        time.sleep(LOOK_S)
