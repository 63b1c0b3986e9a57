"""One request to a server that speaks OpenAI's API, and how many of them there may be at once."""

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import SplitResult

from tenku.base.errors import CancelledJob, JobError
from tenku.studio.engines.pump import LOOK_S
from tenku.studio.engines.web import MAX_ANSWER, PASSING, Away, error_words, json_object, words

API = "OpenAI's API"
MAX_LINE = 4 * 1024 * 1024
BLOCK = 65_536


@contextmanager
def place(places: threading.BoundedSemaphore, stop: Callable[[], bool]) -> Iterator[None]:
    """Have one of the requests that may run at once. Raises CancelledJob: `stop` said so while it waited."""
    while not places.acquire(timeout=LOOK_S):
        if stop():
            raise CancelledJob("The job was ended.")
    try:
        yield
    finally:
        places.release()


class Call:
    """One request on one connection, which it closes."""

    def __init__(self, connection: http.client.HTTPConnection, url: SplitResult, key: str) -> None:
        self._connection = connection
        self._socket: socket.socket = connection.sock  # http.client forgets it when an answer says "close"
        self._response: http.client.HTTPResponse | None = None
        self._url = url
        self._headers = {"Content-Type": "application/json"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"

    def answer(self, method: str, path: str, body: Any) -> dict[str, Any]:
        """The JSON object that the server answers. Raises Away, JobError."""
        try:
            data = self._ask(method, path, body, accept="application/json").read(MAX_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            raise Away(f"{self._url.geturl()} broke off: {words(error)}") from error
        finally:
            self._close()
        return json_object(data, self._url, speaks=API)

    def events(self, path: str, body: Any, put: Callable[[Any], bool]) -> None:
        """Give the events of a stream to `put`, to the last one. Raises Away, JobError."""
        try:
            self._events(self._ask("POST", path, body, accept="application/json, text/event-stream"), put)
        except (OSError, http.client.HTTPException) as error:
            raise Away(f"{self._url.geturl()} broke off: {words(error)}") from error
        finally:
            self._close()

    def blocks(self, path: str, body: Any, put: Callable[[Any], bool]) -> None:
        """Give the headers of an answer to `put`, and then its bytes as they come. Raises Away, JobError."""
        try:
            response = self._ask("POST", path, body, accept="*/*")
            if put(response.headers):
                self._blocks(response, put)
        except (OSError, http.client.HTTPException) as error:
            raise Away(f"{self._url.geturl()} broke off in the middle of an answer: {words(error)}") from error
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

    def _ask(self, method: str, path: str, body: Any, *, accept: str) -> http.client.HTTPResponse:
        data = None if body is None else json.dumps(body).encode()
        headers = {**self._headers, "Accept": accept}
        self._connection.request(method, self._url.path.rstrip("/") + path, body=data, headers=headers)
        self._response = response = self._connection.getresponse()
        if response.status == 200:
            return response
        said = error_words(response.read(BLOCK))
        if response.status in PASSING:
            raise Away(f"{self._url.geturl()} answers {response.status}: {said}")
        raise JobError(
            f"{self._url.geturl()} answers {response.status}: {said}",
            hint="Check the API key's variable." if response.status in (401, 403) else "",
        )

    def _events(self, response: http.client.HTTPResponse, put: Callable[[Any], bool]) -> None:
        taken, finished = 0, False
        while line := response.readline(MAX_LINE + 1):
            taken += len(line)
            if len(line) > MAX_LINE or taken > MAX_ANSWER:
                raise self._too_much()
            name, _, value = line.strip().partition(b":")
            if name != b"data":
                continue
            if value.strip() == b"[DONE]":
                return
            chunk = json_object(value, self._url, speaks=API)
            if "error" in chunk:
                raise Away(f"{self._url.geturl()} failed: {error_words(value)}")
            finished = finished or any(each.get("finish_reason") for each in chunk.get("choices") or ())
            if not put(chunk):
                return
        if not finished:
            raise Away(f"{self._url.geturl()} ended in the middle of an answer.")

    def _blocks(self, response: http.client.HTTPResponse, put: Callable[[Any], bool]) -> None:
        taken = 0
        while block := response.read1(BLOCK):
            taken += len(block)
            if taken > MAX_ANSWER:
                raise self._too_much()
            if not put(block):
                return
        # Whoever was promised more than came has half a file; only a stream of chunks says so by itself.
        if response.length:
            raise Away(f"{self._url.geturl()} ended in the middle of an answer.")

    def _too_much(self) -> JobError:
        return JobError(f"{self._url.geturl()} sends more than an answer may have.", hint="Ask for less at once.")
