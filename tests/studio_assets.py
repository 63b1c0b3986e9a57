"""A house with tiny models of pictures in it, as `tenku models add` leaves them."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from studio_house import House
from tenku.cli.main import main
from tenku.content.hashes import hash_bytes
from tenku.studio.atwork import lock_path, somebody_works
from tenku.studio.model import InstalledModel


def install_folder(house: House, model: InstalledModel, folder: Path) -> None:
    """Have a model of several files here, without a command."""
    place = house.models.folder / model.name
    shutil.copytree(folder, place / folder.name)
    record = {
        **asdict(model),
        "kind": model.kind.value,
        "path": str(place / folder.name),
        "hash": hash_bytes(str(folder.name).encode()).hex(),
    }
    (place / "model.json").write_text(json.dumps(record), encoding="utf-8")


PATIENCE_S = 100.0


def until(true: Callable[[], bool]) -> None:
    """Wait for it."""
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


@contextmanager
def worker(house: House) -> Iterator[subprocess.Popen[bytes]]:
    """Somebody who works until the block ends, so that no command has to start a worker of its own."""
    command = [sys.executable, "-m", "tenku.control.worker", "--name", "tests", "--threads", "1"]
    command += ["--socket", str(house.folder / "worker.socket"), "--folder", str(house.folder / "studio")]
    process = subprocess.Popen(command, env=house.environment, stdin=subprocess.PIPE)
    try:
        until(lambda: at_work(house))
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE_S)


def at_work(house: House) -> bool:
    """Whether somebody works here."""
    return somebody_works(lock_path(house.folder / "studio", house.database))


class Desk:
    """Runs commands in this process: libraries are loaded once for all of them."""

    def __init__(self, house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        monkeypatch.chdir(house.folder)
        for name in [name for name in os.environ if name.startswith("TENKU_")]:
            monkeypatch.delenv(name)
        for name, value in house.environment.items():
            monkeypatch.setenv(name, value)

    def run(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        """What a command prints: standard output and error."""
        self._capsys.readouterr()
        found = main(arguments)
        out, err = self._capsys.readouterr()
        assert found == code, out + err
        return out, err

    def json(self, *arguments: str, code: int = 0) -> Any:
        """What a command says with --json."""
        return json.loads(self.run(*arguments, "--json", code=code)[0])

    def refused(self, *arguments: str, part: str, code: int) -> None:
        """The command says one sentence with this part in it, and ends with this code."""
        out, err = self.run(*arguments, code=code)
        assert out == ""
        sentences = [line for line in err.splitlines() if line.startswith("tenku: ")]
        assert len(sentences) == 1, err
        assert part in sentences[0]
