"""A real `tenku serve` in a process of its own, with the small real model."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
from openai import OpenAI

from tenku.studio.model import InstalledModel, Kind
from tenku.studio.models import Models

T = TypeVar("T")

MODEL = "smollm2"
PATIENCE_S = 60.0


def until(look: Callable[[], T | bool | None], what: str, *, patience_s: float = PATIENCE_S) -> T:
    """The first thing that `look` gives that is true; fails after the patience."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        found = look()
        if found:
            return found  # type: ignore[return-value]
        time.sleep(0.05)
    raise AssertionError(f"not within {patience_s} s: {what}")


@dataclass
class Server:
    """A running server and how it is talked to."""

    process: "subprocess.Popen[str]"
    url: str
    token: str
    http: httpx.Client = field(init=False)
    openai: OpenAI = field(init=False)

    def __post_init__(self) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        self.http = httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE_S)
        self.openai = OpenAI(base_url=f"{self.url}/v1", api_key=self.token, max_retries=0, timeout=PATIENCE_S)

    def submit(self, *jobs: Mapping[str, Any]) -> list[str]:
        """Submit jobs; their ids."""
        answer = self.http.post("/api/jobs", json={"jobs": [{"model": MODEL, **job} for job in jobs]})
        assert answer.status_code == 201, answer.text
        return [job["id"] for job in answer.json()["jobs"]]

    def job(self, id: str) -> dict[str, Any]:
        """A job as the API shows it."""
        return dict(self.http.get(f"/api/jobs/{id}").json())

    def wait(self, id: str, *states: str) -> dict[str, Any]:
        """A job, once it is in one of these states."""

        def look() -> dict[str, Any] | None:
            job = self.job(id)
            return job if job["state"] in states else None

        return until(look, f"job {id} is {states}")

    def worker(self) -> int:
        """The worker's process."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(until(lambda: children.read_text().split(), "a worker")[0])

    def end(self) -> None:
        """End it as Ctrl-C does."""
        self.http.close()
        self.openai.close()
        self.process.terminate()
        self.process.communicate(timeout=PATIENCE_S)


@dataclass(frozen=True)
class Home:
    """Folders of one user, with the model installed; servers come and go."""

    root: Path

    def install(self, weights: Path) -> None:
        """Install the model."""
        model = InstalledModel(
            name=MODEL, kind=Kind.TEXT, engine="llama", path="", hash="", size=0, licence="Apache-2.0"
        )
        Models(self.root / "data" / "tenku" / "studio").put(model, weights)

    @property
    def environment(self) -> dict[str, str]:
        """Of every command."""
        own = {"XDG_DATA_HOME": "data", "XDG_CONFIG_HOME": "config", "XDG_CACHE_HOME": "cache"}
        # Other tests play on this machine.
        apart = {"TENKU_STUDIO_PLAYERS_FIRST": "ignore"}
        return {**os.environ, **apart, **{name: str(self.root / folder) for name, folder in own.items()}}

    def tenku(self, *arguments: str) -> str:
        """Run a command; what it printed."""
        command = [sys.executable, "-m", "tenku.cli.main", *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=PATIENCE_S)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextlib.contextmanager
    def serve(self, *arguments: str, token: str = "") -> Iterator[Server]:
        """A server; `token` where there is one already."""
        log = self.root / "serve.log"
        with log.open("a") as errors:
            process = subprocess.Popen(
                [*SERVE, *arguments], env=self.environment, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, log.read_text()
        said = json.loads(line)
        server = Server(process, said["url"], said["token"] or token)
        try:
            yield server
        finally:
            server.end()


SERVE: Sequence[str] = (
    *(sys.executable, "-m", "tenku.cli.main", "serve"),
    *("--port", "0", "--json", "--threads", "1", "--lease-s", "2", "--verbose"),
)
