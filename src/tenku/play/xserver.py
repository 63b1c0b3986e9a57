"""A rootful Xwayland inside the compositor, for games that talk to an X server."""

import asyncio
import os
from pathlib import Path

from tenku.base.errors import MachineError
from tenku.play.xauthority import write_xauthority
from tenku.unit.abilities import Abilities
from tenku.unit.process import Process
from tenku.unit.spec import LaunchSpec

START_S = 15.0


class XServer:
    """One X server that lives as long as the session.

    Args:
        run: private folder of the session.
        wayland: the compositor's socket.
        shared_memory: whether clients may share memory with it. Games in a sandbox have their own name space of
            shared memory, in which the same number may be somebody else's picture.
    """

    def __init__(self, run: Path, *, wayland: Path, shared_memory: bool, abilities: Abilities) -> None:
        self._shared_memory = shared_memory
        self._run = run
        self._abilities = abilities
        self._wayland = wayland
        self._process: Process | None = None
        self.authority = run / "xauthority"
        self.display = -1

    async def start(self) -> None:
        """Start it and wait until it takes clients. Raises MachineError where it does not come up."""
        write_xauthority(self.authority)
        number, report = os.pipe()
        try:
            self._process = Process(
                self._spec(report), abilities=self._abilities, scratch=self._run, pass_fds=(report,)
            )
            await self._process.start()
        finally:
            os.close(report)
        try:
            text = await asyncio.wait_for(_read_line(number), START_S)
        except TimeoutError:
            text = ""
        finally:
            os.close(number)
        if not text.isdecimal():
            await self.close()
            raise MachineError("Xwayland did not start.", hint="Run `tenku doctor`.")
        self.display = int(text)

    async def close(self) -> None:
        """End it; it removes its own socket."""
        if self._process is not None:
            await self._process.stop(grace=2.0)
            self._process = None

    def _spec(self, report: int) -> LaunchSpec:
        return LaunchSpec(
            name="Xwayland",
            command=("Xwayland", *self._options(report)),
            env={"WAYLAND_DISPLAY": str(self._wayland), "XDG_RUNTIME_DIR": str(self._run)},
            home=self._run,
            helper=True,
        )

    def _options(self, report: int) -> tuple[str, ...]:
        # -noreset: it must outlive a launcher that ends before the game's own window opens.
        # -shm: pictures go to the compositor through memory, since without a GPU there is nothing better.
        options = ("-displayfd", str(report), "-auth", str(self.authority), "-noreset", "-shm")
        return options if self._shared_memory else (*options, "-extension", "MIT-SHM")


async def _read_line(fd: int) -> str:
    """The first line that a pipe brings, without its end; empty where the other side closed it."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[str] = loop.create_future()
    got = bytearray()

    def readable() -> None:
        chunk = os.read(fd, 64)
        got.extend(chunk)
        if (not chunk or b"\n" in got) and not done.done():
            done.set_result(bytes(got).decode().strip())

    loop.add_reader(fd, readable)
    try:
        return await done
    finally:
        loop.remove_reader(fd)
