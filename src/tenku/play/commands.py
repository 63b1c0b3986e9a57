"""What people may ask of the session: stay, rename, and for the first player to lead the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tenku.play.model import PLAYER_SLOTS, VIEWER, ConnectionId, Slot
from tenku.play.roster import Roster


@dataclass(frozen=True, slots=True)
class Rename:
    name: str


@dataclass(frozen=True, slots=True)
class HandOver:
    slot: Slot


@dataclass(frozen=True, slots=True)
class Mute:
    slot: Slot
    muted: bool


@dataclass(frozen=True, slots=True)
class Remove:
    slot: Slot


@dataclass(frozen=True, slots=True)
class NewLink:
    slot: Slot


@dataclass(frozen=True, slots=True)
class Stay:
    """Somebody is still here."""


Request = Rename | HandOver | Mute | Remove | NewLink | Stay


@dataclass(frozen=True, slots=True)
class Refused:
    """The session does not do it; `reason` is shown to who asked."""

    reason: str


def read_command(about: Mapping[str, Any], *, asker: ConnectionId, roster: Roster) -> Request | Refused:
    """What a `Command` message asks for, if the asker may ask for it."""
    match about:
        case {"do": "stay"}:
            return Stay()
        case {"do": "rename", "name": str(name)}:
            return Rename(name)
        case {"do": str(verb), "slot": int(number)} if verb in LEAD and number in (*PLAYER_SLOTS, VIEWER):
            return _lead(verb, Slot(number), asker=asker, roster=roster)
        case _:
            return Refused("This server does not know that request.")


LEAD = ("hand_over", "mute", "unmute", "remove", "new_link")


def _lead(verb: str, slot: Slot, *, asker: ConnectionId, roster: Roster) -> Request | Refused:
    if not roster.leads(asker):
        return Refused("Only the first player can do that.")
    if verb == "new_link":
        return NewLink(slot)
    if slot == VIEWER:
        return Refused("Viewers have no slot of their own; a new viewers' link sends them all away.")
    if slot == roster.lead:
        return Refused("That would be you.")
    match verb:
        case "hand_over":
            return HandOver(slot)
        case "remove":
            return Remove(slot)
        case _:
            return Mute(slot, muted=verb == "mute")
