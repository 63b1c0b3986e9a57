"""What a game sees from inside its sandbox: real processes, looking around."""

import asyncio
import os
import secrets
import socket
import subprocess
from pathlib import Path

import pytest

from tenku.base.errors import GameError, MachineError
from tenku.unit.abilities import Abilities, Lack, probe
from tenku.unit.sandbox import PLAYER_ID
from tenku.unit.spec import Bind
from trees import Ground, marked, until

ROOT = os.geteuid() == 0


@pytest.fixture(scope="module")
def abilities() -> Abilities:
    """What this machine can do. The tests below demand a sandbox: a machine without one cannot pass them."""
    found = probe()
    assert found.walls is not None, [str(lack) for lack in found.lacks]
    return found


@pytest.fixture
def ground(abilities: Abilities, tmp_path: Path) -> Ground:
    return Ground(abilities, tmp_path)


def test_the_game_is_not_root_and_cannot_become_it(ground: Ground) -> None:
    end = ground.shell("id -u; id -g; grep -E '^(NoNewPrivs|CapEff|CapBnd|Seccomp):' /proc/self/status; su -c id root")
    assert end.lines[:2] == (str(PLAYER_ID),) * 2
    status = dict(line.split() for line in end.lines[2:6])
    assert status["NoNewPrivs:"] == "1"
    assert status["Seccomp:"] == "2"
    assert int(status["CapEff:"], 16) == 0
    assert not ROOT or int(status["CapBnd:"], 16) == 0
    assert end.code != 0


def test_outside_too_the_game_is_no_root(ground: Ground) -> None:
    mark = secrets.token_hex(8)
    script = "echo ready; while :; do sleep 1; done"

    async def users() -> set[int]:
        process = ground.process("/bin/sh", "-c", script, mark)
        await process.start()
        try:
            await until(lambda: process.lines, "the game runs")
            return {owner(pid) for pid in marked(mark) if first_word(pid) == b"/bin/sh"}
        finally:
            await process.stop(0)

    assert asyncio.run(users()) == {PLAYER_ID if ROOT else os.geteuid()}


def owner(pid: int) -> int:
    return Path("/proc", str(pid)).stat().st_uid


def first_word(pid: int) -> bytes:
    return Path("/proc", str(pid), "cmdline").read_bytes().split(b"\0")[0]


def test_the_game_sees_only_its_own_processes(ground: Ground) -> None:
    end = ground.shell(f"ls /proc | grep -c '^[0-9]'; cat /proc/{os.getpid()}/cmdline | tr '\\0' ' '")
    assert int(end.lines[0]) <= 6  # bubblewrap's first, the shell, and those three that look
    assert "pytest" not in "".join(end.lines)


@pytest.mark.parametrize("path", ["/root", "/home", "/var/log", "/etc/shadow", "/sys", "/run/dbus", "/boot", "/srv"])
def test_the_game_sees_no_other_files(ground: Ground, path: str) -> None:
    end = ground.shell(f"ls -A {path}")
    assert end.code != 0 or end.lines in ((), ("player",)), end.lines


