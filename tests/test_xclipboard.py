"""The clipboard of X clients: a real X server, and xclip as the game that copies and pastes."""

import asyncio
import contextlib
import os
import shutil
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tenku.base.errors import MachineError
from tenku.play import xwire
from tenku.play.xauthority import read_cookie, write_xauthority
from tenku.play.xclipboard import MOST_BYTES, MOST_UNSENT, XClipboard

PATIENCE_S = 20.0
TEXT = "copied: 天空 é 🎮"


AnyClipboard = TypeVar("AnyClipboard", bound=XClipboard)


class Desk:
    """An X server, our clipboard on it, and what the clipboard told."""

    def __init__(self, number: int, authority: Path, server: Process) -> None:
        self.number = number
        self.authority = authority
        self.server = server
        self.told: list[str] = []
        self.clipboard = Watched(number, authority, on_text=self.told.append)

    async def copy(self, text: str, *options: str) -> None:
        """Copy as a client does; it stays in the background as the selection's owner until another takes it."""
        # To no pipe of ours: the client in the background would keep it open.
        client = await self._xclip("-in", *options, stdin=PIPE, stdout=DEVNULL)
        assert client.stdin is not None
        client.stdin.write(text.encode())
        client.stdin.close()
        assert await client.wait() == 0

    async def paste(self, target: str = "UTF8_STRING") -> bytes:
        """What a client gets that pastes."""
        client = await self._xclip("-out", "-target", target, stdin=DEVNULL, stdout=PIPE)
        text, _ = await client.communicate()
        return text

    async def until_told(self, *texts: str) -> None:
        await until(lambda: self.told == list(texts))

    async def _xclip(self, *options: str, stdin: int, stdout: int) -> Process:
        env = {**os.environ, "DISPLAY": f":{self.number}", "XAUTHORITY": str(self.authority)}
        command = ("xclip", "-selection", "clipboard", *options)
        return await asyncio.create_subprocess_exec(*command, env=env, stdin=stdin, stdout=stdout, stderr=DEVNULL)


async def until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not look():  # noqa: ASYNC110 - other processes set no event
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    """A desk whose clipboard has started."""
    authority = folder / "xauthority"
    write_xauthority(authority)
    read, write = os.pipe()
    command = ("Xvfb", "-displayfd", str(write), "-auth", str(authority), "-noreset", "-screen", "0", "64x64x24")
    server = await asyncio.create_subprocess_exec(*command, pass_fds=(write,), stdout=DEVNULL, stderr=DEVNULL)
    os.close(write)
    with os.fdopen(read) as numbers:
        number = int(await asyncio.to_thread(numbers.readline))
    made = Desk(number, authority, server)
    try:
        await made.clipboard.start()
        try:
            yield made
        finally:
            await made.clipboard.close()
    finally:
        if server.returncode is None:
            server.terminate()
        await server.wait()


class Watched(XClipboard):
    """Counts how often it has read what an owner delivered, whatever it made of it."""

    reads = 0

    def _read(self, reply: xwire.Reply) -> None:
        super()._read(reply)
        self.reads += 1


class Rude(XClipboard):
    """A client that owns the clipboard, answers nobody, and grabs the server."""

    asked = 0
    owned = 0

    def _answer(self, wanted: xwire.Wanted) -> None:  # noqa: ARG002 - that is the point
        self.asked += 1

    def _owner_is(self, change: xwire.OwnerChanged) -> None:
        self.owned += change.owner == self._window

    async def grab(self) -> None:
        """From here on the server heeds no other client."""
        self._send(bytes((36, 0, 1, 0)))
        before = self.owned
        self.offer("")
        await until(lambda: self.owned > before)  # Requests are done in order, so the grab is too.

    def ungrab(self) -> None:
        self._send(bytes((37, 0, 1, 0)))


class Old(XClipboard):
    """A client that knows no Unicode."""

    def _contents(self, target: int) -> tuple[int, bytes] | None:
        return super()._contents(target) if target == xwire.STRING else None


@contextlib.asynccontextmanager
async def client(kind: type[AnyClipboard], at: Desk, told: list[str]) -> AsyncIterator[AnyClipboard]:
    """Another client, which stands for a game."""
    made = kind(at.number, at.authority, on_text=told.append)
    await made.start()
    try:
        yield made
    finally:
        await made.close()


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


@pytest.fixture(autouse=True)
def installed() -> None:
    missing = [name for name in ("Xvfb", "xclip") if shutil.which(name) is None]
    assert not missing, f"Install {missing}: see tools/packages/test.txt."


