"""What the API and the worker say to each other on the worker's socket.

A connection carries one request. The worker says that it is there with an empty line: a connection that ends before
that was taken by a process that is gone, and the request may be sent once more. The request is one line of JSON (`Ask`)
and `length` bytes of body; the answer is one line of JSON (`Answer`) and bytes until the end of the connection, which
the API passes on as they are. Who does not want the answer any more closes the connection.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tenku.base.errors import JobError, ModelError, TakenError, TenkuError
from tenku.studio.model import JobSpec, Kind

MAX_LINE = 4096
MAX_BODY = 32 * 1024 * 1024
"""Bytes of one request: a long chat, with some pictures in it."""

HERE = b"\n"
"""What a worker says first."""

DONE = b"data: [DONE]\n\n"
"""How a stream ends that was not cut off."""


@dataclass(frozen=True)
class Ask:
    """A request. `do` is `chat`, `embed`, `wake` (there is a job), `keys` (of jobs' results), `warm` (which models are
    loaded) or `ping`."""

    do: str
    model: str = ""
    length: int = 0


@dataclass(frozen=True)
class Answer:
    """How an answer begins. A stream is a sequence of server-sent events; everything else is one JSON text."""

    status: int
    stream: bool = False


def line(message: Ask | Answer) -> bytes:
    """A message as its line."""
    return json.dumps(asdict(message), separators=(",", ":")).encode() + b"\n"


def read_ask(text: bytes) -> Ask:
    """A request's line. Raises ValueError."""
    return Ask(**_fields(text, {"do": str, "model": str, "length": int}))


def read_answer(text: bytes) -> Answer:
    """An answer's line. Raises ValueError."""
    return Answer(**_fields(text, {"status": int, "stream": bool}))


def event(chunk: Mapping[str, Any]) -> bytes:
    """A chunk as one server-sent event."""
    return b"data: " + body(chunk) + b"\n\n"


def body(answer: Mapping[str, Any]) -> bytes:
    """An answer as JSON."""
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()


def openai_error(message: str, *, status: int, code: str = "", param: str = "") -> dict[str, Any]:
    """An error as OpenAI's clients read it."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message, "type": kind, "param": param or None, "code": code or None}}


def status_of(error: TenkuError) -> int:
    """The HTTP status of an error of an engine."""
    match error:
        case JobError(again=False):
            return 400
        case JobError() | ModelError() | TakenError():
            return 503
    return 500


def jobs_body(specs: Sequence[JobSpec]) -> bytes:
    """Jobs as the body of a request."""
    return body({"jobs": [asdict(spec) | {"kind": spec.kind.value} for spec in specs]})


def read_jobs(request: Mapping[str, Any]) -> list[JobSpec]:
    """The jobs in such a body. Raises ValueError, KeyError, TypeError."""
    return [JobSpec(**each | {"kind": Kind(each["kind"])}) for each in request["jobs"]]


def _fields(text: bytes, known: Mapping[str, type]) -> dict[str, Any]:
    read = json.loads(text)
    if not isinstance(read, dict) or any(type(value) is not known.get(name) for name, value in read.items()):
        raise ValueError(f"{text[:80]!r} is no line of the worker's socket")
    return read
