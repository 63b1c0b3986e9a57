"""A tree is started whole, read to its end, and ended whole, whoever is killed."""

import asyncio
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tenku.base.errors import GameError
from tenku.unit.abilities import Abilities, probe
from tenku.unit.guard import descendants
from tenku.unit.process import KILLED_WITHIN, Process
from trees import Ground, marked, until

KINDS: dict[str, dict[str, Any]] = {"sandbox": {}, "open": {"sandbox": False}, "helper": {"helper": True}}
GAMES = {name: KINDS[name] for name in ("sandbox", "open")}
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
every_game = pytest.mark.parametrize("kind", GAMES.values(), ids=GAMES)


@pytest.fixture(scope="module")
def abilities() -> Abilities:
    return probe()


@pytest.fixture
def ground(abilities: Abilities, tmp_path: Path) -> Ground:
    return Ground(abilities, tmp_path)


@every_kind
def test_the_exit_code_and_the_last_twenty_lines_are_kept(ground: Ground, kind: dict[str, Any]) -> None:
    end = ground.shell("for i in $(seq 30); do echo out $i; done; echo err >&2; exit 3", **kind)
    assert (end.code, end.signal) == (3, None)
    assert end.reason == "game ended with exit code 3."
    assert end.lines == (*[f"out {number}" for number in range(12, 31)], "err")


@every_kind
def test_an_end_without_trouble_is_told_as_one(ground: Ground, kind: dict[str, Any]) -> None:
    end = ground.shell("", **kind)
    assert (end.code, end.reason, end.lines) == (0, "game ended.", ())


@every_kind
@pytest.mark.parametrize("name", ["SEGV", "ABRT", "KILL", "TERM"])
def test_a_crash_is_told_by_its_signal(ground: Ground, kind: dict[str, Any], name: str) -> None:
    end = ground.shell(f"ulimit -c 0; kill -{name} $$", **kind)
    assert (end.code, end.signal) == (128 + signal.Signals[f"SIG{name}"], f"SIG{name}")
    assert f"SIG{name}" in end.reason


@every_kind
def test_garbage_by_the_megabyte_holds_nobody_up(ground: Ground, kind: dict[str, Any]) -> None:
    end = ground.shell("head -c 20000000 /dev/urandom; printf '\\nlast \\377 line'", **kind)
    assert end.code == 0
    assert end.lines[-1] == "last \N{REPLACEMENT CHARACTER} line"
    assert all(len(line) <= 500 for line in end.lines)


@every_kind
def test_input_is_empty_and_a_terminal_is_out_of_reach(ground: Ground, kind: dict[str, Any]) -> None:
    assert ground.shell("cat; (echo x > /dev/tty) 2>/dev/null || echo none", **kind).lines == ("none",)


