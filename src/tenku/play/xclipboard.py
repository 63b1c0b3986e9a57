"""The clipboard of games on an X server: a rootful Xwayland keeps its own, apart from the compositor's.

Everything here is asynchronous down to the bytes (`xwire.py`), for the other clients of the server are the game's: one
that grabs the server, never answers or asks without end costs nobody but the game its clipboard.
"""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from tenku.base.errors import MachineError
from tenku.play import xwire
from tenku.play.xauthority import read_cookie
from tenku.play.xwire import Delivered, Message, OwnerChanged, Reply, Wanted

MOST_BYTES = 60_000
"""The longest text that passes, in UTF-8, as in the browser; a longer one stays where it is, for half is worse."""
MOST_UNSENT = 1 << 20
"""Bytes that wait for a server that does not read; what would come on top is dropped."""
PAUSE_S = 0.1
"""How often a game that copies again and again is asked what."""
START_S = 5.0
NAMES = ("CLIPBOARD", "TARGETS", "TIMESTAMP", "UTF8_STRING", "text/plain;charset=utf-8", "text/plain")
BOXES = range(9, 17)
"""Our window's properties that answers are put into, in turn, so that one that comes late does not spoil the next.

Any atoms would do; these are the cut buffers', which every server has from its start.
"""


class XClipboard:
    """Takes what X clients copy, and gives them what the player copied.

    Args:
        display: number of the X server.
        authority: the file with the server's cookie.
        on_text: told each text that a client copies, on the event loop; not what was offered here.
    """

    def __init__(self, display: int, authority: Path, *, on_text: Callable[[str], None]) -> None:
        self._display = display
        self._authority = authority
        self._on_text = on_text
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None
        self._window = 0
        self._atoms: dict[str, int] = {}
        self._owner_changed = 0
        self._offered = b""
        self._owned_since = 0
        self._changed: OwnerChanged | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._turn = 0
        self._asked: tuple[Delivered, list[int]] | None = (
            None  # the answer that is waited for, and what to ask for next
        )
        self._unread = 0

    async def start(self) -> None:
        """Connect and listen. Raises MachineError where the server does not take it."""
        try:
            async with asyncio.timeout(START_S):
                await self._connect()
        except (OSError, EOFError, xwire.Refused) as error:
            await self.close()
            raise MachineError(
                f"Copy and paste do not reach the game: X display :{self._display} refused ({error}).",
                hint="Try --display wayland.",
            ) from error
        self._listening = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """Leave the server, whether it is still there or not. A second call does nothing."""
        if self._pause is not None:
            self._pause.cancel()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
            self._listening = None
        if self._writer is not None:
            # Not close(), which waits until the server has read everything.
            self._writer.transport.abort()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
            self._writer = None

    def offer(self, text: str) -> None:
        """Let X clients paste this text. One that is too long is not offered."""
        data = text.encode(errors="replace")
        if len(data) > MOST_BYTES:
            return
        self._offered = data
        self._send(xwire.own_selection(self._window, self._atoms["CLIPBOARD"]))

    def unsent(self) -> int:
        """Bytes that wait for the server to read them."""
        return self._writer.transport.get_write_buffer_size() if self._writer else 0

    # --- the connection ---

    async def _connect(self) -> None:
        self._reader, self._writer = await asyncio.open_unix_connection(f"/tmp/.X11-unix/X{self._display}")
        self._send(xwire.hello(read_cookie(self._authority)))
        head = await self._reader.readexactly(xwire.SETUP_HEAD)
        screen = xwire.screen(head, await self._reader.readexactly(xwire.setup_rest(head)))
        xfixes = xwire.extension_in(await self._ask_server(xwire.query_extension("XFIXES")))
        if xfixes is None:
            raise xwire.Refused("it has no XFIXES")
        opcode, self._owner_changed = xfixes
        await self._ask_server(xwire.xfixes_version(opcode))
        for name in NAMES:
            self._atoms[name] = xwire.atom_in(await self._ask_server(xwire.intern_atom(name)))
        self._window = screen.first_id
        self._send(xwire.create_window(self._window, parent=screen.root))
        self._send(xwire.watch_selection(opcode, self._window, self._atoms["CLIPBOARD"]))

    def _send(self, data: bytes) -> bool:
        """Send, never wait; whether it was sent."""
        if self._writer is None or self._writer.is_closing() or self.unsent() > MOST_UNSENT:
            return False
        self._writer.write(data)
        return True

    async def _ask_server(self, request: bytes) -> Reply:
        """Only while connecting: nothing else has been asked then."""
        self._send(request)
        while not isinstance(said := await self._next(), Reply):
            pass
        return said

    async def _next(self) -> Message | None:
        head = await self._reader.readexactly(xwire.MESSAGE)
        return xwire.message(
            head, await self._reader.readexactly(xwire.rest_of(head)), owner_changed=self._owner_changed
        )

    async def _listen(self) -> None:
        # The server ends before us only where the whole session does or where it crashed, which the game tells.
        with contextlib.suppress(OSError, EOFError):
            while True:
                self._take(await self._next())
                await asyncio.sleep(0)  # A client that never stops asking takes turns with all else.

    def _take(self, said: Message | None) -> None:
        match said:
            case OwnerChanged():
                self._owner_is(said)
            case Delivered():
                self._delivered(said)
            case Reply():
                self._read(said)
            case Wanted():
                self._answer(said)

    # --- from the game ---

    def _owner_is(self, change: OwnerChanged) -> None:
        self._asked = None
        if change.owner == self._window:
            self._owned_since = change.time
            self._changed = None
            return
        self._changed = change
        if self._pause is None:
            self._pause = asyncio.get_running_loop().call_later(PAUSE_S, self._ask_owner)

    def _ask_owner(self) -> None:
        self._pause = None
        if self._changed is not None and self._changed.owner != xwire.NONE:
            targets = [self._atoms["UTF8_STRING"], self._atoms["text/plain;charset=utf-8"], xwire.STRING]
            self._ask_for(targets, time=self._changed.time)
        self._changed = None

    def _ask_for(self, targets: list[int], *, time: int) -> None:
        """Ask the owner for the first of these; for the next where it does not have that."""
        self._turn += 1
        box = BOXES[self._turn % len(BOXES)]
        self._asked = (Delivered(box, time), targets[1:])
        self._send(
            xwire.convert_selection(self._window, self._atoms["CLIPBOARD"], target=targets[0], property_=box, time=time)
        )

    def _delivered(self, answer: Delivered) -> None:
        if self._asked is None:
            return
        awaited, more = self._asked
        if answer == awaited:
            self._asked = None
            self._unread += self._send(
                xwire.get_property(self._window, answer.property, most=MOST_BYTES)
                + xwire.delete_property(self._window, answer.property)
            )
        elif answer == Delivered(xwire.NONE, awaited.time):
            self._asked = None
            if more:
                self._ask_for(more, time=answer.time)

    def _read(self, reply: Reply) -> None:
        self._unread -= 1
        if self._unread:
            return  # A newer one comes.
        type_, data, whole = xwire.property_in(reply)
        if not whole or not data:
            return
        # Any other type is INCR, the way for texts that are too long in any case, or no text.
        if type_ == xwire.STRING:
            self._tell(data.decode("latin-1"))
        elif type_ in self._text_types():
            self._tell(data.decode(errors="replace"))

    def _tell(self, text: str) -> None:
        if len(text.encode()) <= MOST_BYTES:
            self._on_text(text)

    # --- to the game ---

    def _answer(self, wanted: Wanted) -> None:
        found = self._contents(wanted.target)
        if found is None or wanted.selection != self._atoms["CLIPBOARD"]:
            self._send(xwire.tell_delivered(wanted, xwire.NONE))
            return
        type_, data = found
        box = wanted.property or wanted.target  # Old clients name no property.
        filled = xwire.change_property(wanted.requestor, box, type_=type_, data=data)
        self._send(filled + xwire.tell_delivered(wanted, box))

    def _contents(self, target: int) -> tuple[int, bytes] | None:
        """What is offered, as this target: a type and bytes."""
        if target == self._atoms["TARGETS"]:
            targets = [self._atoms["TARGETS"], self._atoms["TIMESTAMP"], *self._text_types(), xwire.STRING]
            return xwire.ATOM, xwire.words(targets)
        if target == self._atoms["TIMESTAMP"]:
            return xwire.INTEGER, xwire.words([self._owned_since])
        if target in self._text_types():
            return target, self._offered
        if target == xwire.STRING:
            return target, self._offered.decode().encode("latin-1", errors="replace")
        return None

    def _text_types(self) -> list[int]:
        """Types whose bytes are UTF-8."""
        return [self._atoms[name] for name in ("UTF8_STRING", "text/plain;charset=utf-8", "text/plain")]