def test_the_tests_own_folder_is_not_there(ground: Ground, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("!")
    assert ground.shell(f"cat {tmp_path}/secret").code == 1


def test_the_names_of_this_machine_are_not_told(ground: Ground) -> None:
    end = ground.shell("hostname; cat /etc/hostname; cat /etc/passwd")
    assert end.lines[:2] == ("tenku", "tenku")
    assert [line.split(":")[0] for line in end.lines[2:]] == ["root", "player"]


def test_the_folder_is_read_only_and_the_game_starts_in_it(ground: Ground, tmp_path: Path) -> None:
    folder = tmp_path / "my game"
    folder.mkdir()
    (folder / "level").write_text("one\n")
    end = ground.shell("pwd; cat level; touch new || rm level || echo over > level", folder=folder)
    assert end.code != 0
    assert end.lines[:2] == (str(folder), "one")
    assert [path.name for path in folder.iterdir()] == ["level"]


def test_the_home_is_kept_from_one_session_to_the_next(ground: Ground) -> None:
    assert ground.shell("echo $HOME; pwd; echo 42 > ~/save").lines == ("/home/player", "/home/player")
    assert (ground.home / "save").read_text() == "42\n"
    assert ground.shell("cat ~/save; echo 43 >> ~/save").lines == ("42",)


@pytest.mark.skipif(not ROOT, reason="only root hands homes over")
def test_a_home_that_root_prepared_becomes_the_games(ground: Ground) -> None:
    (ground.home / "deep").mkdir(parents=True)
    (ground.home / "deep/save").write_text("old\n")
    (ground.home / "link").symlink_to("/etc/hostname")
    owner = Path("/etc/hostname").stat().st_uid
    assert ground.shell("cat ~/deep/save; echo new > ~/deep/save").lines == ("old",)
    assert (ground.home / "deep/save").read_text() == "new\n"
    assert Path("/etc/hostname").stat().st_uid == owner


def test_every_place_a_program_expects_to_write_to_is_writable_and_gone_afterwards(ground: Ground) -> None:
    places = "/tmp /var/tmp /dev/shm $XDG_RUNTIME_DIR"
    end = ground.shell(f"for p in {places}; do echo x > $p/unit-trace || exit 1; done; stat -c %u $XDG_RUNTIME_DIR")
    assert (end.code, end.lines) == (0, (str(PLAYER_ID),))
    assert not any(Path(place, "unit-trace").exists() for place in ("/tmp", "/var/tmp", "/dev/shm"))
    assert list(ground.scratch.iterdir()) == []


@pytest.mark.parametrize("path", ["/", "/usr", "/etc", "/usr/bin", "/run"])
def test_the_rest_cannot_be_written(ground: Ground, path: str) -> None:
    assert ground.shell(f"touch {path}/unit-trace").code == 1


def test_only_the_few_devices_that_every_program_needs_are_there(ground: Ground) -> None:
    end = ground.shell("cd /dev; ls | tr '\\n' ' '; ls pts; cat /dev/mem /dev/kmsg")
    fixed = {"core", "fd", "ptmx", "pts", "shm", "stderr", "stdin", "stdout", "tty", "console"}
    assert set(end.lines[0].split()) <= fixed | {"full", "null", "random", "urandom", "zero"}
    assert end.code != 0


@pytest.fixture
def port() -> object:
    """A port of this machine that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


CONNECT = "exec 3<>/dev/tcp/127.0.0.1/{}"


def test_there_is_no_network_unless_asked_for(ground: Ground, port: int) -> None:
    assert ground.run("bash", "-c", CONNECT.format(port)).code != 0
    assert ground.run("bash", "-c", "ls /sys/class/net; cat /proc/net/dev").lines[-1].strip().startswith("lo:")


def test_with_network_the_game_reaches_this_machine(ground: Ground, port: int) -> None:
    end = ground.run("bash", "-c", CONNECT.format(port), network=True)
    assert end.code == 0, end


def test_a_socket_that_is_shown_can_be_used_by_the_games_user(ground: Ground, tmp_path: Path) -> None:
    path = tmp_path / "private" / "s"
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        path.chmod(0o700)
        server.listen()
        code = f"use IO::Socket::UNIX; IO::Socket::UNIX->new(Peer => '{path}') or die $!"
        assert ground.run("perl", "-e", code).code != 0
        end = ground.run("perl", "-e", code, binds=(Bind(source=path, target=path, writable=True),))
        assert end.code == 0, end


def test_binds_are_writable_only_where_that_was_said(ground: Ground, tmp_path: Path) -> None:
    for name in ("open", "closed"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o777)
    binds = (
        Bind(source=tmp_path / "open", target=Path("/deep/in/open"), writable=True),
        Bind(source=tmp_path / "closed", target=Path("/deep/in/closed")),
    )
    end = ground.shell("touch /deep/in/open/x; touch /deep/in/closed/x", binds=binds)
    assert end.code == 1
    assert (tmp_path / "open/x").exists()
    assert not (tmp_path / "closed/x").exists()


def test_the_environment_is_passed_and_the_servers_is_not(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENKU_TEST_SECRET", "password")
    monkeypatch.setenv("LANG", "C.UTF-8")
    end = ground.run("env", env={"LEVEL": "a b\nc=d", "LD_PRELOAD": ""})
    assert "TENKU_TEST_SECRET" not in "".join(end.lines)
    assert {"LEVEL=a b", "c=d", "LANG=C.UTF-8", "USER=player", "HOME=/home/player"} <= set(end.lines)


@pytest.mark.skipif(not ROOT, reason="without root there is none to give away")
def test_a_preloaded_library_is_not_loaded_by_a_program_that_is_still_root(ground: Ground, tmp_path: Path) -> None:
    """`ld.so` names a library that it cannot load once for every program: here once, for the game itself."""
    end = ground.run("true", env={"LD_PRELOAD": str(tmp_path / "none.so")})
    assert end.code == 0
    assert len([line for line in end.lines if "none.so" in line]) == 1


def test_no_descriptor_of_tenku_is_left_open_for_the_game(ground: Ground) -> None:
    end = ground.run("ls", "/proc/self/fd")
    assert set(end.lines) <= {"0", "1", "2", "3"}  # 3 is the folder that ls reads
    assert ground.run("ls", "-l", "/proc/1/fd").code != 0 or not ROOT


CALLS = {
    "unshare": ("unshare", "--user", "true"),
    "mount": ("perl", "-e", "exit(syscall(165, 0, 0, 0, 0, 0) == -1 && $! == 1 ? 1 : 0)"),
    "keyctl": ("perl", "-e", "exit(syscall(250, 0, 0, 0, 0, 0) == -1 && $! == 1 ? 1 : 0)"),
    "clone3": ("perl", "-e", "exit(syscall(435, 0, 0) == -1 && $! == 38 ? 1 : 0)"),
    "io_uring": ("perl", "-e", "exit(syscall(425, 0, 0) == -1 && $! == 38 ? 1 : 0)"),
    "clone into a user namespace": (
        "perl",
        "-e",
        "my $r = syscall(56, 0x10000011, 0, 0, 0, 0); exit($r == -1 && $! == 1 ? 1 : 0)",
    ),
    "x32 calls": ("perl", "-e", "exit(syscall(0x40000000 + 39) == -1 && $! == 38 ? 1 : 0)"),
}


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are those of x86-64")
@pytest.mark.parametrize("call", CALLS)
def test_calls_that_no_game_needs_are_refused(ground: Ground, call: str) -> None:
    assert ground.run(*CALLS[call]).code == 1


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are those of x86-64")
def test_the_filter_lets_the_rest_through(ground: Ground) -> None:
    end = ground.run("perl", "-e", "exit(syscall(39) == $$ ? 0 : 1)")
    assert end.code == 0
    assert ground.shell("true & wait; (echo a | cat)").lines == ("a",)


def test_a_machine_without_a_sandbox_is_told_of_never_passed_over(ground: Ground) -> None:
    lack = Lack(what="put games into a sandbox", because="it is a test", remedy="end it")
    bare = Abilities(bwrap=None, walls=None, seccomp=False, places=(), lacks=(lack,))
    with pytest.raises(MachineError, match=r"cannot .* because it is a test; to get it: end it"):
        Ground.shell(_with(ground, bare), "true")


def _with(ground: Ground, abilities: Abilities) -> Ground:
    other = object.__new__(Ground)
    other.__dict__.update(ground.__dict__, abilities=abilities)
    return other


def test_a_machine_without_bubblewrap_says_what_brings_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = probe()
    assert found.walls is None
    assert "install the package bubblewrap" in str(found.lacks[0])


def test_a_broken_bubblewrap_is_found_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho 'No permissions to create a new namespace' >&2\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    found = probe()
    assert found.walls is None
    assert "No permissions to create a new namespace" in str(found.lacks[0])


@pytest.mark.parametrize("folder", ["/", "/home", "/etc", "/tmp", "~"])
def test_a_folder_that_holds_more_than_a_game_is_not_shown(ground: Ground, folder: str) -> None:
    with pytest.raises(GameError, match="more than a game"):
        ground.run("true", folder=Path(folder).expanduser())


def test_what_the_sandbox_cannot_show_is_said(ground: Ground, tmp_path: Path) -> None:
    missing = tmp_path / "gone"
    end = ground.run("true", binds=(Bind(source=missing, target=missing),))
    assert end.code == 1
    assert end.reason.startswith("The sandbox of game could not be set up: ")
    assert str(missing) in end.reason


ORDINARY = """
import asyncio, sys
from pathlib import Path
from tenku.unit.abilities import probe
from tenku.unit.process import Process
from tenku.unit.spec import LaunchSpec
async def main():
    found = probe()
    assert found.walls is not None, [str(lack) for lack in found.lacks]
    folder = Path(sys.argv[1])
    spec = LaunchSpec(name="game", command=("/bin/sh", "-c", "id -u; ls -A /root /home; echo 1 > ~/save"),
                      home=folder / "home")
    process = Process(spec, abilities=found, scratch=folder)
    await process.start()
    print(*(await process.wait()).lines, found.walls.root)
asyncio.run(main())
"""


@pytest.mark.skipif(not ROOT, reason="the other tests of this file are that test then")
def test_an_ordinary_user_gets_the_same_walls() -> None:
    python, source = "/usr/bin/python3", Path(__file__).parents[1] / "src"
    if (
        not Path(python).exists()
        or subprocess.run(
            ["setpriv", "--reuid", "61801", "--clear-groups", "ls", str(source)], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("an ordinary user cannot read this Python or these sources")
    folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    os.chown(folder, 61801, 61801)
    try:
        done = subprocess.run(
            ["setpriv", "--reuid", "61801", "--regid", "61801", "--clear-groups", python, "-W", "error", "-c", ORDINARY,
             str(folder)],
            env={"PYTHONPATH": str(source), "PATH": "/usr/bin:/bin", "HOME": "/nonexistent",
                 "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (
            done.stdout == f"{PLAYER_ID} ls: cannot access '/root': No such file or directory /home: player False\n"
        ), done
        assert (folder / "home/save").read_text() == "1\n"
    finally:
        subprocess.run(["rm", "-r", str(folder)], check=True)


def test_the_probe_leaves_nothing_behind(abilities: Abilities) -> None:
    for place in abilities.places:
        assert not list(place.folder.glob(f"tenku-{os.getpid()}-*"))
