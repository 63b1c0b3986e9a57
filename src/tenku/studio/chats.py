"""Answers chats at once, in the process that has the models, on a socket of this machine."""

import json
import socket
import socketserver
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from tenku.base.errors import JobError, TenkuError
from tenku.studio.chatwire import (
    DONE,
    HERE,
    MAX_BODY,
    MAX_LINE,
    Answer,
    Ask,
    body,
    event,
    line,
    openai_error,
    read_ask,
    read_jobs,
    status_of,
)
from tenku.studio.model import InstalledModel, JobSpec
from tenku.studio.pool import Pool
from tenku.studio.ports import ChatEngine

PATIENCE_S = 30.0
"""How long a chat waits for memory that other programs hold: somebody sits before it."""


def _no_keys(specs: Sequence[JobSpec]) -> Sequence[str]:
    return [""] * len(specs)


class Chats:
    """Serves the socket, each connection in a thread of its own: engines block.

    Args:
        find: an installed model by its name. Raises ModelError.
        wake: called when somebody says that there is a job.
        keys: the keys of jobs' results; empty where there is none.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        find: Callable[[str], InstalledModel],
        wake: Callable[[], None],
        path: Path,
        keys: Callable[[Sequence[JobSpec]], Sequence[str]] = _no_keys,
    ) -> None:
        self._keys = keys
        self._pool = pool
        self._find = find
        self._wake = wake
        self._path = path
        self._server: socketserver.ThreadingUnixStreamServer | None = None

    def start(self) -> None:
        """Listen. Raises OSError."""
        self._path.unlink(missing_ok=True)
        self._server = _Server(str(self._path), self._serve)
        threading.Thread(target=self._server.serve_forever, name="chats", daemon=True).start()

    def close(self) -> None:
        """Accept no more; those at work end with the process."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._path.unlink(missing_ok=True)

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.sendall(HERE)
            with connection.makefile("rb") as reader:
                ask = read_ask(reader.readline(MAX_LINE))
                request = json.loads(reader.read(ask.length)) if 0 < ask.length <= MAX_BODY else {}
            self._answer(connection, ask, request)
        except ConnectionError:
            raise
        except ValueError as error:
            _say(connection, 400, openai_error(f"The request cannot be read: {error}.", status=400))
        except Exception as error:  # noqa: BLE001 - the edge of the worker: one chat's fault is told to that one
            status, told = _told(error)
            _say(connection, status, told)

    def _answer(self, connection: socket.socket, ask: Ask, request: Mapping[str, Any]) -> None:
        match ask.do:
            case "chat":
                self._chat(connection, ask.model, request)
            case "embed":
                with self._pool.use(self._find(ask.model), patience_s=PATIENCE_S) as engine:
                    _say(connection, 200, _chatty(engine, ask.model).embed(request))
            case "wake" | "ping":
                self._wake()
                _say(connection, 200, {})
            case "keys":
                _say(connection, 200, {"keys": self._keys(read_jobs(request))})
            case "warm":
                _say(connection, 200, {"models": [asdict(each) for each in self._pool.warm()]})
            case _:
                raise ValueError(f"{ask.do!r} is nothing that a worker does")

    def _chat(self, connection: socket.socket, model: str, request: Mapping[str, Any]) -> None:
        with self._pool.use(self._find(model), patience_s=PATIENCE_S) as engine:
            chunks = _chatty(engine, model).chat(request, stop=lambda: _is_gone(connection))
            # Closing the iterator ends the generation, whoever went away and for whatever reason.
            with closing(cast("Closable", chunks)):
                first = next(chunks, None)
                if first is None:
                    raise JobError(f"{model} gave no answer.", again=True)
                if not request.get("stream"):
                    _say(connection, 200, first)
                    return
                connection.sendall(line(Answer(200, stream=True)) + event(first))
                _stream(connection, chunks)


class Closable(Iterator[Mapping[str, Any]]):
    """What a generator function gives."""

    def close(self) -> None:
        """End it."""


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, path: str, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        super().__init__(path, socketserver.BaseRequestHandler)

    def finish_request(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - socketserver's signature
        # Who asked went away: there is nobody to tell.
        with suppress(ConnectionError):
            self._serve(request)


def _stream(connection: socket.socket, chunks: Iterator[Mapping[str, Any]]) -> None:
    try:
        # A client that reads slowly holds its own generation back here, and nobody else's.
        for chunk in chunks:
            connection.sendall(event(chunk))
    except ConnectionError:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        # The status is on its way already; OpenAI's clients raise an error that stands in the stream.
        connection.sendall(event(_told(error)[1]))
    connection.sendall(DONE)


def _is_gone(connection: socket.socket) -> bool:
    """Whether who asked went away. After its request it says nothing more, so that all there is to read is the end."""
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def _told(error: Exception) -> tuple[int, dict[str, Any]]:
    """The status and the words of an error."""
    code = type(error).__name__
    if isinstance(error, TenkuError):
        return status_of(error), openai_error(error.sentence(), status=status_of(error), code=code)
    traceback.print_exception(error)
    return 500, openai_error(f"The engine failed with {code}: {error}", status=500, code=code)


def _say(connection: socket.socket, status: int, answer: Mapping[str, Any]) -> None:
    connection.sendall(line(Answer(status)) + body(answer))


def _chatty(engine: object, model: str) -> ChatEngine:
    if not hasattr(engine, "chat"):
        raise JobError(f"{model} does not chat.", hint="GET /v1/models lists those that do.")
    return cast("ChatEngine", engine)
