"""What the game plays is what the session hears, dated, and nothing else."""

import asyncio
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import media
from tenku.base.errors import MachineError
from tenku.play.model import Sound
from tenku.play.sound import GameSound, NoSound
from tenku.unit.abilities import probe

ABILITIES = probe()
HERE = Path(__file__).parent
RAW = ("--raw", "--format=s16le", "--rate=48000", "--channels=2")


class Heard:
    """Collects what a session hears."""

    def __init__(self) -> None:
        self.packets: list[tuple[int, bytes]] = []

    def __call__(self, sound: Sound) -> None:
        self.packets.append((sound.capture_us, bytes(sound.data)))

    def samples(self) -> media.Samples:
        decoder = media.OpusDecoder()
        return media.joined(decoder.decode(data) for _, data in self.packets)


@asynccontextmanager
async def sounding(run: Path, heard: Callable[[Sound], None]) -> AsyncIterator[GameSound]:
    await asyncio.to_thread(run.mkdir, mode=0o711, exist_ok=True)
    sound = GameSound(run, abilities=ABILITIES)
    await sound.start(heard)
    try:
        yield sound
    finally:
        await sound.close()


async def play(sound: GameSound, *command: str | Path, data: bytes = b"", user: int | None = None) -> bytes:
    """Run a player program to its end; what it printed."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **sound.environment()}
    process = await asyncio.create_subprocess_exec(
        *(str(word) for word in command), env=environment, stdin=-1, stdout=-1, stderr=-1, user=user
    )
    out, error = await asyncio.wait_for(process.communicate(data), 30)
    assert process.returncode == 0, error.decode()
    return out


async def until(condition: Callable[[], bool], *, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "that did not happen in time"
        await asyncio.sleep(0.02)


def servers(run: Path) -> list[int]:
    """Process ids of the sound servers whose files are in this folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue  # ended meanwhile
        if b"pulseaudio" in command and str(run / "sound").encode() in command:
            found.append(int(folder.name))
    return found


