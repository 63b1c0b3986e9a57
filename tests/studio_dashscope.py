"""A server that keeps to the documented contract of DashScope's video API, and can be told to fail.

It refuses what the vendor refuses: no `X-DashScope-Async: enable`, a wrong key, sizes and lengths that there are not.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-test-1"
TASK = "0385dc79-5ff8-4d82-bcb6-123456789abc"
SIZES = {"832*480", "480*832", "624*624", "1280*720", "720*1280", "960*960", "1088*832", "832*1088"}
Script = Callable[["Handler"], None]


@dataclass
class Vendor:
    """What the server was asked; what it does instead of the usual, each script once."""

    video: bytes
    url: str = ""
    creates: list[Script] = field(default_factory=list)
    polls: list[Script] = field(default_factory=list)
    fetches: list[Script] = field(default_factory=list)
    cancels: list[Script] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    """The bodies of tasks that were created."""
    seen: list[str] = field(default_factory=list)
    """Method and path of every request."""
    keys_at_files: list[str | None] = field(default_factory=list)
    states: list[str] = field(default_factory=lambda: ["PENDING", "RUNNING", "SUCCEEDED"])
    """What the task is, look by look; the last for ever."""
    address: str = ""
    """Where the video is said to be; empty: here."""
    go_on: threading.Event = field(default_factory=threading.Event)

    def count(self, start: str) -> int:
        """How many requests began so."""
        return sum(each.startswith(start) for each in self.seen)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    vendor: Vendor

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """A task, or a video."""
        self.vendor.seen.append(f"GET {self.path}")
        if self.path.startswith("/files/"):
            self.vendor.keys_at_files.append(self.headers.get("Authorization"))
            self._next(self.vendor.fetches, Handler.send_video)
        elif self._known():
            self._next(self.vendor.polls, Handler.task)

    def do_POST(self) -> None:
        """A new task, or the end of one."""
        self.vendor.seen.append(f"POST {self.path}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self._known():
            return
        if self.path.endswith("/cancel"):
            self._next(self.vendor.cancels, lambda handler: handler.json(200, {"request_id": "r-3"}))
        else:
            self.vendor.asked.append(json.loads(body))
            self._next(self.vendor.creates, Handler.create)

    def create(self) -> None:
        """Take a task on, if the request is as documented."""
        body = self.vendor.asked[-1]
        given, parameters = body["input"], body["parameters"]
        picture = "i2v" in body["model"]
        right = (
            self.path == "/api/v1/services/aigc/video-generation/video-synthesis"
            and given["prompt"]
            and parameters["duration"] in (5, 10)
            and 0 <= parameters["seed"] < 2**31
            and (given["img_url"].startswith("data:image/") if picture else parameters["size"] in SIZES)
            and (parameters["resolution"] in ("480P", "720P", "1080P") if picture else "img_url" not in given)
        )
        if self.headers.get("X-DashScope-Async") != "enable":
            self.refuse(403, "AccessDenied", "current user api does not support synchronous calls.")
        elif not right:
            self.refuse(400, "InvalidParameter", "Required parameter(s) missing or invalid.")
        else:
            self.json(200, {"request_id": "r-1", "output": {"task_id": TASK, "task_status": "PENDING"}})

    def task(self) -> None:
        """How the task stands."""
        if not self.path.endswith(TASK):
            self.json(200, {"request_id": "r-2", "output": {"task_id": self.path[14:], "task_status": "UNKNOWN"}})
            return
        states = self.vendor.states
        state = states.pop(0) if len(states) > 1 else states[0]
        output = {"task_id": TASK, "task_status": state, "submit_time": "2026-11-22 10:00:00.000"}
        answer: dict[str, Any] = {"request_id": "r-2", "output": output}
        if state == "SUCCEEDED":
            output |= {"video_url": self.vendor.address or f"{self.vendor.url}/files/video.mp4?Expires=1&Signature=x"}
            output |= {"orig_prompt": "a dragon", "actual_prompt": "A dragon circles a tower at dusk."}
            answer["usage"] = {"duration": 5, "video_count": 1, "SR": 480}
        self.json(200, answer)

    def send_video(self) -> None:
        """The whole file."""
        self.data(200, self.vendor.video, "video/mp4")

    def refuse(self, status: int, code: str, message: str) -> None:
        """An error as documented."""
        self.json(status, {"request_id": "r-0", "code": code, "message": message})

    def json(self, status: int, body: object) -> None:
        self.data(status, json.dumps(body).encode(), "application/json")

    def data(self, status: int, data: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _next(self, scripts: list[Script], usual: Script) -> None:
        (scripts.pop(0) if scripts else usual)(self)

    def _known(self) -> bool:
        if self.headers.get("Authorization") == f"Bearer {KEY}":
            return True
        self.refuse(401, "InvalidApiKey", "Invalid API-key provided.")
        return False


def refusing(status: int, code: str, message: str = "no") -> Script:
    """An error of the API."""
    return lambda handler: handler.refuse(status, code, message)


def failed(code: str, message: str) -> Script:
    """A task that failed, for a reason."""
    output = {"task_id": TASK, "task_status": "FAILED", "code": code, "message": message}
    return lambda handler: handler.json(200, {"request_id": "r-2", "output": output})


def dying(handler: Handler) -> None:
    """The connection ends without an answer."""
    handler.close_connection = True


def expired(handler: Handler) -> None:
    """As object storage answers when a signature is too old."""
    handler.data(403, b"<Error><Code>AccessDenied</Code><Message>Request has expired.</Message></Error>", "text/xml")


def halved(handler: Handler) -> None:
    """Half of what was promised."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(handler.vendor.video)))
    handler.end_headers()
    handler.wfile.write(handler.vendor.video[: len(handler.vendor.video) // 2])
    handler.close_connection = True


def hanging(handler: Handler) -> None:
    """Says nothing until it may go on."""
    handler.vendor.go_on.wait(30)


@contextmanager
def vendor(video: bytes) -> Iterator[Vendor]:
    """Serve on a port of this machine."""
    state = Vendor(video)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Scripted", (Handler,), {"vendor": state}))
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield state
    finally:
        state.go_on.set()
        server.shutdown()
        thread.join()
        server.server_close()
