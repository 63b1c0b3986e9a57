"""What a browser may say, and when: the order of messages on one connection."""

from tenku.base.errors import ProtocolError
from tenku.play.hands import BUTTONS, MAX_KEY, PADS
from tenku.play.protocol import (
    Ack,
    Button,
    Close,
    Hello,
    Input,
    Key,
    Message,
    Pad,
    PadGone,
    Shown,
    TypeText,
)

MAX_TYPED = 1_000
"""Characters in one `TypeText`."""
PER_SECOND = 4_000
"""Messages that a browser may send in a second; a mouse of 1000 Hz and every acknowledgement stay far below."""


class Conversation:
    """Accepts messages in the order that the protocol allows; everything else ends the connection."""

    def __init__(self) -> None:
        self._greeted = False
        self._seq = 0
        self._second = 0
        self._count = 0

    def accept(self, message: Message, *, newest_frame: int, now_us: int) -> None:
        """Check the next message. `newest_frame` is the number of the last frame that was sent.

        Raises:
            ProtocolError: it may not come now, or holds a value that cannot be.
        """
        self._limit(now_us)
        if isinstance(message, Hello) == self._greeted:
            raise _bad("Hello comes first, and once.")
        self._greeted = True
        if isinstance(message, Input):
            if message.seq <= self._seq:
                raise _bad(f"Input {message.seq} after {self._seq}: numbers rise.")
            self._seq = message.seq
            _check_input(message)
        elif isinstance(message, Ack | Shown) and message.frame > newest_frame:
            raise _bad(f"Frame {message.frame} was never sent.")

    def _limit(self, now_us: int) -> None:
        second = now_us // 1_000_000
        if second != self._second:
            self._second, self._count = second, 0
        self._count += 1
        if self._count > PER_SECOND:
            raise _bad(f"More than {PER_SECOND} messages in a second.")


def _check_input(message: Input) -> None:
    match message:
        case Key(code=code) if not 1 <= code <= MAX_KEY:
            raise _bad(f"Key {code} is none; evdev codes are 1 to {MAX_KEY}.")
        case Button(button=button) if button not in BUTTONS:
            raise _bad(f"Mouse button {button} is none.")
        case Pad(pad=pad) | PadGone(pad=pad) if pad >= PADS:
            raise _bad(f"Gamepad {pad} is none; they are 0 to {PADS - 1}.")
        case TypeText(text=text) if len(text) > MAX_TYPED:
            raise _bad(f"{len(text)} characters at once; {MAX_TYPED} are allowed.")
        case _:
            pass


def _bad(message: str) -> ProtocolError:
    return ProtocolError(message, code=Close.BAD_MESSAGE)
