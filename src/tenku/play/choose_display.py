"""Which display a game gets: the Wayland compositor itself, or an X server inside it."""

from dataclasses import dataclass

from tenku.base.errors import MachineError
from tenku.play.settings import DisplayKind

INSTALL = "Install Debian's package xwayland."


@dataclass(frozen=True, slots=True)
class DisplayChoice:
    """The display, and the reason in words."""

    kind: DisplayKind
    why: str


def choose_display(asked: DisplayKind, game: str, *, has_xwayland: bool) -> DisplayChoice:
    """Decide between Wayland and X11.

    Args:
        asked: what `--display` says.
        game: what the game's tenku.toml says: auto, wayland or x11.

    Raises:
        MachineError: X11 is asked for, and there is no Xwayland.
    """
    if asked is not DisplayKind.AUTO:
        return _checked(DisplayChoice(asked, "--display says so"), has_xwayland)
    if game != "auto":
        return _checked(DisplayChoice(DisplayKind(game), "the game asks for it"), has_xwayland)
    if has_xwayland:
        # Nearly every Linux game runs on X11; many toolkits want a GPU before they run on Wayland.
        why = "every Linux game runs on it; try --display wayland for one copy of the picture less"
        return DisplayChoice(DisplayKind.X11, why)
    return DisplayChoice(DisplayKind.WAYLAND, f"there is no Xwayland for X11 games; {INSTALL[0].lower()}{INSTALL[1:]}")


def _checked(choice: DisplayChoice, has_xwayland: bool) -> DisplayChoice:
    if choice.kind is DisplayKind.X11 and not has_xwayland:
        raise MachineError("There is no Xwayland on this machine, which X11 games need.", hint=INSTALL)
    return choice
