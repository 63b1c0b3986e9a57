"""The private sound server of a session: PulseAudio with one sink that nobody but the session hears.

Nothing of the user's own sound is read, shown or touched: no configuration, no cookie, no D-Bus, no hardware.
"""

import asyncio
import contextlib
import shutil
from pathlib import Path

from tenku.base.errors import MachineError
from tenku.unit.abilities import Abilities
from tenku.unit.process import Process
from tenku.unit.spec import LaunchSpec

SINK = "game"
MONITOR = f"{SINK}.monitor"
RATE = 48_000
START_S = 8.0
STOP_S = 2.0

ALSA_TO_PULSE = """\
</usr/share/alsa/alsa.conf>
pcm.!default { type pulse fallback "null" }
ctl.!default { type pulse fallback "null" }
"""


class SoundServer:
    """One PulseAudio process, its socket and its few files, all in one folder.

    Args:
        folder: made by `start`, gone after `close`. The game, which may be another user in a sandbox, must be
            able to reach it under the same path.
    """

    def __init__(self, folder: Path, *, abilities: Abilities) -> None:
        self.folder = folder
        self._abilities = abilities
        self._process: Process | None = None

    @property
    def address(self) -> str:
        """What PulseAudio's clients call the server."""
        return f"unix:{self.folder / 'pulse.sock'}"

    def environment(self) -> dict[str, str]:
        """What a program needs to play here: PulseAudio's own clients, and through them SDL, OpenAL and ALSA.

        No SDL_AUDIODRIVER: an SDL without PulseAudio would then fail instead of trying ALSA. No PULSE_LATENCY_MSEC:
        a game knows its own buffers, and one that is larger than the value would wait for room that never comes.
        """
        return {
            "PULSE_SERVER": self.address,
            "PULSE_CLIENTCONFIG": str(self.folder / "client.conf"),
            "ALSA_CONFIG_PATH": str(self.folder / "asound.conf"),
        }

    async def start(self) -> None:
        """Start and wait until clients can connect. Raises MachineError where that does not happen."""
        program = shutil.which("pulseaudio")
        if program is None:
            raise MachineError(
                "No sound server is installed, so the game has no sound.",
                hint="Install pulseaudio (Debian: apt install pulseaudio).",
            )
        self._write_files()
        self._process = Process(self._spec(program), abilities=self._abilities, scratch=self.folder)
        await self._process.start()
        await self._wait_until_ready()

    async def wait(self) -> None:
        """Wait until the server has ended."""
        assert self._process is not None, "start() comes first"
        await self._process.wait()

    async def close(self) -> None:
        """End the server and remove its folder. May be called at any time, and again."""
        if self._process is not None:
            await self._process.stop(grace=STOP_S)
            self._process = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write_files(self) -> None:
        # The game may be another user: it needs to pass through the folder, not to list it.
        self.folder.mkdir(mode=0o711, exist_ok=True)
        (self.folder / "state").mkdir(mode=0o700, exist_ok=True)
        (self.folder / "pulse.sock").unlink(missing_ok=True)
        for name, text in {
            "client.conf": f"autospawn = no\ncookie-file = {self.folder / 'cookie'}\nenable-shm = no\n",
            "cookie": "0" * 256,  # not a secret, the server asks for none; without it clients write one at home
            "daemon.conf": "",
            "asound.conf": ALSA_TO_PULSE,
        }.items():
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o644)

    def _arguments(self) -> list[str]:
        socket = self.folder / "pulse.sock"
        return [
            *("-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--log-level=error"),
            # Without shared memory nothing is left in /dev/shm, and a game in a sandbox needs no way to it.
            *("--disable-shm=yes", "--realtime=no", "--high-priority=no"),
            # The game is not trusted: it may play, not load modules that open files or ports as this user.
            *("--disallow-module-loading=yes", "--disallow-exit=yes"),
            # Without norewinds the sink sleeps up to two seconds at a time: sound starts late, short sounds get lost.
            *("-L", f"module-null-sink sink_name={SINK} rate={RATE} channels=2 norewinds=1"),
            *("-L", f"module-native-protocol-unix socket={socket} auth-anonymous=1 auth-cookie-enabled=0"),
        ]

    def _spec(self, program: str) -> LaunchSpec:
        state = self.folder / "state"
        environment = {
            "XDG_RUNTIME_DIR": str(state),
            "PULSE_RUNTIME_PATH": str(state),
            "PULSE_STATE_PATH": str(state),
            "PULSE_CONFIG": str(self.folder / "daemon.conf"),
            "PULSE_CLIENTCONFIG": str(self.folder / "client.conf"),
        }
        command = (program, *self._arguments())
        return LaunchSpec(name="The sound server", command=command, home=state, env=environment, helper=True)

    async def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = asyncio.get_running_loop().time() + START_S
        while not await self._answers():
            if not self._process.running or asyncio.get_running_loop().time() > deadline:
                why = (self._process.lines or ("it said nothing",))[-1]
                await self.close()
                raise MachineError(
                    f"The sound server did not start ({why}), so the game has no sound.",
                    hint="Run `tenku doctor` to see what this machine lacks.",
                )
            await asyncio.sleep(0.01)

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_unix_connection(self.folder / "pulse.sock")
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        return True
