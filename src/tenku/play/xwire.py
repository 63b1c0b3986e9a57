"""The X11 protocol, as little of it as a clipboard takes: requests become bytes, bytes become messages.

Written out rather than borrowed: xcffib and python-xlib wait for an answer until the X server gives one, and a game may
grab the server for as long as it likes, which would hold up the whole session. Besides, xcffib comes without a wheel
and python-xlib has had no release since 2022. Source: the X Window System Protocol, version 11, and XFIXES 1.0.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from tenku.play.xauthority import NAME

NONE, CURRENT_TIME = 0, 0
ATOM, INTEGER, STRING = 4, 19, 31
"""Atoms that every server has from its start."""
SETUP_HEAD = 8
MESSAGE = 32
"""Bytes of every event and error, and of a reply's first part."""

_REPLY, _GENERIC = 1, 35
_SELECTION_REQUEST, _SELECTION_NOTIFY = 30, 31
_SENT = 0x80
"""Set where a client made the event up with SendEvent."""
_INPUT_ONLY = 2
_OWNER_SET = 1


class Refused(Exception):  # noqa: N818 - the server's word for it
    """The server does not let us in; the text is its own reason."""


@dataclass(frozen=True, slots=True)
class Screen:
    """What a client needs to know to make a window."""

    root: int
    first_id: int


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to the oldest request that gets one and has none yet."""

    data: bytes


@dataclass(frozen=True, slots=True)
class OwnerChanged:
    """A selection belongs to another window now; 0 where to none."""

    owner: int
    time: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Another client asks for a selection that is ours."""

    requestor: int
    selection: int
    target: int
    property: int
    time: int


@dataclass(frozen=True, slots=True)
class Delivered:
    """A selection's owner has put what we asked for into our property; 0 where it did not."""

    property: int
    time: int


Message = Reply | OwnerChanged | Wanted | Delivered


# --- the way in ---


def hello(cookie: bytes) -> bytes:
    """The first bytes of a connection: little-endian, protocol 11.0, and the cookie."""
    head = struct.pack("<BxHHHHxx", ord("l"), 11, 0, len(NAME), len(cookie))
    return head + _padded(NAME) + _padded(cookie)


def setup_rest(head: bytes) -> int:
    """How many bytes follow the first `SETUP_HEAD` bytes of the server's answer to `hello`."""
    (words,) = struct.unpack_from("<H", head, 6)
    return int(words) * 4


def screen(head: bytes, rest: bytes) -> Screen:
    """What the server's answer to `hello` says. Raises Refused."""
    if head[0] != 1:
        raise Refused(rest[: head[1]].decode(errors="replace").strip())
    (first_id,) = struct.unpack_from("<I", rest, 4)
    (vendor,) = struct.unpack_from("<H", rest, 16)
    formats = rest[21]
    (root,) = struct.unpack_from("<I", rest, 32 + _whole(vendor) + 8 * formats)
    return Screen(root=root, first_id=first_id)


# --- requests ---


def create_window(window: int, *, parent: int) -> bytes:
    """A window that is never shown, to own selections and hold properties."""
    return _request(1, 0, struct.pack("<IIhhHHHHII", window, parent, 0, 0, 1, 1, 0, _INPUT_ONLY, 0, 0))


