"""The game's one keyboard, mouse and four gamepads, and the players whose input goes into them."""

from collections.abc import Callable

from tenku.play.hands import BUTTONS, Hands, PadPlaces, Press
from tenku.play.model import ConnectionId, Size, Slot
from tenku.play.ports import Display, Pads
from tenku.play.protocol import (
    Button,
    ClipboardFromBrowser,
    Input,
    Key,
    Pad,
    PadGone,
    PointerAt,
    PointerBy,
    ReleaseAll,
    TypeText,
    Wheel,
)

FIRST_BUTTON = 272
NOTCH = 120.0
FULL_SCALE = 65535.0


class Seat:
    """Gives players' input to the game, and lets go of what they held when they vanish.

    Args:
        size: the game's own size in pixels.
        offer_clipboard: lets the game paste a text.
    """

    def __init__(self, display: Display, pads: Pads, *, size: Size, offer_clipboard: Callable[[str], None]) -> None:
        self._display = display
        self._pads = pads
        self._size = size
        self._offer_clipboard = offer_clipboard
        self._hands = Hands()
        self._pad_places = PadPlaces()

    def give(self, connection: ConnectionId, slot: Slot, message: Input) -> None:
        """Do to the game what a player did in the browser."""
        match message:
            case Key(code=code, down=down):
                self._press(self._hands.press(connection, code, bool(down)))
            case PointerAt(x=x, y=y):
                self._display.pointer_at(*self._place(x, y))
            case PointerBy(dx=dx, dy=dy):
                self._display.pointer_by(dx, dy)
            case Button(button=button, down=down):
                self._press(self._hands.press(connection, BUTTONS[button], bool(down)))
            case Wheel(dx=dx, dy=dy):
                self._display.wheel(dx / NOTCH, dy / NOTCH)
            case Pad():
                self._pad(connection, slot, message)
            case PadGone(pad=pad):
                self._unplug(self._pad_places.drop(connection, pad))
            case TypeText(text=text):
                self._display.type_text(text)
            case ClipboardFromBrowser(text=text):
                self._offer_clipboard(text)
            case ReleaseAll():
                self.let_go(connection)
            case _:
                raise AssertionError(f"No way to give {message!r} to the game.")

    def let_go(self, connection: ConnectionId) -> None:
        """Release every key and button that only this player holds."""
        self._press(self._hands.release(connection))

    def vanish(self, connection: ConnectionId) -> None:
        """A player is gone: let go of everything and unplug their gamepads."""
        self.let_go(connection)
        self._unplug(self._pad_places.drop(connection))

    def pad_owner(self, place: int) -> tuple[ConnectionId, int] | None:
        """Whose gamepad the game's pad 0-3 is."""
        return self._pad_places.owner(place)

    def _place(self, x: int, y: int) -> tuple[float, float]:
        """From 0..65535 to pixels; the far edge is the last pixel, not the one behind it."""
        return x / FULL_SCALE * (self._size.width - 1), y / FULL_SCALE * (self._size.height - 1)

    def _press(self, presses: list[Press]) -> None:
        for press in presses:
            if press.code >= FIRST_BUTTON:
                self._display.button(press.code, press.down)
            else:
                self._display.key(press.code, press.down)

    def _pad(self, connection: ConnectionId, slot: Slot, state: Pad) -> None:
        found = self._pad_places.place(connection, state.pad, prefer=slot - 1)
        if found is None:
            return
        place, new = found
        if new:
            self._pads.plug(place, f"Player {slot} pad")
        axes = (state.left_x, state.left_y, state.right_x, state.right_y)
        self._pads.set(place, state.buttons, axes, (state.left_trigger, state.right_trigger))

    def _unplug(self, places: list[int]) -> None:
        for place in places:
            self._pads.unplug(place)