def test_what_a_client_copies_is_told(tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(tmp_path) as at:
            await at.copy(TEXT)
            await at.until_told(TEXT)
            await at.copy("another")
            await at.until_told(TEXT, "another")

    run(work())


def test_what_is_offered_can_be_pasted(tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(tmp_path) as at:
            at.clipboard.offer(TEXT)
            assert (await at.paste()).decode() == TEXT
            assert (await at.paste("text/plain;charset=utf-8")).decode() == TEXT
            assert (await at.paste("text/plain")).decode() == TEXT
            assert await at.paste("STRING") == "copied: ?? é ?".encode("latin-1")
            assert {"UTF8_STRING", "STRING", "TIMESTAMP"} <= set((await at.paste("TARGETS")).decode().split())
            assert await at.paste("image/png") == b""
            assert at.told == []

    run(work())


def test_the_clipboard_changes_hands(tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(tmp_path) as at:
            at.clipboard.offer("ours")
            await at.copy("theirs")
            await at.until_told("theirs")
            assert await at.paste() == b"theirs"
            at.clipboard.offer("ours again")
            assert await at.paste() == b"ours again"
            await at.copy("theirs again")
            await at.until_told("theirs", "theirs again")

    run(work())


def test_what_is_offered_is_not_told_as_if_the_game_had_copied_it(tmp_path: Path) -> None:
    witnessed: list[str] = []

    async def work() -> None:
        async with desk(tmp_path) as at, client(XClipboard, at, witnessed):
            for count, text in enumerate(("one", "two", "three"), start=1):
                at.clipboard.offer(text)
                await until(lambda count=count: len(witnessed) == count)  # type: ignore[misc]
            assert witnessed == ["one", "two", "three"]
            assert at.told == []

    run(work())


def test_a_client_that_knows_no_unicode_is_understood(tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(tmp_path) as at, client(Old, at, []) as old:
            old.offer("né en 1984")
            await at.until_told("né en 1984")

    run(work())


def test_the_longest_text_passes_and_a_longer_one_stays(tmp_path: Path) -> None:
    longest = "é" * (MOST_BYTES // 2)

    async def work() -> None:
        async with desk(tmp_path) as at:
            await at.copy(longest)
            await at.until_told(longest)
            await at.copy(longest + "x")
            await until(lambda: at.clipboard.reads == 2)
            await at.copy("x" * 2_000_000)  # So long that the client sends it in parts.
            await until(lambda: at.clipboard.reads == 3)
            await at.copy("short")
            await at.until_told(longest, "short")
            at.clipboard.offer(longest)
            assert (await at.paste()).decode() == longest
            at.clipboard.offer(longest + "x")
            assert (await at.paste()).decode() == longest

    run(work())


def test_an_owner_that_never_answers_holds_nobody_up(tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(tmp_path) as at, client(Rude, at, []) as silent:
            silent.offer("never given")
            await until(lambda: silent.asked == 1)
            await at.copy("after it")
            await at.until_told("after it")

    run(work())


def test_a_text_that_is_offered_while_the_server_is_grabbed_arrives_later(tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(tmp_path) as at, client(Rude, at, []) as greedy:
            await greedy.grab()
            at.clipboard.offer("meanwhile")
            greedy.ungrab()
            assert await at.paste() == b"meanwhile"

    run(work())


def test_a_grabbed_server_does_not_keep_the_session_from_ending(tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(tmp_path) as at, client(Rude, at, []) as greedy:
            await greedy.grab()
            for _ in range(200_000):  # More than the socket takes.
                at.clipboard.offer("into the void")
            assert 0 < at.clipboard.unsent() <= MOST_UNSENT + 64
            async with asyncio.timeout(PATIENCE_S / 4):
                await at.clipboard.close()

    run(work())


def test_a_server_that_dies_is_left_in_peace(tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(tmp_path) as at:
            await at.copy("before")
            await at.until_told("before")
            at.server.kill()
            await at.server.wait()
            at.clipboard.offer("to nobody")
            await at.clipboard.close()
            at.clipboard.offer("to nobody")
            await at.clipboard.close()
            with pytest.raises(MachineError, match="Copy and paste do not reach the game"):
                await XClipboard(at.number, at.authority, on_text=at.told.append).start()

    run(work())


def test_a_wrong_cookie_is_refused_in_words(tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(tmp_path) as at:
            wrong = tmp_path / "wrong"
            write_xauthority(wrong)
            assert read_cookie(wrong) != read_cookie(at.authority)
            with pytest.raises(MachineError, match="MIT-MAGIC-COOKIE-1"):
                await XClipboard(at.number, wrong, on_text=at.told.append).start()

    run(work())