def assert_tone(heard: Heard, left: float, right: float) -> None:
    samples = heard.samples()
    middle = samples[media.RATE // 5 : media.RATE // 5 + media.RATE // 2]
    assert len(middle) > media.RATE // 4
    assert media.frequency(middle[:, 0]) == pytest.approx(left, abs=12)
    assert media.frequency(middle[:, 1]) == pytest.approx(right, abs=12)
    assert media.level(middle[:, 0]) == pytest.approx(0.5, rel=0.25)


def test_a_tone_is_heard_left_and_right(tmp_path: Path) -> None:
    async def scene() -> None:
        heard = Heard()
        async with sounding(tmp_path / "run", heard) as sound:
            await play(sound, "pacat", *RAW, data=media.tone((440, 1000), 1.5))
            await until(lambda: len(heard.packets) > 100)
        assert_tone(heard, 440, 1000)

    asyncio.run(scene())


SDL_GAME = """
import sys, time, pygame
pygame.mixer.init(48000, -16, 2, 1024)
pygame.mixer.Sound(buffer=sys.stdin.buffer.read()).play()
while pygame.mixer.get_busy(): time.sleep(0.05)
"""


def test_an_sdl_game_is_heard(tmp_path: Path) -> None:
    async def scene() -> None:
        heard = Heard()
        async with sounding(tmp_path / "run", heard) as sound:
            await play(sound, sys.executable, "-c", SDL_GAME, data=media.tone((600, 900), 1.5))
            await until(lambda: len(heard.packets) > 100)
        assert_tone(heard, 600, 900)

    asyncio.run(scene())


ALSA_PLUGIN = any(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so"))


@pytest.mark.skipif(
    not ALSA_PLUGIN or shutil.which("aplay") is None, reason="needs Debian's alsa-utils and libasound2-plugins"
)
def test_a_program_that_knows_only_alsa_is_heard(tmp_path: Path) -> None:
    async def scene() -> None:
        heard = Heard()
        async with sounding(tmp_path / "run", heard) as sound:
            data = media.tone((500, 800), 1.5)
            await play(sound, "aplay", "-q", "-t", "raw", "-f", "S16_LE", "-r", "48000", "-c", "2", data=data)
            await until(lambda: len(heard.packets) > 100)
        assert_tone(heard, 500, 800)

    asyncio.run(scene())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_game_of_another_user_is_heard(tmp_path: Path) -> None:
    async def scene() -> None:
        heard = Heard()
        for folder in (tmp_path, *tmp_path.parents):
            if folder.stat().st_uid == os.getuid() and folder != Path("/"):
                folder.chmod(folder.stat().st_mode | 0o011)
        async with sounding(tmp_path / "run", heard) as sound:
            await play(sound, "pacat", *RAW, data=media.tone((440, 1000), 1.5), user=65534)
            await until(lambda: len(heard.packets) > 100)
        assert_tone(heard, 440, 1000)

    asyncio.run(scene())


def test_silence_sends_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        heard = Heard()
        async with sounding(tmp_path / "run", heard) as sound:
            await play(sound, "pacat", *RAW, data=bytes(media.RATE * 4))
            assert heard.packets == []
            await play(sound, "pacat", *RAW, data=media.tone((440, 440), 0.3) + bytes(media.RATE * 4))
            await until(lambda: len(heard.packets) >= 20)
            assert len(heard.packets) < 50

    asyncio.run(scene())


def test_sound_is_dated_with_the_time_at_which_it_was_played(tmp_path: Path) -> None:
    """Half of the clicks within 20 ms of what the sound server itself says; all times rise."""

    async def scene() -> None:
        heard = Heard()
        async with sounding(tmp_path / "run", heard) as sound:
            said = await play(sound, sys.executable, HERE / "clicks.py", "8", "40")
            due = [int(line) for line in said.split()]
            await until(lambda: heard.packets[-1][0] > due[-1] - 100_000)
        times = [time for time, _ in heard.packets]
        assert times == sorted(set(times))
        decoder, found = media.OpusDecoder(), list[float]()
        for played, data in heard.packets:
            begins = media.onsets(decoder.decode(data)[:, 0], loud=0.2)
            if begins and (not found or played - found[-1] > 100_000):
                found.append(played + begins[0] * 1e6 / media.RATE)
        assert len(found) >= len(due) - 1  # a busy machine may lose one, a sink that sleeps loses more
        errors = [min(abs(at - one) for at in found) / 1000 for one in due]
        assert statistics.median(errors) < 20, errors

    asyncio.run(scene())


def test_two_sessions_do_not_hear_each_other(tmp_path: Path) -> None:
    async def scene() -> None:
        first, second = Heard(), Heard()
        async with sounding(tmp_path / "a", first) as one, sounding(tmp_path / "b", second) as two:
            await play(one, "pacat", *RAW, data=media.tone((440, 440), 0.5))
            await until(lambda: len(first.packets) > 30)
            assert second.packets == []
            await play(two, "pacat", *RAW, data=media.tone((440, 440), 0.5))
            await until(lambda: len(second.packets) > 30)

    asyncio.run(scene())


def test_a_server_that_dies_is_started_again_once_and_that_is_said(tmp_path: Path) -> None:
    async def scene() -> None:
        heard = Heard()
        run = tmp_path / "run"
        async with sounding(run, heard) as sound:
            assert sound.trouble() == ""
            (pid,) = servers(run)
            os.kill(pid, signal.SIGKILL)
            await until(lambda: servers(run) not in ([], [pid]) and "started again" in sound.trouble())

            async def heard_again() -> bool:
                await play(sound, "pacat", *RAW, data=media.tone((440, 440), 0.5))
                return bool(heard.packets)

            for _ in range(10):
                if await heard_again():
                    break
            assert heard.packets
            os.kill(servers(run)[0], signal.SIGKILL)
            await until(lambda: "without sound" in sound.trouble())
        assert servers(run) == []

    asyncio.run(scene())


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    async def scene() -> None:
        before = dict(os.environ)
        async with sounding(tmp_path / "run", Heard()) as sound:
            assert len(servers(tmp_path / "run")) == 1
        assert servers(tmp_path / "run") == []
        assert list((tmp_path / "run").iterdir()) == []
        assert dict(os.environ) == before
        await sound.close()  # again

    asyncio.run(scene())


HOST = """
import asyncio, sys
from pathlib import Path
from tenku.play.sound import GameSound
from tenku.unit.abilities import probe
async def main():
    await GameSound(Path(sys.argv[1]), abilities=probe()).start(lambda sound: None)
    print("started", flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


def test_the_server_ends_with_us_even_on_kill_9(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOST, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as host:
        assert host.stdout is not None
        assert b"started\n" in host.stdout  # pcmflux prints there, too
        assert len(servers(tmp_path)) == 1
        host.kill()
    asyncio.run(until(lambda: servers(tmp_path) == []))


def test_the_game_cannot_make_the_server_open_files_or_ports(tmp_path: Path) -> None:
    async def scene() -> None:
        async with sounding(tmp_path / "run", Heard()) as sound:
            before = await play(sound, "pactl", "list", "short", "modules")
            with pytest.raises(AssertionError, match="Failure"):
                await play(sound, "pactl", "load-module", "module-null-sink", "sink_name=mine")
            assert await play(sound, "pactl", "list", "short", "modules") == before

    asyncio.run(scene())


def test_a_machine_without_a_sound_server_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineError, match="No sound server") as caught:
        asyncio.run(GameSound(tmp_path, abilities=ABILITIES).start(lambda _: None))
    assert "pulseaudio" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_come_up_is_said_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "bin" / "pulseaudio"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho 'the moon is in the wrong house' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{broken.parent}:{os.environ['PATH']}")
    with pytest.raises(MachineError, match="wrong house"):
        asyncio.run(GameSound(tmp_path, abilities=ABILITIES).start(lambda _: None))
    assert not (tmp_path / "sound").exists()


def test_a_session_without_sound_keeps_sdl_from_looking_for_a_device() -> None:
    code = "import pygame; pygame.mixer.init(); print(pygame.mixer.get_init() is not None)"
    said = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], **NoSound().environment()},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip().endswith("True")
