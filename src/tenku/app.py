"""The composition root: settings in, running objects out. The only file that imports everything."""

import contextlib
import datetime
import os
import platform
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette

from tenku.accel.claim import claim_path, claimed
from tenku.accel.drivers import loaded_drivers
from tenku.accel.leases import Leases
from tenku.api.addresses import machine_names, network_addresses
from tenku.api.content import content_app
from tenku.api.play import PlayRoutes
from tenku.api.server import HttpServer, Tls, bind
from tenku.base.convert import Secret
from tenku.content.cache import ReadThrough
from tenku.content.shelf import FolderShelf, Shelf
from tenku.content.stores.folder import FolderStore
from tenku.content.stores.open import open_mirrors
from tenku.control.serving import ServeSettings
from tenku.control.settings import ControlSettings
from tenku.control.tokens import Tokens
from tenku.play.choose_display import choose_display
from tenku.play.display import PixelfluxDisplay
from tenku.play.encoding import encoding
from tenku.play.manifest import Manifest, find_program
from tenku.play.model import PLAYER_SLOTS, VIEWER, Quality, SessionId, Size, Slot
from tenku.play.pads.choose import choose_pads
from tenku.play.parts import Parts
from tenku.play.recording import Recording
from tenku.play.session import Session
from tenku.play.settings import PlaySettings
from tenku.play.sound import GameSound, NoSound
from tenku.studio.settings import StudioSettings
from tenku.studio.supervisor import Supervisor, studio_arguments, worker_command
from tenku.unit.abilities import probe
from tenku.unit.runfolder import RunFolder, run_base, sweep

Notify = Callable[[str], None]

FIRST_TOKEN = "first"
"""The name of the token that is made where there is none."""


