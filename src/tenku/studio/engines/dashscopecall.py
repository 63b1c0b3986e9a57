"""Asks DashScope's API, and fetches what it made; a cancel is seen while the server says nothing."""

import http.client
import json
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from tenku.base.errors import JobError, ModelError
from tenku.studio.engines.dashscopewire import API, refusal
from tenku.studio.engines.pump import Patience, Pump
from tenku.studio.engines.web import PASSING, Away, check_url, connect, json_object, words

HOSTS = ("aliyuncs.com",)
"""Where videos may lie, besides the API's own host; the model's `hosts` names others."""
MOST = 512 * 1024 * 1024
"""Bytes of one video."""
MAX_JSON = 4 * 1024 * 1024
PIECE = 256 * 1024
LONGEST_PAUSE_S = 300.0

Stop = Callable[[], bool]
Put = Callable[[Any], bool]


class Throttled(Away):
    """The server took nothing on: too many requests. `after_s`: it says so many seconds; 0: it does not say."""

    def __init__(self, message: str, after_s: float = 0.0) -> None:
        super().__init__(message)
        self.after_s = after_s


class Unsure(Away):
    """The request was sent, and no answer came."""


class Expired(Exception):  # noqa: N818
    """The address was good once."""


@dataclass(frozen=True, kw_only=True)
class Api:
    """The API of one region, for one key."""

    url: SplitResult
    """Its base, as `base_url` makes it."""
    key: str
    hosts: tuple[str, ...]
    """Where videos may lie besides HOSTS and its own host."""
    connect_s: float
    answer_s: float
    """How long it may say nothing."""

    def json(self, method: str, path: str, body: Mapping[str, Any] | None, stop: Stop) -> dict[str, Any]:
        """What the API answers. Raises JobError, CancelledJob, and Away, Throttled or Unsure."""
        headers = {"Authorization": f"Bearer {self.key}", "Accept": "application/json"}
        if method == "POST":
            headers |= {"Content-Type": "application/json", "X-DashScope-Async": "enable"}
        call = _Call(self.url, connect_s=self.connect_s, answer_s=self.answer_s)
        pump = Pump(lambda put: call.ask(method, path, body, headers, put), leave=call.leave)
        status, after_s, data = next(pump.things(stop=stop, patience=self._patience()))
        if status == 200:
            return json_object(data, self.url, speaks=API)
        raise _refused(status, after_s, data, self.url)

    def file(self, address: str, stop: Stop) -> bytes:
        """A video's bytes. Raises JobError, CancelledJob, Away, Expired.

        No key goes there, and no redirect is followed.
        """
        url = self._checked(address)
        call = _Call(url, connect_s=self.connect_s, answer_s=self.answer_s)
        pump = Pump(call.pieces, leave=call.leave)
        data = b"".join(pump.things(stop=stop, patience=self._patience()))
        if not data:
            raise Away(f"{url.hostname} sent no video")
        return data

    def _checked(self, address: str) -> SplitResult:
        """An address that a video may be fetched from. Raises JobError: it is none of the vendor's."""
        hosts = (*HOSTS, *self.hosts)
        with suppress(ValueError):
            url = urlsplit(address)
            host = url.hostname or ""
            own = (url.scheme, url.netloc) == (self.url.scheme, self.url.netloc)
            if own or (url.scheme == "https" and any(host == each or host.endswith(f".{each}") for each in hosts)):
                return url
        raise JobError(
            f"The vendor names {address[:120]!r} as the video's address, which is not one of {', '.join(hosts)}.",
            hint="If it is right, add the model again with its host in `hosts`.",
        )

    def _patience(self) -> Patience:
        # A little more than the socket's own: it knows better what went wrong.
        return Patience(self.connect_s + self.answer_s + 1, self.answer_s + 1)


def base_url(path: str) -> SplitResult:
    """The API's base URL; a host alone gets the usual path. Raises ModelError."""
    url = check_url(path)
    if url.scheme != "https" and url.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise ModelError("The API key would go over the network in the clear.", hint="Write an https:// URL.")
    path = url.path.rstrip("/")
    return url._replace(path="/api/v1" if path in ("", "/v1", "/api") else path)


class _Call:
    """One request on one connection."""

    def __init__(self, url: SplitResult, *, connect_s: float, answer_s: float) -> None:
        self._url = url
        self._connect_s = connect_s
        self._answer_s = answer_s
        self._socket: socket.socket | None = None

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str], put: Put) -> None:
        """Put status, seconds to wait, and what was answered. Raises Away, Unsure."""
        connection = self._connect()
        try:
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, self._url.path + path, body=data, headers=dict(headers))
            with connection.getresponse() as response:
                put((response.status, _after(response), response.read(MAX_JSON)))
        except (OSError, http.client.HTTPException) as error:
            raise Unsure(f"{self._url.hostname} broke off: {words(error)}") from error
        finally:
            connection.close()

    def pieces(self, put: Put) -> None:
        """Put a file, piece by piece. Raises Away, Expired, JobError."""
        connection = self._connect()
        try:
            connection.request("GET", urlunsplit(("", "", self._url.path or "/", self._url.query, "")))
            with connection.getresponse() as response:
                _check_status(response.status, self._url)
                taken = 0
                while piece := response.read(PIECE):
                    taken += len(piece)
                    if taken > MOST:
                        raise JobError(f"The video has more than {MOST // 2**20} MiB, so it is none of ten seconds.")
                    if not put(piece):
                        return
                if response.length:
                    raise Away(f"{self._url.hostname} broke off in the middle of the video")
        except (OSError, http.client.HTTPException) as error:
            raise Away(f"{self._url.hostname} broke off: {words(error)}") from error
        finally:
            connection.close()

    def leave(self) -> None:
        """Wake up whoever reads."""
        with suppress(OSError):
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)

    def _connect(self) -> http.client.HTTPConnection:
        connection = connect(self._url, connect_s=self._connect_s, read_s=self._answer_s)
        self._socket = connection.sock
        return connection


def _check_status(status: int, url: SplitResult) -> None:
    if status in (403, 404, 410):
        raise Expired
    if status in PASSING:
        raise Away(f"{url.hostname} answers {status}")
    if status != 200:
        raise JobError(f"{url.hostname} answers {status} instead of sending the video.")


def _refused(status: int, after_s: float, data: bytes, url: SplitResult) -> Exception:
    """What a status other than 200 means."""
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        answer = None
    known = isinstance(answer, dict) and isinstance(answer.get("code"), str)
    said = f"{answer['code']}: {str(answer.get('message', ''))[:300]}" if known else repr(data[:80])
    if status == 429:
        return Throttled(f"{url.hostname} answers 429, {said}", after_s)
    if status in PASSING:
        return Away(f"{url.hostname} answers {status}, {said}")
    if known:
        return refusal(answer["code"], str(answer.get("message", "")))
    return JobError(f"{url.hostname} answers {status}, which does not speak {API}: {said}.", hint="Is the URL right?")


def _after(response: http.client.HTTPResponse) -> float:
    value = response.getheader("Retry-After", "")
    return min(float(value), LONGEST_PAUSE_S) if value.isdecimal() else 0.0
