"""A real nginx with the configurations of deploy/nginx, as a child process on a free port.

with origin(store, tmp_path / "origin") as url, edge(url, tmp_path / "edge") as near:
    ...
"""

import contextlib
import http.client
import os
import socket
import subprocess
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

DEPLOY = Path(__file__).parents[1] / "deploy" / "nginx"

START_SECONDS = 10

MAIN = """
daemon off;
{user}
worker_processes {workers};
pid {prefix}/nginx.pid;
error_log {prefix}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log {access};
    client_body_temp_path {prefix}/body;
    proxy_temp_path {prefix}/proxy;
    fastcgi_temp_path {prefix}/fastcgi;
    uwsgi_temp_path {prefix}/uwsgi;
    scgi_temp_path {prefix}/scgi;
    include {prefix}/site.conf;
}}
"""


def origin(store: Path, prefix: Path, *, workers: int = 1, log: bool = False) -> contextlib.AbstractContextManager[str]:
    """An origin that serves a store's folder; its URL. `prefix` is a folder for nginx's own files."""
    return nginx("origin.conf", {"root /srv/tenku;": f"root {store};"}, prefix, workers=workers, log=log)


def edge(url: str, prefix: Path, *, workers: int = 1, log: bool = False) -> contextlib.AbstractContextManager[str]:
    """An edge before the origin at `url`; its own URL."""
    host = urllib.parse.urlsplit(url).netloc
    changes = {
        "/var/cache/nginx/tenku": f"{prefix}/cache",
        "server origin.example:80;": f"server {host};",
        "default origin.example;": f"default {host};",
    }
    return nginx("edge.conf", changes, prefix, workers=workers, log=log)


@contextlib.contextmanager
def nginx(config: str, changes: dict[str, str], prefix: Path, *, workers: int = 1, log: bool = False) -> Iterator[str]:
    """Run nginx with a configuration of deploy/nginx after these replacements; its URL.

    With `log`, each request is a line in `prefix/access.log`.
    """
    prefix.mkdir(parents=True, exist_ok=True)
    # nginx takes over the listening socket, so that nobody can take the port in between.
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        listener.setblocking(False)
        port = listener.getsockname()[1]
        listen = {"    listen 80;\n    listen [::]:80;\n": f"    listen 127.0.0.1:{port};\n"}
        site = _replaced((DEPLOY / config).read_text(encoding="utf-8"), changes | listen)
        (prefix / "site.conf").write_text(site, encoding="utf-8")
        (prefix / "nginx.conf").write_text(_main(prefix, workers, log), encoding="utf-8")
        child = subprocess.Popen(
            ["nginx", "-p", prefix, "-c", prefix / "nginx.conf", "-e", prefix / "error.log"],
            env={**os.environ, "NGINX": f"{listener.fileno()};"},
            pass_fds=[listener.fileno()],
        )
    try:
        _wait(child, port, prefix)
        yield f"http://127.0.0.1:{port}"
    finally:
        child.terminate()
        child.wait()


def _main(prefix: Path, workers: int, log: bool) -> str:
    # As root, the workers would become nobody, who cannot read a test's folder.
    user = "user root root;" if os.geteuid() == 0 else ""
    return MAIN.format(user=user, workers=workers, prefix=prefix, access=f"{prefix}/access.log" if log else "off")


def _replaced(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the configuration"
        text = text.replace(old, new)
    return text


def _wait(child: "subprocess.Popen[bytes]", port: int, prefix: Path) -> None:
    """Wait for its first answer."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            error = (prefix / "error.log").read_text() if (prefix / "error.log").exists() else ""
            assert child.poll() is None, f"nginx ended: {error}"
            assert time.monotonic() < deadline, f"nginx does not answer: {error}"
            time.sleep(0.01)
        else:
            return
        finally:
            connection.close()