@every_kind
def test_the_environment_is_only_what_was_given(
    ground: Ground, kind: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENKU_TEST_SECRET", "password")
    end = ground.run("env", env={"LEVEL": "7"}, **kind)
    assert "LEVEL=7" in end.lines
    assert "SECRET" not in "".join(end.lines)


def test_each_line_is_told_as_it_comes(ground: Ground) -> None:
    told: list[str] = []

    async def whole() -> None:
        spec = ground.spec("/bin/sh", "-c", "echo one; while [ ! -e ~/gate ]; do sleep 0.02; done; echo two")
        process = Process(spec, abilities=ground.abilities, scratch=ground.scratch, on_line=told.append)
        await process.start()
        await until(lambda: told == ["one"], "the first line")
        (ground.home / "gate").touch()
        await process.wait()

    asyncio.run(whole())
    assert told == ["one", "two"]


async def start_and_mark(ground: Ground, script: str, kind: dict[str, Any]) -> tuple[Process, str]:
    """Start `script`; every process that it starts with "$0" in its words can be found by that mark."""
    mark = secrets.token_hex(8)
    process = ground.process("/bin/sh", "-c", script, mark, **kind)
    await process.start()
    await until(lambda: "ready" in process.lines, f"ready, not {process.lines}")
    return process, mark


FORKS_AWAY = """
setsid sh -c 'trap "" TERM HUP; (setsid sh -c "trap \\"\\" TERM HUP; while :; do sleep 1; done" '$0' &) & exit' $0
trap '' TERM HUP
setsid sh -c 'trap "" TERM HUP; while :; do sleep 1; done' $0 &
echo ready
while :; do sleep 1; done
"""


@every_game
def test_stop_ends_what_forked_itself_away_and_hears_no_request(ground: Ground, kind: dict[str, Any]) -> None:
    async def whole() -> tuple[int, list[int], Any]:
        process, mark = await start_and_mark(ground, FORKS_AWAY, kind)
        before = len(marked(mark))
        end = await process.stop(0.1)
        return before, marked(mark), end

    before, after, end = asyncio.run(whole())
    assert before >= 3
    assert after == []
    assert (end.code, end.reason) == (137, "game was ended.")


@every_game
def test_the_games_own_end_takes_the_rest_of_its_tree_along(ground: Ground, kind: dict[str, Any]) -> None:
    mark = secrets.token_hex(8)
    end = ground.run("/bin/sh", "-c", "setsid sleep 1000 & setsid sh -c 'sleep 1000' $0 & exit 4", mark, **kind)
    assert end.code == 4
    assert marked(mark) == []


@every_game
def test_a_game_that_hears_the_request_may_save_first(ground: Ground, kind: dict[str, Any]) -> None:
    """Behind a start script too: every process of the tree is asked."""
    inner = "trap 'echo saved; exit 0' TERM; echo ready; while :; do sleep 0.05; done"

    async def whole() -> Any:
        process, _ = await start_and_mark(ground, f"sh -c '{inner.replace(chr(39), chr(34))}'; wait", kind)
        return await process.stop(10)

    end = asyncio.run(whole())
    assert "saved" in end.lines
    assert end.reason == "game was ended."


@every_kind
def test_stop_may_come_at_any_time_and_again(ground: Ground, kind: dict[str, Any]) -> None:
    async def whole() -> None:
        process = ground.process("sleep", "1000", **kind)
        assert await process.stop() is None
        await process.start()
        assert process.running
        first, second = await asyncio.gather(process.stop(0), process.stop(0))
        assert first == second == await process.wait() == await process.stop()
        assert not process.running

    asyncio.run(whole())


@every_kind
def test_stop_may_come_while_the_start_is_under_way(ground: Ground, kind: dict[str, Any]) -> None:
    async def whole() -> Any:
        process = ground.process("sleep", "1000", **kind)
        starting = asyncio.create_task(process.start())
        await until(lambda: process.running, "the first program runs")
        end = await asyncio.wait_for(process.stop(0.1), KILLED_WITHIN)  # no patience was needed
        await starting
        return end

    assert asyncio.run(whole()).signal in ("SIGTERM", "SIGKILL")


@every_kind
def test_the_page_servers_own_event_loop_serves_as_well(ground: Ground, kind: dict[str, Any]) -> None:
    async def whole() -> Any:
        process = ground.process("/bin/sh", "-c", "yes | head -n 1000000; exit 5", **kind)
        await process.start()
        return await process.wait()

    assert uvloop.run(whole()).code == 5


def test_waiting_can_be_given_up_without_harm(ground: Ground) -> None:
    async def whole() -> None:
        process = ground.process("sleep", "1000")
        await process.start()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(process.wait(), 0.01)
        assert process.running
        await process.stop(0)

    asyncio.run(whole())


SUPERVISOR = """
import asyncio, json, sys
from pathlib import Path
from tenku.unit.abilities import probe
from tenku.unit.process import Process
from tenku.unit.spec import LaunchSpec
async def main():
    spec = LaunchSpec.from_json(sys.argv[1])
    process = Process(spec, abilities=probe(), scratch=Path(sys.argv[2]), on_line=lambda line: print(line, flush=True))
    await process.start()
    await process.wait()
asyncio.run(main())
"""


def supervise(ground: Ground, mark: str, script: str, kind: dict[str, Any]) -> "subprocess.Popen[str]":
    """A Tenku of its own, with a game that is running."""
    spec = ground.spec("/bin/sh", "-c", script, mark, **kind)
    words = [sys.executable, "-c", SUPERVISOR, spec.to_json(), str(ground.scratch)]
    supervisor = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    assert supervisor.stdout.readline() == "ready\n"
    return supervisor


@pytest.mark.parametrize(
    ("kind", "script"),
    [(KINDS["sandbox"], FORKS_AWAY), (KINDS["open"], FORKS_AWAY), (KINDS["helper"], "echo ready; exec sleep 1000")],
    ids=KINDS,
)
def test_a_killed_tenku_leaves_no_process(ground: Ground, kind: dict[str, Any], script: str) -> None:
    mark = secrets.token_hex(8)
    with supervise(ground, mark, script, kind) as supervisor:
        tree = descendants(supervisor.pid)
        assert tree
        supervisor.kill()
    asyncio.run(until(lambda: not alive(tree) and not marked(mark), "all gone"))


def alive(pids: list[int]) -> list[int]:
    states = {pid: _state(pid) for pid in pids}
    return [pid for pid, state in states.items() if state not in ("Z", "")]


def _state(pid: int) -> str:
    try:
        return Path("/proc", str(pid), "stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return ""


@pytest.mark.parametrize("moment", range(1, 6))
@every_kind
def test_a_tenku_that_is_killed_while_it_starts_a_game_leaves_none(
    ground: Ground, kind: dict[str, Any], moment: int
) -> None:
    """The moment is counted in processes that were seen below it, and in looks at it."""
    mark = secrets.token_hex(8)
    spec = ground.spec("/bin/sh", "-c", "while :; do sleep 1; done", mark, **kind)
    words = [sys.executable, "-c", SUPERVISOR, spec.to_json(), str(ground.scratch)]
    with subprocess.Popen(words) as supervisor:
        most = 3 if kind == {} else 1  # bubblewrap, its child and the game; or the game alone
        asyncio.run(until(lambda: len(marked(mark)) >= min(moment, most), "it starts"))
        for _ in range(moment - most):
            marked(mark)  # takes some milliseconds
        supervisor.kill()
    asyncio.run(until(lambda: not marked(mark), "all gone"))


def test_a_killed_guard_is_an_end_that_is_told(ground: Ground) -> None:
    async def whole() -> Any:
        process, mark = await start_and_mark(ground, "echo ready; exec sleep 1000", {"sandbox": False})
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        end = await process.wait()
        await until(lambda: not marked(mark), "the game goes with its guard")
        return end

    assert asyncio.run(whole()).signal == "SIGKILL"


def test_helpers_inherit_the_descriptors_that_they_are_given(ground: Ground) -> None:
    read, write = os.pipe()

    async def whole() -> None:
        spec = ground.spec("bash", "-c", f"echo :7 >&{write}", helper=True)
        process = Process(spec, abilities=ground.abilities, scratch=ground.scratch, pass_fds=(write,))
        await process.start()
        await process.wait()

    try:
        asyncio.run(whole())
        assert os.read(read, 100) == b":7\n"
    finally:
        os.close(read)
        os.close(write)


Wrong = Callable[[Path], dict[str, Any]]


def a_file(path: Path, content: str, mode: int) -> str:
    path.write_text(content)
    path.chmod(mode)
    return str(path)


WRONG: dict[str, tuple[Wrong, str]] = {
    "no such name": (lambda _: {"command": ("no-such-game",)}, r"command not found: no-such-game \(looked in /"),
    "no such path": (lambda _: {"command": ("/usr/games/no-such-game",)}, "there is no /usr/games/no-such-game"),
    "a folder": (lambda _: {"command": ("/usr/games",)}, "not an executable file"),
    "not executable": (lambda at: {"command": (a_file(at / "run", "", 0o644),), "folder": at}, "Try: chmod"),
    "not there in the folder": (lambda at: {"command": ("./run",), "folder": at}, "there is no"),
    "no such folder": (lambda at: {"command": ("true",), "folder": at / "none"}, "there is no folder"),
    "interpreter missing": (
        lambda at: {"command": (a_file(at / "run", "#!/usr/bin/pyton7\n", 0o755),), "folder": at},
        "wants /usr/bin/pyton7, which is not there",
    ),
    "a sign that env would take": (
        lambda at: {"command": (a_file(at / "a=b", "", 0o755),), "folder": at},
        "'=' in its path",
    ),
}


@every_game
@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_start_is_said_before_it_is_started(
    ground: Ground, tmp_path: Path, wrong: str, kind: dict[str, Any]
) -> None:
    make, said = WRONG[wrong]
    folder = tmp_path / "game"
    folder.mkdir()
    more = make(folder)
    command = more.pop("command")
    with pytest.raises(GameError) as caught:
        ground.run(*command, **kind, **more)
    assert re.search(said, caught.value.sentence())
    assert caught.value.exit_code == 2
    assert "\n" not in caught.value.sentence()


def test_a_program_that_the_sandbox_hides_is_said_to_be_hidden(ground: Ground, tmp_path: Path) -> None:
    program = a_file(tmp_path / "run", "#!/bin/sh\necho here\n", 0o755)
    with pytest.raises(GameError, match="the sandbox does not show"):
        ground.run(program)
    assert ground.run(program, sandbox=False).lines == ("here",)
    folder = tmp_path / "game"
    folder.mkdir()
    (folder / "link").symlink_to(program)
    with pytest.raises(GameError, match=rf"does not show .*/link \(that is {program}\)"):
        ground.run("./link", folder=folder)


@every_game
def test_a_program_that_this_machine_cannot_run_is_named(ground: Ground, tmp_path: Path, kind: dict[str, Any]) -> None:
    folder = tmp_path / "game"
    folder.mkdir()
    a_file(folder / "run", "\x7fELF but not really", 0o755)
    end = ground.run("./run", folder=folder, **kind)
    assert end.code in (126, 127)
    assert str(folder / "run") in end.lines[0]


def open_descriptors() -> set[str]:
    # The folder itself is open while it is read, under whichever number is free.
    return {f"{path.name} {path.readlink()}" for path in Path("/proc/self/fd").iterdir() if path.is_symlink()}


@every_kind
def test_nothing_is_left_in_the_scratch_folder_and_no_descriptor_open(ground: Ground, kind: dict[str, Any]) -> None:
    ground.shell("", **kind)  # whatever opens once is open now
    before = open_descriptors()
    ground.shell("exit 1", **kind)
    assert open_descriptors() == before
    assert list(ground.scratch.iterdir()) == []


@pytest.mark.skipif(not Path("/usr/games/openttd").exists(), reason="Debian's openttd is not installed")
def test_openttd_and_its_data_are_in_the_sandbox(ground: Ground) -> None:
    end = ground.run("openttd", "-h")
    assert end.code == 0, end
    end = ground.shell("openttd -s null -m null -v null:ticks=10 -g -d misc=1; echo code $?")
    assert end.lines[-1] == "code 0", end
