"""What the players hold down: several hands on one keyboard and mouse, and whose gamepad is which.

The seat is shared, so a key that two players hold stays down until both let go.
"""

from dataclasses import dataclass

from tenku.play.model import ConnectionId

BUTTONS = {0: 272, 1: 274, 2: 273, 3: 275, 4: 276}
"""Browser's mouse button to Linux evdev code: left, middle, right, side, extra."""
MAX_KEY = 247
PADS = 4


@dataclass(frozen=True, slots=True)
class Press:
    """Press or release a key or a mouse button (evdev codes; buttons are 272 and above)."""

    code: int
    down: bool


class Hands:
    """Keys and buttons that are held, and by whom."""

    def __init__(self) -> None:
        self._held: dict[int, set[ConnectionId]] = {}

    def press(self, connection: ConnectionId, code: int, down: bool) -> list[Press]:
        """What the seat must do when a player presses or releases `code`."""
        holders = self._held.setdefault(code, set())
        before = bool(holders)
        holders.add(connection) if down else holders.discard(connection)
        if not holders:
            del self._held[code]
        return [Press(code, down)] if before != bool(holders) else []

    def release(self, connection: ConnectionId) -> list[Press]:
        """What the seat must do when a player vanishes: let go of all that only they held."""
        codes = [code for code, holders in self._held.items() if connection in holders]
        return [press for code in codes for press in self.press(connection, code, down=False)]


class PadPlaces:
    """Which of the game's four gamepads each player's gamepad is.

    A player's first pad takes the place of the slot where that is free, so that player 2 is pad 2 in the game.
    """

    def __init__(self) -> None:
        self._places: dict[int, tuple[ConnectionId, int]] = {}

    def place(self, connection: ConnectionId, pad: int, *, prefer: int) -> tuple[int, bool] | None:
        """(The game's pad 0-3, whether it is new); None where all four are taken."""
        for place, owner in self._places.items():
            if owner == (connection, pad):
                return place, False
        free = [place for place in (prefer, *range(PADS)) if place not in self._places]
        if not free:
            return None
        self._places[free[0]] = (connection, pad)
        return free[0], True

    def owner(self, place: int) -> tuple[ConnectionId, int] | None:
        """Whose pad a place is: the connection and the number that its browser gave the pad."""
        return self._places.get(place)

    def drop(self, connection: ConnectionId, pad: int | None = None) -> list[int]:
        """Unplug one pad of a player, or all of them; the places that became free."""
        free = [place for place, (who, which) in self._places.items() if who == connection and pad in (None, which)]
        for place in free:
            del self._places[place]
        return free