def change_property(window: int, property_: int, *, type_: int, data: bytes) -> bytes:
    """Replace a property by bytes, or by 32-bit values where the type is ATOM or INTEGER."""
    width = 32 if type_ in (ATOM, INTEGER) else 8
    head = struct.pack("<IIIB3xI", window, property_, type_, width, len(data) * 8 // width)
    return _request(18, 0, head + data)


def get_property(window: int, property_: int, *, most: int) -> bytes:
    """Ask for at most so many bytes (a multiple of 4) of a property, of whatever type."""
    return _request(20, 0, struct.pack("<IIIII", window, property_, 0, 0, most // 4))


def delete_property(window: int, property_: int) -> bytes:
    return _request(19, 0, struct.pack("<II", window, property_))


def own_selection(window: int, selection: int) -> bytes:
    # At the current time: to learn a better one takes a round trip, in which a paste key would overtake the text.
    return _request(22, 0, struct.pack("<III", window, selection, CURRENT_TIME))


def convert_selection(window: int, selection: int, *, target: int, property_: int, time: int) -> bytes:
    """Ask the selection's owner for its contents."""
    return _request(24, 0, struct.pack("<IIIII", window, selection, target, property_, time))


def tell_delivered(wanted: Wanted, property_: int) -> bytes:
    """Tell who asked that the property is filled; 0: that it does not get what it wants."""
    fields = (_SELECTION_NOTIFY, wanted.time, wanted.requestor, wanted.selection, wanted.target, property_)
    event = struct.pack("<BxxxIIIII8x", *fields)
    return _request(25, 0, struct.pack("<II", wanted.requestor, 0) + event)


def intern_atom(name: str) -> bytes:
    """Ask for the number that the server knows a name by."""
    return _request(16, 0, struct.pack("<Hxx", len(name)) + name.encode())


def query_extension(name: str) -> bytes:
    return _request(98, 0, struct.pack("<Hxx", len(name)) + name.encode())


def xfixes_version(opcode: int) -> bytes:
    """XFIXES wants to be asked for its version before all else."""
    return _request(opcode, 0, struct.pack("<II", 1, 0))


def watch_selection(opcode: int, window: int, selection: int) -> bytes:
    """Ask for an `OwnerChanged` each time that a client takes a selection."""
    return _request(opcode, 2, struct.pack("<III", window, selection, _OWNER_SET))


# --- what the server says ---


def rest_of(head: bytes) -> int:
    """How many bytes follow the first `MESSAGE` bytes of what the server sends."""
    if head[0] & ~_SENT not in (_REPLY, _GENERIC):
        return 0
    (words,) = struct.unpack_from("<I", head, 4)
    return int(words) * 4


def message(head: bytes, rest: bytes, *, owner_changed: int) -> Message | None:
    """What the server says, None where it is of no interest: errors, for one, are of windows that have gone.

    Args:
        owner_changed: the number of XFIXES' event, which each server chooses.
    """
    if head[0] == _REPLY:
        return Reply(head + rest)
    if head[0] == owner_changed:
        owner, _, _, time = struct.unpack_from("<IIII", head, 8)
        return OwnerChanged(owner=owner, time=time)
    if head[0] == _SELECTION_REQUEST:
        time, _, requestor, selection, target, property_ = struct.unpack_from("<IIIIII", head, 4)
        return Wanted(requestor=requestor, selection=selection, target=target, property=property_, time=time)
    if head[0] & ~_SENT == _SELECTION_NOTIFY:
        time, _, _, _, property_ = struct.unpack_from("<IIIII", head, 4)
        return Delivered(property=property_, time=time)
    return None


def atom_in(reply: Reply) -> int:
    """The answer to `intern_atom`."""
    (atom,) = struct.unpack_from("<I", reply.data, 8)
    return int(atom)


def extension_in(reply: Reply) -> tuple[int, int] | None:
    """The answer to `query_extension`: the opcode and the first event, None where the server lacks it."""
    present, opcode, first_event = struct.unpack_from("<BBB", reply.data, 8)
    return (opcode, first_event) if present else None


def property_in(reply: Reply) -> tuple[int, bytes, bool]:
    """The answer to `get_property`: the type, the bytes, and whether that was all of them."""
    type_, after, count = struct.unpack_from("<III", reply.data, 8)
    width = reply.data[1] // 8
    return type_, reply.data[MESSAGE : MESSAGE + count * width], after == 0


def words(values: Sequence[int]) -> bytes:
    """32-bit values as a property holds them."""
    return struct.pack(f"<{len(values)}I", *values)


def _request(opcode: int, detail: int, body: bytes) -> bytes:
    body = _padded(body)
    return struct.pack("<BBH", opcode, detail, 1 + len(body) // 4) + body


def _padded(data: bytes) -> bytes:
    return data.ljust(_whole(len(data)), b"\0")


def _whole(length: int) -> int:
    """The length in whole 4-byte words, in bytes."""
    return (length + 3) // 4 * 4
