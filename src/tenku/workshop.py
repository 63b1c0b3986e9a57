"""The studio's composition root: settings in, running objects out.

Apart from `app.py`, which loads what shows games: who makes texts needs none of that.
"""

import contextlib
import hashlib
import json
import os
import platform
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tenku.accel.devices import devices
from tenku.base.errors import ModelError, StudioError, UsageError
from tenku.content.ports import Progress
from tenku.control.jobs.estimate import Estimate, estimate
from tenku.control.jobs.queue import Jobs
from tenku.control.jobs.work import work_units
from tenku.control.settings import ControlSettings
from tenku.studio.addmodel import Wish, add_model, add_remote
from tenku.studio.atwork import lock_path, somebody_works
from tenku.studio.batchfile import BadRow
from tenku.studio.makers import maker_of
from tenku.studio.making import Making, Places, Watcher
from tenku.studio.model import InstalledModel, JobId, JobSpec, Json, Kind, StoredOutput
from tenku.studio.models import Models
from tenku.studio.overview import ModelRow, overview
from tenku.studio.ownworker import OwnWorker
from tenku.studio.recipes.recipe import Ask, Recipe
from tenku.studio.resultkey import Maker, result_key
from tenku.studio.results import Results
from tenku.studio.settings import StudioSettings
from tenku.studio.supervisor import Supervisor, worker_command
from tenku.studio.textjob import request_of

if TYPE_CHECKING:
    from tenku.content.service import ContentService

Notify = Callable[[str], None]
DATABASE = "TENKU_CONTROL_DATABASE"
"""How the worker is told the database: arguments are seen by everybody on the machine."""


