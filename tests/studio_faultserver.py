"""A server that speaks OpenAI's API as it is told to: each request gets the next script, and the last one for ever."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Script = Callable[["Handler"], None]


@dataclass
class Faults:
    """What the server was asked, and how it can be let go on."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)
    busiest: int = 0
    busy: int = 0
    gone: threading.Event = field(default_factory=threading.Event)
    """A client left in the middle of a stream."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    faults: Faults
    scripts: list[Script]
    lock: threading.Lock

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """The models, and their voices."""
        self.json(200, {"object": "list", "data": [{"id": "far-model"}], "voices": ["vivian", {"name": "ryan"}]})

    def do_POST(self) -> None:
        """Whatever the script says."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.lock:
            self.faults.asked.append(json.loads(body))
            self.faults.keys.append(self.headers.get("Authorization"))
            script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
            self.faults.busy += 1
            self.faults.busiest = max(self.faults.busiest, self.faults.busy)
        try:
            script(self)
        except OSError:
            self.faults.gone.set()
        finally:
            with self.lock:
                self.faults.busy -= 1

    def json(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def begin(self) -> None:
        """Begin a stream of events."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()

    def token(self, text: str, *, finish: str | None = None) -> None:
        """One chunk."""
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
        self.event(json.dumps({"id": "x-1", "object": "chat.completion.chunk", "choices": [choice]}))

    def event(self, data: str) -> None:
        self.wfile.write(f"data: {data}\n\n".encode())
        self.wfile.flush()


def answer(text: str) -> Script:
    """A whole answer, word by word."""

    def script(handler: Handler) -> None:
        handler.begin()
        for word in text.split(" "):
            handler.token(word + " ")
        handler.token("", finish="stop")
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        handler.event(json.dumps({"id": "x-1", "choices": [], "usage": usage}))
        handler.event("[DONE]")

    return script


def refuse(status: int, message: str = "no") -> Script:
    """An error in OpenAI's form."""
    return lambda handler: handler.json(status, {"error": {"message": message}})


def die_after(words: int) -> Script:
    """A stream that ends without its end."""

    def script(handler: Handler) -> None:
        handler.begin()
        for _ in range(words):
            handler.token("word ")

    return script


def hang_after(words: int) -> Script:
    """A stream that says nothing more until `go_on`, then a word for as long as somebody listens."""

    def script(handler: Handler) -> None:
        handler.begin()
        for _ in range(words):
            handler.token("word ")
        handler.faults.go_on.wait(30)
        for _ in range(100_000):
            handler.token("late ")

    return script


def say(text: str) -> Script:
    """These bytes as the only event."""

    def script(handler: Handler) -> None:
        handler.begin()
        handler.event(text)

    return script


@contextmanager
def fault_server(scripts: Sequence[Script]) -> Iterator[Faults]:
    """Serve the scripts on a port of this machine."""
    faults = Faults()
    members = {"faults": faults, "scripts": list(scripts), "lock": threading.Lock()}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Scripted", (Handler,), members))
    faults.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield faults
    finally:
        faults.go_on.set()
        server.shutdown()
        thread.join()
        server.server_close()
