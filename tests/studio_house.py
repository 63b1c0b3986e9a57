"""A place to run `tenku` in, as its user would: its own folders and database, one thread for a model."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tenku.control.jobs.queue import Jobs
from tenku.studio.model import InstalledModel, Kind
from tenku.studio.models import Models

TENKU = (sys.executable, "-m", "tenku.cli.main")
MODEL = "smollm2-135m"
ITEM = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 3, "maxLength": 40},
        "damage": {"type": "integer", "minimum": 1, "maximum": 99},
        "rarity": {"enum": ["common", "rare", "epic"]},
    },
    "required": ["name", "damage", "rarity"],
    "additionalProperties": False,
}


class House:
    """A user's folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = f"sqlite:///{folder / 'control.db'}"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("TENKU_")} | {
            "TENKU_CONFIG": str(folder / "config.toml"),
            "TENKU_STUDIO_FOLDER": str(folder / "studio"),
            "TENKU_STUDIO_THREADS": "1",
            # Other tests play on this machine.
            "TENKU_STUDIO_PLAYERS_FIRST": "ignore",
            "TENKU_CONTROL_DATABASE": self.database,
        }
        self.models = Models(folder / "studio")
        (folder / "item.json").write_text(json.dumps(ITEM), encoding="utf-8")

    def install(self, weights: Path, *, name: str = MODEL, accepted: bool = True) -> None:
        """Have a model here, without a command."""
        model = InstalledModel(
            name=name, kind=Kind.TEXT, engine="llama", path="", hash="", size=0, licence="Apache-2.0", accepted=accepted
        )
        self.models.put(model, weights)

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [*TENKU, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=110,
        )

    def json(self, *arguments: str | Path, code: int = 0) -> Any:
        """What a command says with --json."""
        done = self.run(*arguments, "--json")
        assert done.returncode == code, done.stderr + done.stdout
        return json.loads(done.stdout)

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen(
            [*TENKU, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def jobs(self) -> Jobs:
        """The same jobs that the commands see."""
        return Jobs(self.database)

    def refused(self, *arguments: str | Path, part: str, code: int) -> None:
        """The command says one sentence with this part in it, and ends with this code."""
        done = self.run(*arguments)
        assert (done.returncode, done.stdout) == (code, ""), done.stdout + done.stderr
        sentences = [line for line in done.stderr.splitlines() if line.startswith("tenku: ")]
        assert len(sentences) == 1, done.stderr
        assert part in sentences[0]
        assert "Traceback" not in done.stderr