class Workshop:
    """Models, jobs and results of this machine; a context, which closes the database."""

    def __init__(self, studio: StudioSettings, control: ControlSettings) -> None:
        self._studio = studio
        self._database = control.database.reveal()
        self.models = Models(studio.folder)
        self.jobs = Jobs(self._database, budget_s=control.budget_s or None)
        self.results = Results(studio.folder / "results")
        self.estimates: dict[int, float] = {}
        """Seconds that were expected of each job of a recipe, by its row."""
        self._found: dict[str, InstalledModel] = {}
        self._makers: dict[str, Maker] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.jobs.close()

    def overview(self) -> list[ModelRow]:
        """All models, and what fits this machine."""
        return overview(self.models.list(), devices())

    async def add(
        self,
        name: str,
        *,
        source: str,
        file: str,
        accept: bool,
        parameters: Mapping[str, Json],
        content: "ContentService | None",
        progress: Progress,
        environment: Mapping[str, str],
    ) -> InstalledModel:
        """Install a model from wherever it can be had; see `addmodel.add_model`. Raises ModelError, ContentError."""
        wish = Wish(name=name, source=source, file=file, accept=accept, parameters=parameters)
        return await add_model(wish, self.models, environment=environment, content=content, progress=progress)

    def add_remote(self, name: str, url: str, parameters: Mapping[str, Json]) -> InstalledModel:
        """Install a model that runs on a server elsewhere. Raises ModelError: it does not answer."""
        return add_remote(name, url, self.models, parameters=parameters)

    def model_name(self, kind: Kind = Kind.TEXT) -> str:
        """The model that was asked for, else the only one of its kind. Raises UsageError, ModelError."""
        if self._studio.model:
            return self.model(self._studio.model).name
        names = [model.name for model in self.models.list() if model.kind is kind]
        if not names:
            raise ModelError(
                f"No model that makes {kind.value} is installed.",
                hint="`tenku models` lists what there is, `tenku models add NAME --from FILE.gguf` installs one.",
            )
        if len(names) > 1:
            raise UsageError(
                f"Several models that make {kind.value} are installed: {', '.join(names)}.",
                hint="Choose: --model NAME.",
            )
        return names[0]

    def model(self, name: str) -> InstalledModel:
        """An installed model. Raises ModelError."""
        if name not in self._found:
            self._found[name] = self.models.find(name)
        return self._found[name]

    def check(self, spec: JobSpec) -> None:
        """Find what is wrong with a job before it is handed in. Raises ModelError, JobError."""
        model = self.model(spec.model)
        if not model.accepted:
            raise ModelError(
                f"The licence of {model.name}, {model.licence}, has not been accepted.",
                hint=f"Read it, then `tenku models add {model.name} --accept-licence`.",
            )
        request_of(spec)

    def fitting(self, asks: Sequence[Ask]) -> tuple[list[Ask], list[BadRow]]:
        """Those that can be handed in, and why others cannot."""
        good: list[Ask] = []
        bad: list[BadRow] = []
        for ask in asks:
            try:
                self.check(ask.spec)
                good.append(ask)
            except StudioError as error:
                bad.append(BadRow(line=ask.line, key=ask.key, why=error.sentence()))
        return good, bad

    def estimate(self, specs: Sequence[JobSpec]) -> Estimate:
        """Seconds on the device for all of these together. Raises ModelError."""
        each = [self._estimate(spec) for spec in specs]
        self.estimates = {spec.row: one.seconds for spec, one in zip(specs, each, strict=True)}
        return Estimate(
            seconds=sum(one.seconds for one in each),
            low=sum(one.low for one in each),
            high=sum(one.high for one in each),
            jobs=min((one.jobs for one in each), default=0),
        )

    @contextlib.contextmanager
    def making(self, recipe: Recipe, *, watcher: Watcher) -> Iterator[Making]:
        """A run of a recipe; jobs that an earlier run of the same one left in the queue are found again."""
        specs = [asdict(ask.spec) | {"kind": ask.spec.kind.value} for ask in recipe.asks()]
        batch = hashlib.sha256(json.dumps(specs, sort_keys=True).encode()).hexdigest()[:12]
        yield Making(self._places(), recipe, batch=f"make-{batch}", watcher=watcher)

    async def work(self, making: Making, asks: Sequence[Ask], *, notify: Notify) -> None:
        """Have them made, by a worker that is at work already, or one of our own. Raises StudioError."""
        lock = lock_path(self._studio.folder, self._database)
        # A socket's path has at most 107 bytes: it cannot lie in the data folder, which may be deep.
        with tempfile.TemporaryDirectory(prefix="tenku-") as sockets:
            own = OwnWorker(
                self._supervisor(Path(sockets) / "worker", notify=notify),
                somebody_works=lambda: somebody_works(lock),
                done=lambda: len(making.pieces),
            )
            async with own:
                await making.run(asks, check=own.check)

    def _supervisor(self, socket: Path, *, notify: Notify) -> Supervisor:
        studio = self._studio

        def on_line(line: str) -> None:
            # The libraries tell of every layer that they load; what the worker itself says begins with its name.
            if line.startswith("worker: "):
                notify(line)

        return Supervisor(
            worker_command(
                *("--name", f"{platform.node()}-make-{secrets.token_hex(4)}", "--socket", str(socket)),
                *("--folder", str(studio.folder), "--memory", str(studio.memory), "--threads", str(studio.threads)),
            ),
            environment={**os.environ, DATABASE: self._database},
            notify=notify,
            on_line=on_line,
            clock=time.monotonic,
        )

    def known(self, spec: JobSpec) -> tuple[JobId, Sequence[StoredOutput]] | None:
        """The result that is there for such a job, and the job that has it. Raises ModelError, JobError."""
        model = self.model(spec.model)
        if model.name not in self._makers:
            self._makers[model.name] = maker_of(model)
        return self.results.known(result_key(spec, model, self._makers[model.name]))

    def _places(self) -> Places:
        return Places(queue=self.jobs, results=self.results, known=self.known)

    def _estimate(self, spec: JobSpec) -> Estimate:
        history = self.jobs.history(spec.model, spec.kind)
        return estimate(work_units(spec), history, model_size=self.model(spec.model).size)
