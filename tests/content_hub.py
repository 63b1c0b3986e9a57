"""A hub of models on this machine: the HTTP layout of Hugging Face and ModelScope, small files, and faults on order."""

import hashlib
import http.server
import json
import threading
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PAGE = 2
"""Files on one page of a list."""


@dataclass
class Request:
    """What was asked for, and with which headers."""

    path: str
    headers: dict[str, str]


@dataclass
class Hub:
    """Serves `files` of the model `org/model` on a free port of 127.0.0.1 while the `with` block runs.

    Large files (those in `lfs`) are redirected to `cdn`, another server, as the real hubs do.
    """

    files: dict[str, bytes]
    lfs: set[str] = field(default_factory=set)
    token: str = ""
    """Who does not show it is refused."""
    cut: dict[str, int] = field(default_factory=dict)
    """By path: after so many bytes the connection ends, once."""
    hold: dict[str, int] = field(default_factory=dict)
    """By path: after so many bytes nothing comes any more, until `free` is set."""
    free: threading.Event = field(default_factory=threading.Event)
    lie: dict[str, bytes] = field(default_factory=dict)
    """By path: what is sent in place of the file."""
    ranges: bool = True
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._servers = [_serve(self, main=True), _serve(self, main=False)]
        return self

    def __exit__(self, *_: object) -> None:
        self.free.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._servers[0].server_address[1]}"

    @property
    def cdn(self) -> str:
        return f"http://127.0.0.1:{self._servers[1].server_address[1]}"

    @property
    def environment(self) -> dict[str, str]:
        return {"HF_ENDPOINT": self.url, "MODELSCOPE_ENDPOINT": self.url}

    def count(self, part: str) -> int:
        return sum(part in request.path for request in self.requests)


def _serve(hub: Hub, *, main: bool) -> http.server.ThreadingHTTPServer:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _HubHandler if main else _CdnHandler)
    server.hub = hub  # type: ignore[attr-defined]
    server.daemon_threads = False
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
    return server


class _Handler(http.server.BaseHTTPRequestHandler):
    @property
    def hub(self) -> Hub:
        return self.server.hub  # type: ignore[attr-defined, no-any-return]

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.hub.requests.append(Request(self.path, dict(self.headers.items())))
        self.answer()

    def answer(self) -> None:
        raise NotImplementedError

    def say(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_file(self, path: str) -> None:
        body = self.hub.lie.get(path, self.hub.files[path])
        asked = self.headers.get("Range", "")
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.hub.ranges else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        if held := self.hub.hold.pop(path, 0):
            self.wfile.write(body[start:held])
            self.hub.free.wait(60)
            return
        self.wfile.write(body[start : self.hub.cut.pop(path, len(body))])


class _CdnHandler(_Handler):
    def answer(self) -> None:
        self.send_file(unquote(self.path.removeprefix("/blob/")))


class _HubHandler(_Handler):
    def answer(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if self.hub.token and self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            self.say(401, X_Error_Code="GatedRepo")
        elif parts.path == "/api/models/org/model/revision/main":
            self.say(200, json.dumps({"id": "org/model", "sha": COMMIT, "private": False}).encode())
        elif parts.path.startswith("/api/models/org/model/revision/"):
            self.say(404, X_Error_Code="RevisionNotFound")
        elif parts.path == f"/api/models/org/model/tree/{COMMIT}":
            self.tree(int(query.get("cursor", 0)))
        elif parts.path.startswith(f"/org/model/resolve/{COMMIT}/"):
            self.give(unquote(parts.path.split("/", 5)[5]))
        elif parts.path == "/api/v1/models/org/model/repo/files":
            found = [self.modelscope_row(path) for path in self.hub.files]
            self.say(200, json.dumps({"Code": 200, "Success": True, "Data": {"Files": found}}).encode())
        elif parts.path == "/api/v1/models/org/model/repo":
            self.give(query["FilePath"])
        else:
            self.say(404, X_Error_Code="RepoNotFound")

    def give(self, path: str) -> None:
        if path in self.hub.lfs:
            self.say(302, Location=f"{self.hub.cdn}/blob/{path}")
        else:
            self.send_file(path)

    def tree(self, cursor: int) -> None:
        rows = [{"type": "directory", "path": "folder", "oid": "0" * 40, "size": 0}]
        rows += [self.row(path) for path in self.hub.files]
        more = cursor + PAGE < len(rows)
        link = f'<{self.hub.url}{urlsplit(self.path).path}?recursive=true&cursor={cursor + PAGE}>; rel="next"'
        self.say(200, json.dumps(rows[cursor : cursor + PAGE]).encode(), **({"Link": link} if more else {}))

    def row(self, path: str) -> dict[str, Any]:
        data = self.hub.files[path]
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        row: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": blob}
        if path in self.hub.lfs:
            row["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
            row["oid"] = "f" * 40
        return row

    def modelscope_row(self, path: str) -> dict[str, Any]:
        data = self.hub.files[path]
        return {"Path": path, "Type": "blob", "Size": len(data), "Sha256": hashlib.sha256(data).hexdigest()}
