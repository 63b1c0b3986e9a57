"""Writes `src/tenku/web/protocol.js`: the page's half of the protocol, generated from `protocol.py`.

`python -m tenku.play.protocol_js` writes the file; a test says when it was forgotten. The code that comes out is
straight lines without a table walk, because the page runs it hundreds of times a second.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from tenku.play import protocol

WEB = Path(__file__).parent.parent / "web"

_WIDTH = {"B": 1, "H": 2, "h": 2, "I": 4, "Q": 8}
_ACCESS = {"B": "Uint8", "H": "Uint16", "h": "Int16", "I": "Uint32"}

_HEAD = """\
// Written by `python -m tenku.play.protocol_js` from src/tenku/play/protocol.py; change that file instead.
//
// Fields keep the names of the protocol. 64-bit times are plain numbers, exact up to 2 ** 53 microseconds
// (285 years of uptime). Payload bytes are a view into the message, not a copy.

const utf8 = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const NONE = new Uint8Array(0);

function begin(type, size, payload) {
  const bytes = new Uint8Array(size + payload.length);
  bytes[0] = VERSION;
  bytes[1] = type;
  bytes.set(payload, size);
  return { bytes, view: new DataView(bytes.buffer) };
}

function putU64(view, at, value) {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 4294967296), true);
}

function getU64(view, at) {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 4294967296;
}
"""

_TAIL = """\
const BY_TYPE = new Map([...FROM_SERVER, ...FROM_BROWSER].map((message) => [message.type, message]));

/** The message in an ArrayBuffer, as `{ message, fields }`. Throws RangeError or TypeError where it is none. */
export function decode(buffer) {
  const view = new DataView(buffer);
  if (view.getUint8(0) !== VERSION) {
    throw new RangeError(`Version ${view.getUint8(0)}; this page speaks ${VERSION}.`);
  }
  const message = BY_TYPE.get(view.getUint8(1));
  if (message === undefined) throw new RangeError(`No message has type ${view.getUint8(1)}.`);
  if (message.payload === null && view.byteLength !== message.size) {
    throw new RangeError(`${message.name} has ${message.size} bytes, not ${view.byteLength}.`);
  }
  return { message, fields: message.decode(view) };
}
"""


def source() -> str:
    """The text of protocol.js."""
    return "\n".join([_HEAD, *_constants(), *_messages(), *_lists(), _TAIL])


def _constants() -> Iterator[str]:
    yield f"export const VERSION = {protocol.VERSION};\n"
    yield "/** The longest message that a browser may send, in bytes. */"
    yield f"export const MAX_FROM_BROWSER = {protocol.MAX_FROM_BROWSER};\n"
    yield "/** Why the server closed a connection, as the WebSocket close code. */"
    yield "export const Close = Object.freeze({"
    for close in protocol.Close:
        yield f"  {close.name}: {close.value},"
    yield "});\n"


def _messages() -> Iterator[str]:
    for message in protocol.FROM_SERVER + protocol.FROM_BROWSER:
        yield "\n".join(_message(protocol.LAYOUTS[message.TYPE])) + "\n"


def _lists() -> Iterator[str]:
    for name, messages in (("FROM_SERVER", protocol.FROM_SERVER), ("FROM_BROWSER", protocol.FROM_BROWSER)):
        yield f"export const {name} = Object.freeze([{', '.join(message.__name__ for message in messages)}]);\n"


def _message(shape: protocol.Layout) -> Iterator[str]:
    name, number, size = shape.message.__name__, f"{shape.message.TYPE:#04x}", shape.header.size
    payload = f'"{shape.payload}"' if shape.payload else "null"
    summary = (shape.message.__doc__ or name).strip().partition("\n")[0]
    yield f"/** {summary} */"
    yield f"export const {name} = Object.freeze({{"
    yield f'  name: "{name}", type: {number}, size: {size}, payload: {payload},'
    yield f"  encode({_destructured(shape)}) {{"
    yield f"    const {{ bytes{_view_if_used(shape)} }} = begin({number}, {size}, {_payload_bytes(shape)});"
    yield from (f"    {line}" for line in _puts(shape))
    yield "    return bytes;"
    yield "  },"
    yield f"  decode({'view' if shape.names else ''}) {{"
    yield "    return {"
    yield from (f"      {line}," for line in _gets(shape))
    yield "    };"
    yield "  },"
    yield "});"


def _destructured(shape: protocol.Layout) -> str:
    return f"{{ {', '.join(shape.names)} }}" if shape.names else ""


def _view_if_used(shape: protocol.Layout) -> str:
    return ", view" if list(_fixed(shape)) else ""


def _fixed(shape: protocol.Layout) -> Iterator[tuple[str, str, int]]:
    """Name, struct code and byte offset of every field of fixed size."""
    codes = shape.header.format.removeprefix("<BB")
    at = 2
    for name, code in zip(shape.names, codes, strict=False):
        yield name, code, at
        at += _WIDTH[code]


def _puts(shape: protocol.Layout) -> Iterator[str]:
    for name, code, at in _fixed(shape):
        if code == "Q":
            yield f"putU64(view, {at}, {name});"
        else:
            yield f"view.set{_ACCESS[code]}({at}, {name}{_little_endian(code)});"


def _gets(shape: protocol.Layout) -> Iterator[str]:
    for name, code, at in _fixed(shape):
        if code == "Q":
            yield f"{name}: getU64(view, {at})"
        else:
            yield f"{name}: view.get{_ACCESS[code]}({at}{_little_endian(code)})"
    if shape.payload:
        rest = f"new Uint8Array(view.buffer, {shape.header.size})"
        value = {"bytes": rest, "text": f"strict.decode({rest})", "json": f"JSON.parse(strict.decode({rest}))"}
        yield f"{shape.names[-1]}: {value[shape.payload]}"


def _payload_bytes(shape: protocol.Layout) -> str:
    name = shape.names[-1] if shape.names else ""
    return {
        None: "NONE",
        "bytes": name,
        "text": f"utf8.encode({name})",
        "json": f"utf8.encode(JSON.stringify({name}))",
    }[shape.payload]


def _little_endian(code: str) -> str:
    return "" if code == "B" else ", true"


def main() -> int:
    """Write the file and say where."""
    path = WEB / "protocol.js"
    path.write_text(source(), encoding="utf-8")
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
