"""What a machine can do for games, decided from facts about it; `probe.py` collects the facts.

A finding says one thing: ok, limited (it works, but not all of it) or missing, and what would mend it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from tenku.unit.abilities import Lack

LIBRARIES: Mapping[str, str] = {
    "libgbm.so.1": "libgbm1",
    "libpixman-1.so.0": "libpixman-1-0",
    "libxkbcommon.so.0": "libxkbcommon0",
}
"""What the compositor loads from the system, and the Debian package of each."""


class Mark(Enum):
    OK = "ok"
    LIMITED = "limited"  # it works, but not all of it
    MISSING = "missing"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that this machine can or cannot do."""

    area: str
    name: str
    mark: Mark
    what: str
    """What is there, or what follows from its lack."""
    fix: str = ""
    """What to try, as a sentence."""
    packages: tuple[str, ...] = ()
    """Debian packages that bring it."""
    needed: bool = False
    """Nothing can be streamed without it."""


@dataclass(frozen=True, kw_only=True)
class Compositor:
    """What pixelflux says about itself; `error` where it does not load."""

    version: str = ""
    error: str = ""
    software: Mapping[str, str] = field(default_factory=dict)
    """Codec to encoder."""
    hardware: Mapping[str, str] = field(default_factory=dict)
    gpu: bool = False
    """The machine shows a GPU at all."""
    accelerated: bool = False
    """Games would be drawn by it."""
    renderer: str = ""
    gpu_error: str = ""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The facts about one machine. A program's value is its version or path, and empty where it is missing."""

    system: str
    compositor: Compositor
    missing_libraries: tuple[str, ...] = ()
    keyboard_layouts: bool = True
    xwayland: str = ""
    sound_server: str = ""
    sound_encoder: str = ""
    sound_error: str = ""
    pads: str = ""
    """How gamepads come to the game."""
    pads_error: str = ""
    bubblewrap: bool = True
    walls: str = ""
    """What the sandbox is made of; empty where there is none."""
    limits: str = ""
    """Which limits hold, and by what."""
    lacks: tuple[Lack, ...] = ()
    """What the sandbox and its limits cannot do here; where there is no sandbox, that comes first."""
    port_error: str = ""
    certificates: bool = True
    demo: str = ""
    demo_sets: Mapping[str, bool] = field(default_factory=dict)
    """Debian package of the demo's graphics, sounds, music, instruments: whether it is there."""
    fonts: bool = True


def diagnose(machine: Machine) -> list[Finding]:
    """Everything there is to say about a machine, in the order that a person would ask."""
    return [finding for part in PARTS for finding in part(machine)]


def playable(findings: list[Finding]) -> bool:
    """Whether a game can be streamed."""
    return not any(finding.needed and finding.mark is Mark.MISSING for finding in findings)


def packages_to_install(findings: list[Finding]) -> list[str]:
    """The Debian packages that would mend what is not ok, each once."""
    return list(dict.fromkeys(name for each in findings if each.mark is not Mark.OK for name in each.packages))


def _picture(machine: Machine) -> Iterator[Finding]:
    compositor = machine.compositor
    if compositor.error or machine.missing_libraries:
        lacking = f"{', '.join(machine.missing_libraries)} not found" if machine.missing_libraries else compositor.error
        packages = tuple(LIBRARIES[name] for name in machine.missing_libraries)
        yield _missing("picture", "compositor", f"pixelflux does not load: {lacking}", packages, needed=True)
    else:
        yield _ok("picture", "compositor", f"pixelflux {compositor.version}")
        yield _encoder(compositor)
        yield _graphics(compositor)
    if machine.xwayland:
        yield _ok("picture", "X11 games", f"Xwayland {machine.xwayland}")
    else:
        yield _missing("picture", "X11 games", "only games that speak Wayland run", ("xwayland",))
    if not machine.keyboard_layouts:
        yield _missing(
            "picture", "keyboard", "no keyboard layouts, so no key reaches a game", ("xkb-data",), needed=True
        )


def _encoder(compositor: Compositor) -> Finding:
    if compositor.hardware:
        return _ok("picture", "encoder", f"{_encoders(compositor.hardware)}, on the GPU")
    if compositor.software:
        return _ok("picture", "encoder", f"{_encoders(compositor.software)}, on the processor")
    return _missing("picture", "encoder", "pixelflux reports no encoder", (), needed=True)


