"""`tenku doctor`: what it concludes from the facts about a machine, and what it says about this one."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tenku.cli.doctor import report, verdict
from tenku.play.doctor import LIBRARIES, Compositor, Finding, Machine, Mark, diagnose, packages_to_install, playable
from tenku.play.probe import DEMO_SETS
from tenku.unit.abilities import Lack

GOOD = Machine(
    system="Debian",
    compositor=Compositor(
        version="2", software={"h264": "x264"}, hardware={"h264": "nvenc"}, gpu=True, accelerated=True, renderer="GPU"
    ),
    xwayland="22.1",
    sound_server="PulseAudio 16",
    sound_encoder="2",
    pads="uinput",
    walls="bubblewrap",
    limits="cpu and memory and pids by cgroup v2",
    demo="13.0",
    demo_sets={"openttd-opengfx": True, "timgm6mb-soundfont": True},
)


def not_ok(machine: Machine) -> list[Finding]:
    return [finding for finding in diagnose(machine) if finding.mark is not Mark.OK]


def test_a_machine_that_has_everything_is_ok() -> None:
    assert not_ok(GOOD) == []
    assert playable(diagnose(GOOD))
    assert packages_to_install(diagnose(GOOD)) == []


def test_missing_libraries_are_named_with_their_packages() -> None:
    machine = replace(GOOD, compositor=Compositor(error="libgbm.so.1: …"), missing_libraries=tuple(LIBRARIES))
    [finding] = not_ok(machine)
    assert finding.mark is Mark.MISSING
    assert "libgbm.so.1, libpixman-1.so.0, libxkbcommon.so.0 not found" in finding.what
    assert finding.packages == ("libgbm1", "libpixman-1-0", "libxkbcommon0")
    assert not playable(diagnose(machine))


@pytest.mark.parametrize(
    ("change", "area", "mark", "packages", "still_playable"),
    [
        ({"compositor": Compositor(error="broken")}, "picture", Mark.MISSING, (), False),
        ({"compositor": replace(GOOD.compositor, hardware={}, software={})}, "picture", Mark.MISSING, (), False),
        (
            {"compositor": replace(GOOD.compositor, gpu=False, accelerated=False)},
            "picture",
            Mark.LIMITED,
            (),
            True,
        ),
        ({"xwayland": ""}, "picture", Mark.MISSING, ("xwayland",), True),
        ({"keyboard_layouts": False}, "picture", Mark.MISSING, ("xkb-data",), False),
        ({"sound_server": ""}, "sound", Mark.MISSING, ("pulseaudio",), True),
        ({"pads_error": "not built"}, "input", Mark.MISSING, ("gcc", "libc6-dev"), True),
        ({"port_error": "no loopback"}, "page", Mark.MISSING, (), False),
        ({"demo": ""}, "games", Mark.MISSING, ("openttd",), True),
        ({"demo_sets": {"openttd-opensfx": False}}, "games", Mark.LIMITED, ("openttd-opensfx",), True),
        ({"fonts": False}, "games", Mark.LIMITED, ("fonts-dejavu-core",), True),
    ],
)
def test_each_lack_is_found_once_with_what_mends_it(
    change: dict[str, object], area: str, mark: Mark, packages: tuple[str, ...], still_playable: bool
) -> None:
    findings = diagnose(replace(GOOD, **change))  # type: ignore[arg-type]
    [finding] = [each for each in findings if each.mark is not Mark.OK]
    assert (finding.area, finding.mark, finding.packages) == (area, mark, packages)
    assert playable(findings) is still_playable
    assert packages_to_install(findings) == list(packages)


def test_without_a_sandbox_the_first_lack_says_why() -> None:
    walls = Lack(what="put games into a sandbox", because="bubblewrap is not installed", remedy="install it")
    memory = Lack(what="limit memory", because="there is no cgroup", remedy="start Tenku as root")
    machine = replace(GOOD, bubblewrap=False, walls="", limits="", lacks=(walls, memory))
    first, second = not_ok(machine)
    assert (first.mark, first.packages) == (Mark.MISSING, ("bubblewrap",))
    assert "bubblewrap is not installed" in first.what
    assert (second.mark, second.fix) == (Mark.LIMITED, "Start Tenku as root.")


def test_a_gpu_that_cannot_be_used_is_not_called_absent() -> None:
    compositor = replace(GOOD.compositor, accelerated=False, gpu_error="no EGL")
    [finding] = not_ok(replace(GOOD, compositor=compositor))
    assert "no EGL" in finding.what


def test_the_report_is_plain_text_in_a_pipe_and_coloured_in_a_terminal() -> None:
    findings = diagnose(replace(GOOD, xwayland=""))
    plain = "\n".join(report(findings, colour=False))
    assert "\x1b" not in plain
    assert "✗ X11 games" in plain
    assert "→ Install xwayland." in plain
    assert "\x1b[31m✗\x1b[0m" in "\n".join(report(findings, colour=True))


def test_no_line_of_the_report_is_too_wide_for_a_terminal() -> None:
    findings = diagnose(replace(GOOD, compositor=Compositor(error="word " * 100)))
    lines = [*report(findings, colour=False), *verdict(False, ["package"] * 40)]
    assert max(map(len, lines)) <= 110


def test_the_verdict_names_one_command_for_all_packages() -> None:
    text = "\n".join(verdict(False, ["libgbm1", "xwayland"]))
    assert "No game can be streamed yet." in text
    assert "apt-get install --no-install-recommends libgbm1 xwayland" in text


def test_it_looks_at_this_very_machine() -> None:
    """The tests run where games can be streamed, so doctor says so; one line of JSON, whatever libraries print."""
    done = subprocess.run(
        [sys.executable, "-m", "tenku.cli.main", "doctor", "--json"], capture_output=True, text=True, check=False
    )
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["playable"]) == (0, True)
    marks = {(row["area"], row["name"]): row["mark"] for row in answer["findings"]}
    assert marks["picture", "compositor"] == marks["picture", "X11 games"] == marks["games", "demo"] == "ok"


def test_a_machine_without_programs_is_told_what_to_install() -> None:
    """The same machine with an empty PATH: programs are missing, and each has its package."""
    done = subprocess.run(
        [sys.executable, "-m", "tenku.cli.main", "doctor"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/nonexistent", "LANG": "C.UTF-8"},
    )
    assert "Install xwayland." in done.stdout
    assert "Install pulseaudio." in done.stdout
    assert "Install bubblewrap." in done.stdout
    assert done.returncode == 0


def test_what_doctor_would_install_is_what_set_up_installs() -> None:
    """Nobody should meet a lack of what `make setup` promises to bring."""
    lists = (Path(__file__).parents[1] / "tools" / "packages").glob("*.txt")
    listed = {line for path in lists for line in path.read_text(encoding="utf-8").splitlines()}
    bare = Machine(
        system="",
        compositor=Compositor(error="none"),
        missing_libraries=tuple(LIBRARIES),
        keyboard_layouts=False,
        pads_error="none",
        bubblewrap=False,
        lacks=(Lack(what="", because="", remedy=""),),
        demo_sets=dict.fromkeys(DEMO_SETS, False),
        fonts=False,
    )
    named = packages_to_install(diagnose(bare))
    assert len(named) > 10
    assert [name for name in named if name not in listed] == []
