"""Everybody who is connected to a session: who comes and goes, what each is sent, what each may do."""

from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any

from tenku.base.errors import ProtocolError
from tenku.play.commands import HandOver, Mute, NewLink, Refused, Remove, Rename, Request, Stay, read_command
from tenku.play.connection import Connection
from tenku.play.delivery import KeyFrames
from tenku.play.links import Links, Place
from tenku.play.model import PLAYER_SLOTS, VIEWER, ConnectionId, CursorShape, Frame, Slot, Sound
from tenku.play.ports import Display, Transport
from tenku.play.protocol import (
    Ack,
    ClipboardFromGame,
    Close,
    Command,
    Hello,
    Input,
    KeyFrame,
    Ping,
    Pong,
    Rumble,
    Shown,
    Welcome,
    decode_from_browser,
)
from tenku.play.roster import FullError, Roster
from tenku.play.seat import Seat

NewConnection = Callable[[ConnectionId, Place, Transport], Connection]


class Audience:
    """Players and viewers of one session.

    Args:
        new_connection: makes a `Connection` with its own delivery and rate control.
        welcome: what every page is told first, besides its own role and slot.
        on_life: called when a player does something, for the idle time-out.
        now_us: microseconds of the clock that frames are stamped with.
    """

    def __init__(
        self,
        *,
        display: Display,
        seat: Seat,
        links: Links,
        roster: Roster,
        new_connection: NewConnection,
        welcome: Callable[[], dict[str, Any]],
        on_life: Callable[[], None],
        now_us: Callable[[], int],
    ) -> None:
        self.roster = roster
        self.links = links
        self._display = display
        self._seat = seat
        self._new_connection = new_connection
        self._welcome = welcome
        self._on_life = on_life
        self._now_us = now_us
        self._key_frames = KeyFrames()
        self._ids = count(1)
        self._connections: dict[ConnectionId, Connection] = {}
        self._cursor: CursorShape | None = None

    # --- coming and going ---

    def connect(self, place: Place, transport: Transport) -> Connection:
        """A browser opened its connection: it is welcomed and sent the picture at once.

        Its hello is not waited for, which would cost the first picture a round trip; the link has said who it is.

        Raises:
            ProtocolError: no more viewers fit.
        """
        connection = self._new_connection(ConnectionId(next(self._ids)), place, transport)
        try:
            replaced = self.roster.join(place.slot, connection.id, "")
        except FullError:
            raise ProtocolError("No more viewers fit.", code=Close.FULL) from None
        if replaced is not None:
            self._connections[replaced].close(Close.REPLACED, "This link was opened on another device.")
        self._connections[connection.id] = connection
        self._greet(connection)
        return connection

    def disconnect(self, connection: Connection, now: float) -> None:
        """A connection ended, whoever ended it. A second call does nothing."""
        if self._connections.pop(connection.id, None) is None:
            return
        self._seat.vanish(connection.id)
        self.roster.leave(connection.id, now)
        self.show_roster()

    def revoke(self, slot: Slot) -> None:
        """Make a new link for a place and send away who came by the old one."""
        self.links.renew(slot)
        for connection in [c for c in self._connections.values() if c.place.slot == slot]:
            connection.close(Close.UNAUTHORIZED, "This link was revoked.")

    def close(self, code: Close, reason: str) -> None:
        """End every connection."""
        for connection in list(self._connections.values()):
            connection.close(code, reason)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._connections.values()))

    def __len__(self) -> int:
        return len(self._connections)

    # --- what they are sent ---

    def frame(self, frame: Frame, now_us: int) -> None:
        """Send a frame to everybody for whom it is in time."""
        if frame.key:
            self._key_frames.came(now_us)
        for connection in self:
            drop = connection.frame(frame, now_us)
            if drop is not None and drop.invalidate is not None:
                self._display.invalidate(drop.invalidate)
            if drop is not None and drop.want_key:
                self._ask_key_frame(now_us)

    def catch_up(self, now_us: int) -> None:
        """See to it that nobody is left with an old picture when the game stands still after a dropped frame."""
        if any(connection.stale(now_us) for connection in self):
            self._ask_key_frame(now_us)

    def drop_dead(self, now_us: int) -> None:
        """End connections whose browser has not acknowledged anything for long; it may come back."""
        for connection in self:
            if connection.delivery.dead(now_us):
                connection.close(Close.SILENT, "Nothing was heard from this browser.")

    def sound(self, sound: Sound) -> None:
        """Send a packet of sound to everybody."""
        for connection in self:
            connection.sound(sound)

    def cursor(self, shape: CursorShape) -> None:
        """The game changed its cursor."""
        self._cursor = shape
        for connection in self:
            connection.cursor(shape)

    def clipboard(self, text: str) -> None:
        """The game copied text: it goes to those who play."""
        for connection in self:
            if self.roster.may_play(connection.id):
                connection.send(ClipboardFromGame(text))

    def rumble(self, pad: int, strong: int, weak: int, duration_ms: int) -> None:
        """The game shakes one of its gamepads: it goes to whose pad that is."""
        owner = self._seat.pad_owner(pad)
        connection = self._connections.get(owner[0]) if owner else None
        if owner and connection:
            connection.send(Rumble(owner[1], strong, weak, min(duration_ms, 0xFFFF)))

    def pace(self, fps: int) -> None:
        """The encoder makes so many frames a second from now on."""
        for connection in self._connections.values():
            connection.delivery.pace(fps)

    def tell(self, **about: Any) -> None:
        """Send a `State` to everybody."""
        for connection in self:
            connection.state(**about)

    def show_roster(self) -> None:
        """Send everybody the list of people, and the first player the links to hand out."""
        for connection in self:
            connection.state(roster=self.roster.listing(connection.id))
            if self.roster.leads(connection.id):
                connection.state(links=self._invitations())

    # --- what they say ---

    def receive(self, connection: Connection, data: bytes, now_us: int) -> None:
        """One message from a browser. Raises ProtocolError where it may not be; the caller closes."""
        message = decode_from_browser(data)
        connection.conversation.accept(message, newest_frame=connection.newest_frame, now_us=now_us)
        match message:
            case Input():
                self._input(connection, message, now_us)
            case Ack():
                connection.acked(message, now_us)
            case Shown():
                connection.shown(message, now_us)
            case Ping(browser_us=browser_us):
                connection.send(Pong(browser_us, now_us))
            case KeyFrame():
                # Asked for at the next frame, within what a connection may ask of the shared encoder.
                connection.delivery.key_frame_asked()
            case Hello(about=about):
                self.roster.rename(connection.id, about.get("name"))
                self.show_roster()
            case Command(about=about):
                self._command(connection, about)
            case _:
                raise AssertionError(f"No answer to {message!r}.")

    def _ask_key_frame(self, now_us: int) -> None:
        if self._key_frames.ask(now_us):
            self._display.request_key_frame()

    def _greet(self, connection: Connection) -> None:
        connection.send(
            Welcome({**self._welcome(), "role": connection.place.role.value, "slot": connection.place.slot})
        )
        if self._cursor is not None:
            connection.cursor(self._cursor)
        if connection.place.watches:
            self._ask_key_frame(self._now_us())
        else:
            # Not held back by when the last one was: a player's first picture is worth a key frame.
            self._display.request_key_frame()
            self._on_life()
        self.show_roster()

    def _input(self, connection: Connection, message: Input, now_us: int) -> None:
        person = self.roster.find(connection.id)
        if person is None or not self.roster.may_play(connection.id):
            return
        self._seat.give(connection.id, person.slot, message)
        self._on_life()
        connection.input_done(message, received_us=now_us, injected_us=self._now_us())

    def _command(self, connection: Connection, about: dict[str, Any]) -> None:
        request = read_command(about, asker=connection.id, roster=self.roster)
        if isinstance(request, Refused):
            connection.state(notice={"text": request.reason, "level": "warning"})
            return
        self._do(connection, request)
        self.show_roster()

    def _do(self, connection: Connection, request: Request) -> None:
        match request:
            case Stay():
                if self.roster.may_play(connection.id):
                    self._on_life()
            case Rename(name=name):
                self.roster.rename(connection.id, name)
            case HandOver(slot=slot):
                self.roster.hand_over(slot)
            case Mute(slot=slot, muted=muted):
                self._mute(slot, muted)
            case Remove(slot=slot):
                self._remove(slot)
            case NewLink(slot=slot):
                self.revoke(slot)

    def _mute(self, slot: Slot, muted: bool) -> None:
        self.roster.mute(slot, muted)
        for connection in self._at(slot):
            if muted:
                self._seat.vanish(connection.id)
            text = "The first player muted you: your input is ignored." if muted else "Your input counts again."
            connection.state(notice={"text": text, "level": "info"})

    def _remove(self, slot: Slot) -> None:
        """Take the place away and make its link useless, or a reload would undo it."""
        self.links.renew(slot)
        for connection in self._at(slot):
            connection.close(Close.REMOVED, "The first player removed you.")
        self.roster.remove(slot)

    def _at(self, slot: Slot) -> Iterable[Connection]:
        return [connection for connection in self._connections.values() if connection.place.slot == slot]

    def _invitations(self) -> dict[str, str]:
        """Links to hand out, as paths; the page knows its own origin."""
        names: dict[str, Slot] = {f"player{slot}": slot for slot in PLAYER_SLOTS[1:]} | {"viewer": VIEWER}
        return {name: f"/p/{self.links.token(slot)}" for name, slot in names.items()}
