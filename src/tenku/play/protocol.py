"""The bytes between a session and a browser, defined once.

A message is `version, type, fields…, payload`: one version byte, one type byte, the fields in the order of the
class below, little-endian and without padding, and for some messages a payload that takes the rest. The classes
are the definition: the codec, the fuzzer, `docs/protocol.md` and the page's `protocol.js` all follow from them.

Times are microseconds of the server's monotonic clock; the browser learns the offset from `Ping` and `Pong`.
This file knows bytes only: what a message may do, and when, is decided in `conversation.py`.
"""

import dataclasses
import json
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args, get_type_hints

from tenku.base.errors import ProtocolError

VERSION = 1
MAX_FROM_BROWSER = 65_536
"""The longest message that a browser may send, in bytes; clipboard text is the longest."""
MAX_JSON = 4_096
"""The longest JSON payload that a browser may send, in bytes."""


class Close(IntEnum):
    """Why the server closed a connection, as the WebSocket close code."""

    OVER = 4000
    """The session has ended."""
    BAD_MESSAGE = 4400
    """A message could not be read, or came out of order."""
    UNAUTHORIZED = 4401
    """The link is wrong or was revoked."""
    REMOVED = 4403
    """The first player removed this player."""
    REPLACED = 4409
    """The same link was opened on another device; the newest one plays."""
    SILENT = 4408
    """The browser acknowledged nothing for ten seconds; it may connect again."""
    FULL = 4429
    """No more viewers are let in."""
    BAD_VERSION = 4426
    """The page speaks another version of the protocol: reload it."""


@dataclass(frozen=True)
class Wire:
    """How one field is written: a `struct` code, or the kind of payload that takes the rest."""

    kind: Literal["B", "H", "h", "I", "Q", "text", "json", "bytes"]


U8 = Annotated[int, Wire("B")]
U16 = Annotated[int, Wire("H")]
I16 = Annotated[int, Wire("h")]
U32 = Annotated[int, Wire("I")]
U64 = Annotated[int, Wire("Q")]
Text = Annotated[str, Wire("text")]
Json = Annotated[dict[str, Any], Wire("json")]
Payload = Annotated[bytes | memoryview, Wire("bytes")]


@dataclass(frozen=True, slots=True)
class Message:
    """Base of every message; `TYPE` is its second byte. Below 0x80 the server speaks, from 0x80 the browser."""

    TYPE: ClassVar[int] = 0


# --- the server speaks ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Welcome(Message):
    """First message of a connection: who you are and what will come."""

    TYPE: ClassVar[int] = 0x01
    about: Json
    """`session`, `game`, `role` (player, viewer), `slot` (1-4, 0 for a viewer), `width`, `height`, `fps`,
    `codec` (a WebCodecs codec string), `sound` (true, or false with `sound_reason`), `reconnect_s`, `idle_s`."""


@dataclass(frozen=True, slots=True)
class Video(Message):
    """One encoded picture, complete: an Annex-B access unit for H.264."""

    TYPE: ClassVar[int] = 0x02
    flags: U8
    """Bit 0: key frame."""
    frame: U32
    """Rising number of the frame; numbers are missing where the server dropped a frame."""
    width: U16
    height: U16
    """Size of this picture in pixels. The game's own size is in `Welcome`; a smaller picture is scaled up."""
    input_seq: U32
    """The newest input of this player that the game had been given when the picture was captured; 0 for none."""
    capture_us: U64
    """When the compositor began to take the picture."""
    encode_start_us: U32
    """When encoding began, counted from `capture_us`; the next two likewise."""
    encode_end_us: U32
    send_us: U32
    data: Payload


@dataclass(frozen=True, slots=True)
class Audio(Message):
    """One Opus packet of 10 ms, 48 kHz stereo. Silence is not sent."""

    TYPE: ClassVar[int] = 0x03
    capture_us: U64
    """When the first sample of the packet was played by the game; the clock of `Video.capture_us`."""
    data: Payload


@dataclass(frozen=True, slots=True)
class Cursor(Message):
    """The game changed its cursor; the browser draws it."""

    TYPE: ClassVar[int] = 0x04
    kind: U8
    """0: hidden. 1: the PNG in `data`. 2: the browser's default arrow."""
    hot_x: U16
    hot_y: U16
    data: Payload


@dataclass(frozen=True, slots=True)
class ClipboardFromGame(Message):
    """The game copied text."""

    TYPE: ClassVar[int] = 0x05
    text: Text


@dataclass(frozen=True, slots=True)
class Rumble(Message):
    """The game shakes one of this player's gamepads."""

    TYPE: ClassVar[int] = 0x06
    pad: U8
    """Index that this player's browser gave the pad."""
    strong: U16
    weak: U16
    """0 to 65535, the slow heavy motor and the quick light one; both 0 stop it."""
    duration_ms: U16


