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
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tenku.accel.devices import devices
from tenku.base.errors import ModelError, StudioError, UsageError
from tenku.content.ports import Progress
from tenku.control.jobs.forecast import together
from tenku.control.jobs.teams import Teams
from tenku.control.kept import kept
from tenku.control.reception import reception
from tenku.control.sets.book import Book
from tenku.control.settings import ControlSettings
from tenku.studio.addmodel import Wish, add_model, add_remote
from tenku.studio.atwork import lock_path, somebody_works
from tenku.studio.batchfile import BadRow
from tenku.studio.inputs import Inputs
from tenku.studio.makers import Makers
from tenku.studio.making import Making, Places, Watcher
from tenku.studio.model import Estimate, InstalledModel, JobId, JobSpec, Json, Kind, Output, StoredOutput
from tenku.studio.models import Models
from tenku.studio.overview import ModelRow, overview
from tenku.studio.ownworker import OwnWorker
from tenku.studio.provenance.signer import own_signer
from tenku.studio.prune import Pruned, prune
from tenku.studio.recipes.recipe import Ask, Recipe
from tenku.studio.results import Results
from tenku.studio.sets.service import Sets
from tenku.studio.sets.takes import SetTakes
from tenku.studio.settings import StudioSettings
from tenku.studio.soundtrack.choice import complete_sound
from tenku.studio.styles.shelf import Shelf
from tenku.studio.supervisor import Supervisor, studio_arguments, worker_command

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
        self._reception = reception(control, studio)
        self.jobs = self._reception.jobs
        self.results = Results(studio.folder / "results")
        self.inputs = Inputs(studio.folder / "inputs")
        self.styles = Shelf(Path("styles"), studio.folder / "styles")
        self.teams = Teams(self.jobs.database, usual_s=control.budget_s or None)
        self._book = Book(self.jobs)
        self.sets = Sets(self._book, results=self.results, inputs=self.inputs, check=self.check)
        self.estimates: dict[int, float] = {}
        """Seconds that were expected of each job of a recipe, by its row."""
        self._found: dict[str, InstalledModel] = {}
        self._makers = Makers(self.model)
        self._signer = own_signer(studio.folder)

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

    def add_remote(
        self, name: str, url: str, parameters: Mapping[str, Json], *, kind: Kind = Kind.TEXT
    ) -> InstalledModel:
        """Install a model that runs on a server elsewhere. Raises ModelError: it does not answer."""
        return add_remote(name, url, self.models, parameters=parameters, kind=kind)

    def model_name(self, kind: Kind = Kind.TEXT, *, name: str = "", task: str = "") -> str:
        """The model that was asked for, else the only one of its kind. Raises UsageError, ModelError.

        Args:
            name: asked for by name; empty: the one that is set counts where it makes this.
            task: of several models, those that say what they can count only where they can do this; empty: all count.
        """
        if name or self._studio.model:
            model = self.model(name or self._studio.model)
            if name or model.kind is kind:
                return model.name
        there = [model for model in self.models.list() if model.kind is kind]
        able = [model for model in there if not task or _can(model, task)]
        names = [model.name for model in able or there]
        if not names:
            raise ModelError(
                f"No model that makes {kind.value} is installed.",
                hint="`tenku models` lists what there is, `tenku models add NAME` installs one.",
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
        self._reception.admission.check(spec)

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
        """What all of these together will take of the device. Raises ModelError."""
        each = [self._reception.forecast.one(spec) for spec in specs]
        self.estimates = {spec.row: one.seconds for spec, one in zip(specs, each, strict=True)}
        return together(each)

    def seal(self, output: Output, provenance: Mapping[str, Any], *, then: Sequence[str] = ()) -> Output:
        """A file with what made it, and what was done since, signed and in it. Raises StudioError."""
        return self._signer.sign(output, provenance, then=then)

    @contextlib.contextmanager
    def making(self, recipe: Recipe, *, watcher: Watcher, set_name: str = "") -> Iterator[Making]:
        """A run of a recipe; jobs that an earlier run of the same one left in the queue are found again.

        Args:
            set_name: the asset set whose places these are; empty: none.
        """
        specs = [asdict(ask.spec) | {"kind": ask.spec.kind.value} for ask in recipe.asks()]
        batch = hashlib.sha256(json.dumps(specs, sort_keys=True).encode()).hexdigest()[:12]
        name = f"make-{batch}"
        yield Making(self._places(set_name, batch=name), recipe, batch=name, watcher=watcher)

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

    def prune(self, *, before: float, dry: bool) -> Pruned:
        """Delete files of jobs that nobody used since `before`, seconds since 1970. Raises StudioError."""
        return prune(self.results, self.inputs, kept=lambda: kept(self.jobs.database), before=before, dry=dry)

    def _supervisor(self, socket: Path, *, notify: Notify) -> Supervisor:
        studio = self._studio

        def on_line(line: str) -> None:
            # The libraries tell of every layer that they load; what the worker itself says begins with its name.
            if line.startswith("worker: "):
                notify(line)

        return Supervisor(
            worker_command(
                *("--name", f"{platform.node()}-make-{secrets.token_hex(4)}", "--socket", str(socket)),
                *studio_arguments(studio, environment=os.environ),
            ),
            environment={**os.environ, DATABASE: self._database},
            notify=notify,
            on_line=on_line,
            clock=time.monotonic,
        )

    def known(self, spec: JobSpec) -> tuple[JobId, Sequence[StoredOutput]] | None:
        """The result that is there for such a job, and the job that has it. Raises ModelError, JobError."""
        whole = complete_sound(spec, self.models.list()) if spec.kind is Kind.VIDEO else spec
        return self.results.known(self._makers.key(whole, self.model(spec.model)))

    def _places(self, set_name: str, *, batch: str) -> Places:
        takes = SetTakes(self._book, set_name) if set_name else None

        def known(spec: JobSpec) -> tuple[JobId, Sequence[StoredOutput]] | None:
            # What remote models made is found again by the batch that it was made for.
            return self.known(replace(spec, batch=batch))

        return Places(queue=self.jobs, results=self.results, known=known, takes=takes)


def _can(model: InstalledModel, task: str) -> bool:
    tasks = model.parameters.get("tasks")
    return not isinstance(tasks, list) or task in tasks
