"""nginx on loopback, and what it sent: the same server for everybody."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.stream import BenchmarkError

CONFIG = """
daemon off;
{user}
worker_processes 1;
pid {at}/nginx.pid;
error_log {at}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    log_format bench '$bytes_sent $request_uri';
    access_log {at}/access.log bench;
    client_body_temp_path {at}/body;
    proxy_temp_path {at}/proxy;
    fastcgi_temp_path {at}/fastcgi;
    uwsgi_temp_path {at}/uwsgi;
    scgi_temp_path {at}/scgi;
    sendfile on;
    tcp_nopush off;
    tcp_nodelay on;
    keepalive_requests 100000;
    default_type application/octet-stream;
    server {{
        listen 127.0.0.1:{port};
        root {root};
    }}
}}
"""
PATIENCE_S = 10


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a server sent."""

    bytes: int
    """With headers."""
    requests: int


class Site:
    """A folder on the network."""

    def __init__(self, url: str, log: Path) -> None:
        self.url = url
        self._log = log

    def traffic(self) -> Traffic:
        """What was sent in all; complete once the server has ended."""
        lines = self._log.read_text().splitlines()
        return Traffic(sum(int(line.split(maxsplit=1)[0]) for line in lines), len(lines))


@contextmanager
def serve(root: Path, at: Path) -> Iterator[Site]:
    """Serve a folder; `at` is a folder for the server's own files. A log from before is forgotten."""
    at.mkdir(parents=True, exist_ok=True)
    log = at / "access.log"
    log.unlink(missing_ok=True)
    # nginx takes over the listening socket, so that nobody can take the port in between.
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        listener.setblocking(False)
        port = listener.getsockname()[1]
        # As root, the workers would become nobody, who cannot read the cache in a home folder.
        user = "user root root;" if os.geteuid() == 0 else ""
        (at / "nginx.conf").write_text(CONFIG.format(user=user, at=at, port=port, root=root))
        server = subprocess.Popen(
            ["nginx", "-p", at, "-c", at / "nginx.conf", "-e", at / "error.log"],
            env={**os.environ, "NGINX": f"{listener.fileno()};"},
            pass_fds=[listener.fileno()],
        )
    try:
        _wait(server, port, at)
        yield Site(f"http://127.0.0.1:{port}", log)
    finally:
        # SIGQUIT lets requests that are under way end, and be logged.
        server.send_signal(signal.SIGQUIT)
        try:
            server.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait(server: "subprocess.Popen[bytes]", port: int, at: Path) -> None:
    """Wait until its worker is there: then the log's file is, too."""
    deadline = time.monotonic() + PATIENCE_S
    while not ((at / "nginx.pid").exists() and (at / "access.log").exists()):
        if server.poll() is not None or time.monotonic() > deadline:
            raise BenchmarkError(f"nginx does not serve port {port}; {at / 'error.log'} may say why.")
        time.sleep(0.01)