@dataclass(frozen=True, slots=True)
class State(Message):
    """Something that the page shows changed."""

    TYPE: ClassVar[int] = 0x07
    about: Json
    """One key says what: `roster` (list of people: `slot`, `role`, `name`, `here`, `muted`, `host`, `you`),
    `links` (for the host: `player2`…`player4`, `viewer`), `quality` (`bitrate_kbps`, `fps`, `width`, `height`),
    `notice` (`text`, `level`: info, warning), `idle` (`ends_in_s`, or null when the warning is over), `ended`
    (`code`, `reason`, `lines`)."""


@dataclass(frozen=True, slots=True)
class Pong(Message):
    """Answer to `Ping`, for the round trip and the clocks' offset."""

    TYPE: ClassVar[int] = 0x08
    browser_us: U64
    server_us: U64


@dataclass(frozen=True, slots=True)
class InputAck(Message):
    """An input reached the game."""

    TYPE: ClassVar[int] = 0x09
    seq: U32
    received_us: U64
    injected_us: U64


# --- the browser speaks --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hello(Message):
    """First message of a connection; anything before it closes the connection."""

    TYPE: ClassVar[int] = 0x81
    about: Json
    """`name` (shown to the others, at most 32 characters), `codecs` (list of names that the browser decodes)."""


@dataclass(frozen=True, slots=True)
class Ack(Message):
    """A frame arrived. Sent at once for every frame: the rate control lives on it."""

    TYPE: ClassVar[int] = 0x82
    frame: U32
    queue: U8
    """How many frames wait in the browser's decoder; 255 for that many and more."""


@dataclass(frozen=True, slots=True)
class Shown(Message):
    """A frame was drawn; closes that frame's row of measurements."""

    TYPE: ClassVar[int] = 0x83
    frame: U32
    received_us: U64
    """Server's clock, by the browser's estimate of the offset."""
    decoded_us: U32
    """Counted from `received_us`; the next likewise."""
    shown_us: U32
    skew_ms: I16
    """How far the sound that is heard now runs behind this picture (ahead: negative); -32768 while no sound plays."""


@dataclass(frozen=True, slots=True)
class Input(Message):
    """Base of what a player does. `seq` rises by one or more from input to input; 0 is not used."""

    seq: U32
    time_us: U64
    """When the browser saw it; server's clock, by the browser's estimate."""


@dataclass(frozen=True, slots=True)
class Key(Input):
    """A key by its physical place, whatever is printed on it."""

    TYPE: ClassVar[int] = 0x84
    code: U16
    """Linux evdev code, 1 to 247."""
    down: U8


@dataclass(frozen=True, slots=True)
class PointerAt(Input):
    """The mouse is here."""

    TYPE: ClassVar[int] = 0x85
    x: U16
    y: U16
    """0 is the left or top edge of the game, 65535 the right or bottom one."""


@dataclass(frozen=True, slots=True)
class PointerBy(Input):
    """The mouse moved while it was locked."""

    TYPE: ClassVar[int] = 0x86
    dx: I16
    dy: I16
    """Pixels of the game."""


@dataclass(frozen=True, slots=True)
class Button(Input):
    """A mouse button."""

    TYPE: ClassVar[int] = 0x87
    button: U8
    """0 left, 1 middle, 2 right, 3 back, 4 forward, as in the browser."""
    down: U8


@dataclass(frozen=True, slots=True)
class Wheel(Input):
    """The wheel turned."""

    TYPE: ClassVar[int] = 0x88
    dx: I16
    dy: I16
    """In 1/120 of a notch; down and right are positive."""


@dataclass(frozen=True, slots=True)
class Pad(Input):
    """The whole state of one gamepad, W3C standard mapping. The first one plugs the pad in."""

    TYPE: ClassVar[int] = 0x89
    pad: U8
    """0 to 3, as this browser counts."""
    buttons: U32
    """Bit n is button n of the standard mapping, 0 to 16."""
    left_x: I16
    left_y: I16
    right_x: I16
    right_y: I16
    """-32767 to 32767; down and right are positive."""
    left_trigger: U8
    right_trigger: U8


@dataclass(frozen=True, slots=True)
class PadGone(Input):
    """A gamepad was unplugged."""

    TYPE: ClassVar[int] = 0x8A
    pad: U8


@dataclass(frozen=True, slots=True)
class TypeText(Input):
    """Text that no single key makes: from an input method, or a phone's keyboard. At most 1,000 characters."""

    TYPE: ClassVar[int] = 0x8B
    text: Text


@dataclass(frozen=True, slots=True)
class ReleaseAll(Input):
    """The page lost focus: let go of every key and button."""

    TYPE: ClassVar[int] = 0x8C


@dataclass(frozen=True, slots=True)
class ClipboardFromBrowser(Input):
    """The player's clipboard, for the game to paste."""

    TYPE: ClassVar[int] = 0x8D
    text: Text


@dataclass(frozen=True, slots=True)
class KeyFrame(Message):
    """The browser's decoder fell behind or failed: begin anew with a key frame."""

    TYPE: ClassVar[int] = 0x8E