def _encoders(by_codec: Mapping[str, str]) -> str:
    return ", ".join(f"{codec} ({encoder})" for codec, encoder in by_codec.items())


def _graphics(compositor: Compositor) -> Finding:
    if compositor.accelerated:
        return _ok("picture", "graphics", f"{compositor.renderer}; games are drawn by the GPU")
    what = "no GPU: games are drawn by the processor"
    if not compositor.gpu:
        return Finding(area="picture", name="graphics", mark=Mark.LIMITED, what=what)
    return Finding(
        area="picture",
        name="graphics",
        mark=Mark.LIMITED,
        what=f"there is a GPU that cannot be used: {compositor.gpu_error}",
        fix="Check its driver; a container has to be given /dev/dri.",
        packages=("libegl1", "libgl1-mesa-dri", "libva-drm2"),
    )


def _sound(machine: Machine) -> Iterator[Finding]:
    if machine.sound_server:
        yield _ok("sound", "server", machine.sound_server)
    else:
        yield _missing("sound", "server", "games are silent", ("pulseaudio",))
    if machine.sound_error:
        yield _missing("sound", "encoder", f"pcmflux does not load: {machine.sound_error}", ("pulseaudio",))
    else:
        yield _ok("sound", "encoder", f"pcmflux {machine.sound_encoder}, Opus")


def _input(machine: Machine) -> Iterator[Finding]:
    if machine.pads_error:
        yield _missing("input", "gamepads", machine.pads_error, ("gcc", "libc6-dev"), fix="Then install Tenku again.")
    else:
        yield _ok("input", "gamepads", machine.pads)


def _sandbox(machine: Machine) -> Iterator[Finding]:
    lacks = list(machine.lacks)
    if machine.walls:
        yield _ok("sandbox", "walls", machine.walls)
    elif lacks:
        lack = lacks.pop(0)  # the sandbox itself comes first
        packages = () if machine.bubblewrap else ("bubblewrap",)
        yield _missing("sandbox", "walls", f"no sandbox, because {lack.because}", packages, fix=_sentence(lack.remedy))
    if machine.limits:
        yield _ok("sandbox", "limits", machine.limits)
    for lack in lacks:
        yield Finding(
            area="sandbox",
            name="limits",
            mark=Mark.LIMITED,
            what=f"cannot {lack.what}: {lack.because}",
            fix=_sentence(lack.remedy),
        )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _page(machine: Machine) -> Iterator[Finding]:
    if machine.port_error:
        yield _missing("page", "port", f"no port on 127.0.0.1: {machine.port_error}", (), needed=True)
    else:
        yield _ok("page", "port", "any free one on 127.0.0.1, where browsers allow WebCodecs")
    if machine.certificates:
        yield _ok("page", "TLS", "--tls makes a certificate, as other devices need it for WebCodecs")
    else:
        yield _missing("page", "TLS", "--tls cannot make a certificate", (), fix="Run `make setup` again.")


def _demo(machine: Machine) -> Iterator[Finding]:
    lacking = tuple(name for name, there in machine.demo_sets.items() if not there)
    if not machine.demo:
        yield _missing("games", "demo", "`tenku play` alone has nothing to start", ("openttd", *lacking))
    elif lacking:
        what = f"OpenTTD {machine.demo}, without {', '.join(lacking)}"
        yield Finding(area="games", name="demo", mark=Mark.LIMITED, what=what, packages=lacking)
    else:
        yield _ok("games", "demo", f"OpenTTD {machine.demo}, with sound and music")
    if machine.fonts:
        yield _ok("games", "fonts", "found")
    else:
        what = "none: games that bring no letters of their own show none"
        yield Finding(area="games", name="fonts", mark=Mark.LIMITED, what=what, packages=("fonts-dejavu-core",))


PARTS: tuple[Callable[[Machine], Iterator[Finding]], ...] = (_picture, _sound, _input, _sandbox, _page, _demo)


def _ok(area: str, name: str, what: str) -> Finding:
    return Finding(area=area, name=name, mark=Mark.OK, what=what)


def _missing(
    area: str, name: str, what: str, packages: tuple[str, ...], *, fix: str = "", needed: bool = False
) -> Finding:
    return Finding(area=area, name=name, mark=Mark.MISSING, what=what, fix=fix, packages=packages, needed=needed)
