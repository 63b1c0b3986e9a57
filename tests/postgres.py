"""A real PostgreSQL for tests: a cluster of its own from Debian's binaries, on a Unix socket only."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

PATIENCE_S = 60.0


@dataclass
class Postgres:
    """A cluster that runs; `kill` and `start` let it end as in a power cut, and come back."""

    binaries: Path
    folder: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        command = [str(self.binaries / "postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder), "-h", ""]
        with (self.folder / "log").open("ab") as log:
            # Debian's server refuses to be root.
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, user=_user())
        deadline = time.monotonic() + PATIENCE_S
        while self.process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(psycopg.OperationalError), self._connect():
                return
            time.sleep(0.05)
        raise AssertionError(f"PostgreSQL did not start: {(self.folder / 'log').read_text(errors='replace')[-3000:]}")

    def kill(self) -> None:
        """End it without letting it write anything more down."""
        if self.process is not None:
            # `immediate`: all its processes end at once; the next start recovers as after a power cut.
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(timeout=PATIENCE_S)
        self.process = None

    def database(self, name: str) -> str:
        """Make an empty database; its URL."""
        with self._connect() as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return f"postgresql+psycopg://postgres@/{name}?host={urllib.parse.quote(str(self.folder))}"

    def _connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(host=str(self.folder), user="postgres", dbname="postgres", autocommit=True)


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """A new cluster that runs; it is gone at the end. Skips the test where Debian's binaries are missing."""
    binaries = binary_folder()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    # Not below pytest's folder: others may not enter that, and the path of a socket is short.
    folder = Path(tempfile.mkdtemp(prefix="tenku-pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        command = [str(binaries / "initdb"), "-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "--no-locale"]
        command += ["-E", "UTF8", "--no-sync"]
        subprocess.run(command, check=True, capture_output=True, cwd=folder, user=_user())
        server = Postgres(binaries, folder)
        try:
            server.start()
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(folder)


def binary_folder() -> Path | None:
    """Where the newest PostgreSQL's programs are; None: it is not installed."""
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max((path.parent for path in found), key=lambda path: float(path.parent.name), default=None)


def _user() -> str | None:
    """Whom the programs run as; None: as we do."""
    return "postgres" if os.geteuid() == 0 else None
