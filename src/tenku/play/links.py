"""The links of a session: who holds one may take that place."""

import hmac
import secrets
from dataclasses import dataclass

from tenku.play.model import PLAYER_SLOTS, VIEWER, Role, Slot

TOKEN_BYTES = 18
"""144 random bits: not to be guessed, and short enough for a QR code in a terminal."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a link is good for."""

    slot: Slot

    @property
    def watches(self) -> bool:
        """Whether this is the viewers' place."""
        return self.role is Role.VIEWER

    @property
    def role(self) -> Role:
        """Player or viewer."""
        return Role.VIEWER if self.slot == VIEWER else Role.PLAYER


class Links:
    """One secret token for each player slot and one for all viewers; each can be replaced."""

    def __init__(self) -> None:
        self._tokens = {slot: secrets.token_urlsafe(TOKEN_BYTES) for slot in (*PLAYER_SLOTS, VIEWER)}

    def __repr__(self) -> str:
        return "Links(…)"

    def token(self, slot: Slot) -> str:
        """The token that is good for this place now."""
        return self._tokens[slot]

    def renew(self, slot: Slot) -> str:
        """Revoke the link to this place; the new token."""
        self._tokens[slot] = secrets.token_urlsafe(TOKEN_BYTES)
        return self._tokens[slot]

    def place(self, token: str) -> Place | None:
        """The place that a token is good for, None for none. Takes equally long whatever the token is."""
        found = None
        for slot, known in self._tokens.items():
            if hmac.compare_digest(known.encode(), token.encode(errors="replace")):
                found = Place(slot)
        return found