@dataclass(frozen=True, slots=True)
class Command(Message):
    """The player asks something of the session."""

    TYPE: ClassVar[int] = 0x8F
    about: Json
    """`do`: `stay` (answers the idle warning), `rename` (`name`); for the first player also `hand_over`, `mute`,
    `unmute`, `remove` (each with `slot`) and `new_link` (`slot`; 0 is the viewers' link)."""


@dataclass(frozen=True, slots=True)
class Ping(Message):
    """Asks for the time."""

    TYPE: ClassVar[int] = 0x90
    browser_us: U64


FROM_SERVER: tuple[type[Message], ...] = (
    Welcome,
    Video,
    Audio,
    Cursor,
    ClipboardFromGame,
    Rumble,
    State,
    Pong,
    InputAck,
)
FROM_BROWSER: tuple[type[Message], ...] = (
    Hello,
    Ack,
    Shown,
    Key,
    PointerAt,
    PointerBy,
    Button,
    Wheel,
    Pad,
    PadGone,
    TypeText,
    ReleaseAll,
    ClipboardFromBrowser,
    KeyFrame,
    Command,
    Ping,
)

M = TypeVar("M", bound=Message)


@dataclass(frozen=True)
class Layout:
    """How one message class lies in bytes."""

    message: type[Message]
    names: tuple[str, ...]
    header: struct.Struct
    payload: str | None
    """Kind of the last field, where it takes the rest."""


def layout(message: type[Message]) -> Layout:
    """The layout of a message class, read from its fields' annotations."""
    hints = get_type_hints(message, include_extras=True)
    names = tuple(field.name for field in dataclasses.fields(message))
    kinds = [get_args(hints[name])[1].kind for name in names]
    fixed = [kind for kind in kinds if len(kind) == 1]
    payload = kinds[-1] if len(fixed) < len(kinds) else None
    return Layout(message, names, struct.Struct("<BB" + "".join(fixed)), payload)


LAYOUTS: dict[int, Layout] = {message.TYPE: layout(message) for message in FROM_SERVER + FROM_BROWSER}


def encode(message: Message) -> bytes:
    """The bytes of a message."""
    shape = LAYOUTS[message.TYPE]
    values = [getattr(message, name) for name in shape.names]
    payload = _payload_bytes(shape.payload, values.pop()) if shape.payload else b""
    return b"".join((shape.header.pack(VERSION, message.TYPE, *values), payload))


def decode_from_browser(data: bytes) -> Message:
    """The message that a browser sent.

    Raises:
        ProtocolError: it is none: wrong version, unknown type, wrong length, text that is not UTF-8, too long.
    """
    if len(data) > MAX_FROM_BROWSER:
        raise ProtocolError(f"A message of {len(data)} bytes; {MAX_FROM_BROWSER} are allowed.", code=Close.BAD_MESSAGE)
    if len(data) < 2 or data[1] < 0x80:
        raise ProtocolError("That is no message of a browser.", code=Close.BAD_MESSAGE)
    return decode(data)


def decode(data: bytes) -> Message:
    """The message in `data`, whoever sent it. Raises ProtocolError as `decode_from_browser` does."""
    if len(data) < 2:
        raise ProtocolError("A message has at least a version and a type byte.", code=Close.BAD_MESSAGE)
    if data[0] != VERSION:
        raise ProtocolError(f"Version {data[0]}; this server speaks {VERSION}.", code=Close.BAD_VERSION)
    shape = LAYOUTS.get(data[1])
    if shape is None:
        raise ProtocolError(f"No message has type {data[1]:#04x}.", code=Close.BAD_MESSAGE)
    size = shape.header.size
    if len(data) < size or (len(data) > size and shape.payload is None):
        raise ProtocolError(f"{shape.message.__name__} has {size} bytes, not {len(data)}.", code=Close.BAD_MESSAGE)
    values: list[object] = list(shape.header.unpack_from(data))[2:]
    if shape.payload is not None:
        values.append(_payload_value(shape, data[size:]))
    return shape.message(*values)


def _payload_bytes(kind: str, value: Any) -> bytes | memoryview:
    if kind == "text":
        return str(value).encode()
    if kind == "json":
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    payload: bytes | memoryview = value
    return payload


def _payload_value(shape: Layout, data: bytes) -> object:
    if shape.payload == "bytes":
        return data
    try:
        text = data.decode()
        if shape.payload == "text":
            return text
        value = json.loads(text) if len(data) <= MAX_JSON or shape.message.TYPE < 0x80 else None
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"{shape.message.__name__} holds no {shape.payload}.", code=Close.BAD_MESSAGE) from error
    if not isinstance(value, dict):
        raise ProtocolError(
            f"{shape.message.__name__} holds a JSON object of at most {MAX_JSON} bytes.", code=Close.BAD_MESSAGE
        )
    return value