class Play:
    """One running session with its page.

    Args:
        notify: told what a person at the terminal should read.
        on_line: told each line that the game prints.
    """

    def __init__(self, manifest: Manifest, settings: PlaySettings, *, notify: Notify, on_line: Notify) -> None:
        self._manifest = manifest
        self._settings = settings
        self._notify = notify
        self._on_line = on_line

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator["Running"]:
        """Start everything; when the block ends, end everything. Raises TenkuError."""
        settings = self._settings
        program = find_program(self._manifest)
        tls = _tls(settings)
        listener = bind(settings.host, settings.port)
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(listener.close)
            base = run_base(os.environ)
            sweep(base)
            run = stack.enter_context(RunFolder(base))
            stack.enter_context(claimed(claim_path(base)))  # jobs of this machine make room as long as it is played
            display = self._display(run)
            session = self._session(program, run, display)
            routes = PlayRoutes(session, now=time.monotonic).routes()
            server = HttpServer(Starlette(routes=routes), listener, tls=tls)
            stack.push_async_callback(server.close)
            await server.start()
            stack.push_async_callback(session.close)
            await session.start()
            lease = encoding(
                Leases(base),
                display.encoder,
                game=self._manifest.name,
                size=self._size,
                vendors=loaded_drivers(),
            )
            stack.enter_context(lease)
            yield Running(session, server.port, settings)

    @property
    def _size(self) -> Size:
        return self._manifest.size or self._settings.size

    def _display(self, run: Path) -> PixelfluxDisplay:
        return PixelfluxDisplay(run, size=self._size, fps=self._settings.fps, codec=self._settings.codec.value)

    def _session(self, program: str, run: Path, display: PixelfluxDisplay) -> Session:
        settings, manifest, size = self._settings, self._manifest, self._size
        best = Quality(bitrate_kbps=settings.bitrate // 1000, fps=settings.fps, size=size)
        choice = choose_display(settings.display, manifest.display, has_xwayland=bool(shutil.which("Xwayland")))
        self._notify(f"Display: {choice.kind.value}, because {choice.why}.")
        pads = choose_pads(run)
        abilities = probe()
        for lack in abilities.lacks if settings.sandbox else ():
            self._notify(f"This machine {lack}.")
        if pads.trouble():
            self._notify(pads.trouble())
        parts = Parts(
            manifest=manifest,
            program=program,
            run=run,
            settings=settings,
            abilities=abilities,
            display=display,
            choice=choice,
            sound=GameSound(run, abilities=abilities) if manifest.sound else NoSound(),
            pads=pads,
            recorder=_recorder(settings, manifest, display),
            on_line=self._on_line,
            report=self._notify,
        )
        id_ = SessionId(secrets.token_hex(4))
        return Session(id_, parts, best=best, settings=settings, notify=self._notify)


class ContentServer:
    """Serves a store's folder, or a cache of other stores, on the network.

    Args:
        upstream: addresses of stores that bring what the folder lacks; none: the folder is served as it is.
        most: bytes that a cache keeps at most; None: no limit.
        notify: told what a person at the terminal should read.
    """

    def __init__(self, folder: Path, *, upstream: Sequence[str], most: int | None, notify: Notify) -> None:
        self._folder = folder
        self._upstream = upstream
        self._most = most
        self._notify = notify

    @contextlib.asynccontextmanager
    async def run(self, host: str, port: int) -> AsyncIterator[str]:
        """Serve until the block ends; its address. `port` 0: a free one. Raises TenkuError."""
        listener = bind(host, port)
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(listener.close)
            server = HttpServer(content_app(await self._shelf(stack)), listener, tls=None)
            stack.push_async_callback(server.close)
            await server.start()
            shown = network_addresses(host)[0]
            yield f"http://{f'[{shown}]' if ':' in shown else shown}:{server.port}"

    async def _shelf(self, stack: contextlib.AsyncExitStack) -> Shelf:
        if not self._upstream:
            return FolderShelf(self._folder)
        cache = ReadThrough(
            self._folder,
            FolderStore(self._folder),
            open_mirrors(self._upstream),
            most=self._most,
            clock=time.monotonic,
            notify=self._notify,
        )
        stack.push_async_callback(cache.close)
        await cache.start()
        return cache


class StudioServer:
    """The API of the studio, and the worker behind it.

    Args:
        notify: told what a person at the terminal should read.
        on_line: told each line that the worker prints.
    """

    def __init__(
        self,
        settings: ServeSettings,
        *,
        control: ControlSettings,
        studio: StudioSettings,
        notify: Notify,
        on_line: Notify,
    ) -> None:
        self._settings = settings
        self._control = control
        self._studio = studio
        self._notify = notify
        self._on_line = on_line

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator["Serving"]:
        """Serve until the block ends. Raises TenkuError."""
        # The database and FastAPI, which playing does not need.
        from tenku.api.studio import studio_app
        from tenku.api.studioparts import ServeMetrics, StudioParts
        from tenku.api.workerline import WorkerLine
        from tenku.control.jobs.forecast import together
        from tenku.control.reception import reception
        from tenku.control.sets.book import Book
        from tenku.studio.inputs import Inputs
        from tenku.studio.models import Models
        from tenku.studio.provenance.signer import own_signer
        from tenku.studio.results import Results
        from tenku.studio.sets.service import Sets
        from tenku.studio.styles.shelf import Shelf

        settings = self._settings
        listener = bind(settings.host, settings.port)
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(listener.close)
            front = reception(self._control, self._studio)
            jobs = stack.enter_context(front.jobs)
            tokens = Tokens(settings.token_file)
            first = None if tokens.list() else tokens.new(FIRST_TOKEN, now=time.time())
            # A socket's path has at most 107 bytes: it cannot lie in the data folder, which may be deep.
            socket = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tenku-"))) / "worker"
            folder = self._studio.folder
            models, results, inputs = Models(folder), Results(folder / "results"), Inputs(folder / "inputs")
            parts = StudioParts(
                queue=jobs,
                results=results,
                line=WorkerLine(socket, clock=time.monotonic),
                inputs=inputs,
                models=models.list,
                sets=Sets(Book(jobs), results=results, inputs=inputs, check=front.admission.check),
                styles=Shelf(folder / "styles"),
                check=front.admission.check,
                expect=lambda specs: together([front.forecast.one(spec) for spec in specs]),
                seal=own_signer(folder).sign,
                metrics=ServeMetrics(),
                now=time.time,
                seed=lambda: secrets.randbelow(2**32),
            )
            supervisor = self._supervisor(socket)
            stack.push_async_callback(supervisor.close)
            await supervisor.start()
            server = HttpServer(studio_app(parts, owner=tokens.team), listener, tls=None)
            stack.push_async_callback(server.close)
            await server.start()
            shown = network_addresses(settings.host)[0]
            url = f"http://{f'[{shown}]' if ':' in shown else shown}:{server.port}"
            yield Serving(url, first)

    def _supervisor(self, socket: Path) -> Supervisor:
        studio = self._studio
        command = worker_command(
            *("--name", platform.node(), "--socket", str(socket)),
            *studio_arguments(studio, environment=os.environ),
            *("--lease-s", str(self._settings.lease_s)),
        )
        database = {"TENKU_CONTROL_DATABASE": self._control.database.reveal()}
        return Supervisor(
            command,
            environment={**os.environ, **database},
            notify=self._notify,
            on_line=self._on_line,
            clock=time.monotonic,
        )


@dataclass(frozen=True)
class Serving:
    """Where the API is."""

    url: str
    first_token: Secret | None
    """Made because there was none; shown this once."""


class Running:
    """A session that has been started, and where its page is."""

    def __init__(self, session: Session, port: int, settings: PlaySettings) -> None:
        self.session = session
        self._port = port
        self._scheme = "https" if settings.tls or settings.cert else "http"
        self._host = network_addresses(settings.host)[0]

    @property
    def player_url(self) -> str:
        """The first player's link."""
        return self._url(PLAYER_SLOTS[0])

    @property
    def viewer_url(self) -> str:
        """The link for everybody who only watches."""
        return self._url(VIEWER)

    def _url(self, slot: Slot) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{self._scheme}://{host}:{self._port}/p/{self.session.links.token(slot)}"


def _recorder(settings: PlaySettings, manifest: Manifest, display: PixelfluxDisplay) -> Recording | None:
    if settings.record is None:
        return None
    return Recording(
        settings.record,
        request_key_frame=display.request_key_frame,
        codec=settings.codec.value,
        sound=manifest.sound,
    )


def _tls(settings: PlaySettings) -> Tls | None:
    if settings.cert is not None and settings.key is not None:
        return Tls(settings.cert, settings.key)
    if not settings.tls:
        return None
    from tenku.api.certificate import ensure_certificate  # 10 MB that a session without TLS does not need.

    now = datetime.datetime.now(datetime.UTC)
    return Tls(*ensure_certificate(settings.data / "tls", names=machine_names(settings.host), now=now))
