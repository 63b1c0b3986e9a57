"""Who is in a session: four player slots and viewers, who leads, who is muted, who may come back."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from tenku.play.model import PLAYER_SLOTS, VIEWER, ConnectionId, Role, Slot

NAME_LENGTH = 32


class FullError(Exception):
    """No more viewers are let in."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a place in the session; `connection` is None while they are away."""

    slot: Slot
    name: str
    connection: ConnectionId | None
    muted: bool = False
    left_at: float = 0.0

    @property
    def role(self) -> Role:
        """Player or viewer."""
        return Role.VIEWER if self.slot == VIEWER else Role.PLAYER

    @property
    def here(self) -> bool:
        """Whether they are connected now."""
        return self.connection is not None


class Roster:
    """Places and people. Times are seconds of any clock that only rises.

    Args:
        reconnect_s: how long a player who left keeps name, muting and lead.
        max_viewers: how many viewers are let in at once.
    """

    def __init__(self, *, reconnect_s: float, max_viewers: int) -> None:
        self._reconnect_s = reconnect_s
        self._max_viewers = max_viewers
        self._players: dict[Slot, Person] = {}
        self._viewers: dict[ConnectionId, Person] = {}
        self.lead = PLAYER_SLOTS[0]
        """Slot of the first player, who may hand over, mute and remove."""

    def join(self, slot: Slot, connection: ConnectionId, name: str) -> ConnectionId | None:
        """Take a place; the connection that held it until now, if any. Raises FullError."""
        if slot == VIEWER:
            if len(self._viewers) >= self._max_viewers:
                raise FullError
            self._viewers[connection] = Person(slot, clean_name(name) or "Viewer", connection)
            return None
        before = self._players.get(slot)
        name = clean_name(name) or (before.name if before else f"Player {slot}")
        self._players[slot] = Person(slot, name, connection, muted=bool(before and before.muted))
        return before.connection if before else None

    def leave(self, connection: ConnectionId, now: float) -> None:
        """A connection ended; its player's place is kept for a while."""
        self._viewers.pop(connection, None)
        person = self.find(connection)
        if person is not None:
            self._players[person.slot] = replace(person, connection=None, left_at=now)

    def expire(self, now: float) -> bool:
        """Forget players who stayed away too long, and pass on the lead; whether anything changed."""
        gone = [p.slot for p in self._players.values() if not p.here and now - p.left_at >= self._reconnect_s]
        for slot in gone:
            del self._players[slot]
        if self.lead in gone and self._players:
            self.lead = min(self._players)
            return True
        return bool(gone)

    def remove(self, slot: Slot) -> ConnectionId | None:
        """Take a player's place away; the connection that is to be closed."""
        person = self._players.pop(slot, None)
        return person.connection if person else None

    def hand_over(self, slot: Slot) -> bool:
        """Make another player the first; False where nobody is there."""
        if slot in self._players:
            self.lead = slot
            return True
        return False

    def mute(self, slot: Slot, muted: bool) -> bool:
        """Ignore a player's input, or heed it again; False where nobody is there."""
        person = self._players.get(slot)
        if person is None:
            return False
        self._players[slot] = replace(person, muted=muted)
        return True

    def rename(self, connection: ConnectionId, name: object) -> None:
        """Change the name that the others see."""
        clean = clean_name(name)
        person = self.find(connection)
        if person is None or not clean:
            return
        if person.slot == VIEWER:
            self._viewers[connection] = replace(person, name=clean)
        else:
            self._players[person.slot] = replace(person, name=clean)

    def find(self, connection: ConnectionId) -> Person | None:
        """Who speaks on this connection."""
        return next((person for person in self.people() if person.connection == connection), None)

    def may_play(self, connection: ConnectionId) -> bool:
        """Whether input on this connection reaches the game."""
        person = self.find(connection)
        return person is not None and person.role is Role.PLAYER and not person.muted

    def leads(self, connection: ConnectionId) -> bool:
        """Whether this connection is the first player's."""
        person = self._players.get(self.lead)
        return person is not None and person.connection == connection

    def people(self) -> Iterator[Person]:
        """Players by slot, then viewers in the order they came."""
        yield from (self._players[slot] for slot in sorted(self._players))
        yield from self._viewers.values()

    def anybody_playing(self) -> bool:
        """Whether a player is connected."""
        return any(person.here for person in self._players.values())

    def listing(self, for_connection: ConnectionId) -> list[dict[str, Any]]:
        """The roster as the page of one of them shows it."""
        return [
            {
                "slot": person.slot,
                "role": person.role.value,
                "name": person.name,
                "here": person.here,
                "muted": person.muted,
                "host": person.slot == self.lead,
                "you": person.connection == for_connection,
            }
            for person in self.people()
        ]


def clean_name(name: object) -> str:
    """A name that can be shown: printable, single spaces, not too long; empty where nothing is left."""
    if not isinstance(name, str):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())[:NAME_LENGTH]
