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

export const VERSION = 1;

/** The longest message that a browser may send, in bytes. */
export const MAX_FROM_BROWSER = 65536;

/** Why the server closed a connection, as the WebSocket close code. */
export const Close = Object.freeze({
  OVER: 4000,
  BAD_MESSAGE: 4400,
  UNAUTHORIZED: 4401,
  REMOVED: 4403,
  REPLACED: 4409,
  SILENT: 4408,
  FULL: 4429,
  BAD_VERSION: 4426,
});

/** First message of a connection: who you are and what will come. */
export const Welcome = Object.freeze({
  name: "Welcome", type: 0x01, size: 2, payload: "json",
  encode({ about }) {
    const { bytes } = begin(0x01, 2, utf8.encode(JSON.stringify(about)));
    return bytes;
  },
  decode(view) {
    return {
      about: JSON.parse(strict.decode(new Uint8Array(view.buffer, 2))),
    };
  },
});

/** One encoded picture, complete: an Annex-B access unit for H.264. */
export const Video = Object.freeze({
  name: "Video", type: 0x02, size: 35, payload: "bytes",
  encode({ flags, frame, width, height, input_seq, capture_us, encode_start_us, encode_end_us, send_us, data }) {
    const { bytes, view } = begin(0x02, 35, data);
    view.setUint8(2, flags);
    view.setUint32(3, frame, true);
    view.setUint16(7, width, true);
    view.setUint16(9, height, true);
    view.setUint32(11, input_seq, true);
    putU64(view, 15, capture_us);
    view.setUint32(23, encode_start_us, true);
    view.setUint32(27, encode_end_us, true);
    view.setUint32(31, send_us, true);
    return bytes;
  },
  decode(view) {
    return {
      flags: view.getUint8(2),
      frame: view.getUint32(3, true),
      width: view.getUint16(7, true),
      height: view.getUint16(9, true),
      input_seq: view.getUint32(11, true),
      capture_us: getU64(view, 15),
      encode_start_us: view.getUint32(23, true),
      encode_end_us: view.getUint32(27, true),
      send_us: view.getUint32(31, true),
      data: new Uint8Array(view.buffer, 35),
    };
  },
});

/** One Opus packet of 10 ms, 48 kHz stereo. Silence is not sent. */
export const Audio = Object.freeze({
  name: "Audio", type: 0x03, size: 10, payload: "bytes",
  encode({ capture_us, data }) {
    const { bytes, view } = begin(0x03, 10, data);
    putU64(view, 2, capture_us);
    return bytes;
  },
  decode(view) {
    return {
      capture_us: getU64(view, 2),
      data: new Uint8Array(view.buffer, 10),
    };
  },
});

/** The game changed its cursor; the browser draws it. */
export const Cursor = Object.freeze({
  name: "Cursor", type: 0x04, size: 7, payload: "bytes",
  encode({ kind, hot_x, hot_y, data }) {
    const { bytes, view } = begin(0x04, 7, data);
    view.setUint8(2, kind);
    view.setUint16(3, hot_x, true);
    view.setUint16(5, hot_y, true);
    return bytes;
  },
  decode(view) {
    return {
      kind: view.getUint8(2),
      hot_x: view.getUint16(3, true),
      hot_y: view.getUint16(5, true),
      data: new Uint8Array(view.buffer, 7),
    };
  },
});

/** The game copied text. */
export const ClipboardFromGame = Object.freeze({
  name: "ClipboardFromGame", type: 0x05, size: 2, payload: "text",
  encode({ text }) {
    const { bytes } = begin(0x05, 2, utf8.encode(text));
    return bytes;
  },
  decode(view) {
    return {
      text: strict.decode(new Uint8Array(view.buffer, 2)),
    };
  },
});

/** The game shakes one of this player's gamepads. */
export const Rumble = Object.freeze({
  name: "Rumble", type: 0x06, size: 9, payload: null,
  encode({ pad, strong, weak, duration_ms }) {
    const { bytes, view } = begin(0x06, 9, NONE);
    view.setUint8(2, pad);
    view.setUint16(3, strong, true);
    view.setUint16(5, weak, true);
    view.setUint16(7, duration_ms, true);
    return bytes;
  },
  decode(view) {
    return {
      pad: view.getUint8(2),
      strong: view.getUint16(3, true),
      weak: view.getUint16(5, true),
      duration_ms: view.getUint16(7, true),
    };
  },
});

/** Something that the page shows changed. */
export const State = Object.freeze({
  name: "State", type: 0x07, size: 2, payload: "json",
  encode({ about }) {
    const { bytes } = begin(0x07, 2, utf8.encode(JSON.stringify(about)));
    return bytes;
  },
  decode(view) {
    return {
      about: JSON.parse(strict.decode(new Uint8Array(view.buffer, 2))),
    };
  },
});

/** Answer to `Ping`, for the round trip and the clocks' offset. */
export const Pong = Object.freeze({
  name: "Pong", type: 0x08, size: 18, payload: null,
  encode({ browser_us, server_us }) {
    const { bytes, view } = begin(0x08, 18, NONE);
    putU64(view, 2, browser_us);
    putU64(view, 10, server_us);
    return bytes;
  },
  decode(view) {
    return {
      browser_us: getU64(view, 2),
      server_us: getU64(view, 10),
    };
  },
});

/** An input reached the game. */
export const InputAck = Object.freeze({
  name: "InputAck", type: 0x09, size: 22, payload: null,
  encode({ seq, received_us, injected_us }) {
    const { bytes, view } = begin(0x09, 22, NONE);
    view.setUint32(2, seq, true);
    putU64(view, 6, received_us);
    putU64(view, 14, injected_us);
    return bytes;
  },
  decode(view) {
    return {
      seq: view.getUint32(2, true),
      received_us: getU64(view, 6),
      injected_us: getU64(view, 14),
    };
  },
});

/** First message of a connection; anything before it closes the connection. */
export const Hello = Object.freeze({
  name: "Hello", type: 0x81, size: 2, payload: "json",
  encode({ about }) {
    const { bytes } = begin(0x81, 2, utf8.encode(JSON.stringify(about)));
    return bytes;
  },
  decode(view) {
    return {
      about: JSON.parse(strict.decode(new Uint8Array(view.buffer, 2))),
    };
  },
});

/** A frame arrived. Sent at once for every frame: the rate control lives on it. */
export const Ack = Object.freeze({
  name: "Ack", type: 0x82, size: 7, payload: null,
  encode({ frame, queue }) {
    const { bytes, view } = begin(0x82, 7, NONE);
    view.setUint32(2, frame, true);
    view.setUint8(6, queue);
    return bytes;
  },
  decode(view) {
    return {
      frame: view.getUint32(2, true),
      queue: view.getUint8(6),
    };
  },
});

/** A frame was drawn; closes that frame's row of measurements. */
export const Shown = Object.freeze({
  name: "Shown", type: 0x83, size: 24, payload: null,
  encode({ frame, received_us, decoded_us, shown_us, skew_ms }) {
    const { bytes, view } = begin(0x83, 24, NONE);
    view.setUint32(2, frame, true);
    putU64(view, 6, received_us);
    view.setUint32(14, decoded_us, true);
    view.setUint32(18, shown_us, true);
    view.setInt16(22, skew_ms, true);
    return bytes;
  },
  decode(view) {
    return {
      frame: view.getUint32(2, true),
      received_us: getU64(view, 6),
      decoded_us: view.getUint32(14, true),
      shown_us: view.getUint32(18, true),
      skew_ms: view.getInt16(22, true),
    };
  },
});

/** A key by its physical place, whatever is printed on it. */
export const Key = Object.freeze({
  name: "Key", type: 0x84, size: 17, payload: null,
  encode({ seq, time_us, code, down }) {
    const { bytes, view } = begin(0x84, 17, NONE);
    view.setUint32(2, seq, true);
    putU64(view, 6, time_us);
    view.setUint16(14, code, true);
    view.setUint8(16, down);
    return bytes;
  },
  decode(view) {
    return {
      seq: view.getUint32(2, true),
      time_us: getU64(view, 6),
      code: view.getUint16(14, true),
      down: view.getUint8(16),
    };
  },
});

/** The mouse is here. */
export const PointerAt = Object.freeze({
  name: "PointerAt", type: 0x85, size: 18, payload: null,
  encode({ seq, time_us, x, y }) {
    const { bytes, view } = begin(0x85, 18, NONE);
    view.setUint32(2, seq, true);
    putU64(view, 6, time_us);
    view.setUint16(14, x, true);
    view.setUint16(16, y, true);
    return bytes;
  },
  decode(view) {
    return {
      seq: view.getUint32(2, true),
      time_us: getU64(view, 6),
      x: view.getUint16(14, true),
      y: view.getUint16(16, true),
    };
  },
});

/** The mouse moved while it was locked. */
export const PointerBy = Object.freeze({
  name: "PointerBy", type: 0x86, size: 18, payload: null,
  encode({ seq, time_us, dx, dy }) {
    const { bytes, view } = begin(0x86, 18, NONE);
    view.setUint32(2, seq, true);
    putU64(view, 6, time_us);
    view.setInt16(14, dx, true);
    view.setInt16(16, dy, true);
    return bytes;
  },
  decode(view) {
    return {
      seq: view.getUint32(2, true),
      time_us: getU64(view, 6),
      dx: view.getInt16(14, true),
      dy: view.getInt16(16, true),
    };
  },
});

/** A mouse button. */
export const Button = Object.freeze({
  name: "Button", type: 0x87, size: 16, payload: null,
  encode({ seq, time_us, button, down }) {
    const { bytes, view } = begin(0x87, 16, NONE);
    view.setUint32(2, seq, true);
    putU64(view, 6, time_us);
    view.setUint8(14, button);
    view.setUint8(15, down);
    return bytes;
  },
  decode(view) {
    return {
      seq: view.getUint32(2, true),
      time_us: getU64(view, 6),
      button: view.getUint8(14),
      down: view.getUint8(15),
    };
  },
});

/** The wheel turned. */
export const Wheel = Object.freeze({
  name: "Wheel", type: 0x88, size: 18, payload: null,
  encode({ seq, time_us, dx, dy }) {
    const { bytes, view } = begin(0x88, 18, NONE);
    view.setUint32(2, seq, true);
    putU64(view, 6, time_us);
    view.setInt16(14, dx, true);
    view.setInt16(16, dy, true);
    return bytes;
  },
  decode(view) {
    return {
      seq: view.getUint32(2, true),
      time_us: getU64(view, 6),
      dx: view.getInt16(14, true),
      dy: view.getInt16(16, true),
    };
  },
});

/** The whole state of one gamepad, W3C standard mapping. The first one plugs the pad in. */
export const Pad = Object.freeze({
  name: "Pad", type: 0x89, size: 29, payload: null,
  encode({ seq, time_us, pad, buttons, left_x, left_y, right_x, right_y, left_trigger, right_trigger }) {
    const { bytes, view } = begin(0x89, 29, NONE);
    view.setUint32(2, seq, true);
    putU64(view, 6, time_us);
    view.setUint8(14, pad);
    view.setUint32(15, buttons, true);
    view.setInt16(19, left_x, true);
    view.setInt16(21, left_y, true);
    view.setInt16(23, right_x, true);
    view.setInt16(25, right_y, true);
    view.setUint8(27, left_trigger);
    view.setUint8(28, right_trigger);
    return bytes;
  },
  decode(view) {
    return {
      seq: view.getUint32(2, true),
      time_us: getU64(view, 6),
      pad: view.getUint8(14),
      buttons: view.getUint32(15, true),
      left_x: view.getInt16(19, true),
      left_y: view.getInt16(21, true),
      right_x: view.getInt16(23, true),
      right_y: view.getInt16(25, true),
      left_trigger: view.getUint8(27),
      right_trigger: view.getUint8(28),
    };
  },
});

/** A gamepad was unplugged. */
export const PadGone = Object.freeze({
  name: "PadGone", type: 0x8a, size: 15, payload: null,
  encode({ seq, time_us, pad }) {
    const { bytes, view } = begin(0x8a, 15, NONE);
    view.setUint32(2, seq, true);
    putU64(view, 6, time_us);
    view.setUint8(14, pad);
    return bytes;
  },
  decode(view) {
    return {
      seq: view.getUint32(2, true),
      time_us: getU64(view, 6),
      pad: view.getUint8(14),
    };
  },
});

/** Text that no single key makes: from an input method, or a phone's keyboard. At most 1,000 characters. */
export const TypeText = Object.freeze({
  name: "TypeText", type: 0x8b, size: 14, payload: "text",
  encode({ seq, time_us, text }) {
    const { bytes, view } = begin(0x8b, 14, utf8.encode(text));
    view.setUint32(2, seq, true);
    putU64(view, 6, time_us);
    return bytes;
  },
  decode(view) {
    return {
      seq: view.getUint32(2, true),
      time_us: getU64(view, 6),
      text: strict.decode(new Uint8Array(view.buffer, 14)),
    };
  },
});

/** The page lost focus: let go of every key and button. */
export const ReleaseAll = Object.freeze({
  name: "ReleaseAll", type: 0x8c, size: 14, payload: null,
  encode({ seq, time_us }) {
    const { bytes, view } = begin(0x8c, 14, NONE);
    view.setUint32(2, seq, true);
    putU64(view, 6, time_us);
    return bytes;
  },
  decode(view) {
    return {
      seq: view.getUint32(2, true),
      time_us: getU64(view, 6),
    };
  },
});

/** The player's clipboard, for the game to paste. */
export const ClipboardFromBrowser = Object.freeze({
  name: "ClipboardFromBrowser", type: 0x8d, size: 14, payload: "text",
  encode({ seq, time_us, text }) {
    const { bytes, view } = begin(0x8d, 14, utf8.encode(text));
    view.setUint32(2, seq, true);
    putU64(view, 6, time_us);
    return bytes;
  },
  decode(view) {
    return {
      seq: view.getUint32(2, true),
      time_us: getU64(view, 6),
      text: strict.decode(new Uint8Array(view.buffer, 14)),
    };
  },
});

/** The browser's decoder fell behind or failed: begin anew with a key frame. */
export const KeyFrame = Object.freeze({
  name: "KeyFrame", type: 0x8e, size: 2, payload: null,
  encode() {
    const { bytes } = begin(0x8e, 2, NONE);
    return bytes;
  },
  decode() {
    return {
    };
  },
});

/** The player asks something of the session. */
export const Command = Object.freeze({
  name: "Command", type: 0x8f, size: 2, payload: "json",
  encode({ about }) {
    const { bytes } = begin(0x8f, 2, utf8.encode(JSON.stringify(about)));
    return bytes;
  },
  decode(view) {
    return {
      about: JSON.parse(strict.decode(new Uint8Array(view.buffer, 2))),
    };
  },
});

/** Asks for the time. */
export const Ping = Object.freeze({
  name: "Ping", type: 0x90, size: 10, payload: null,
  encode({ browser_us }) {
    const { bytes, view } = begin(0x90, 10, NONE);
    putU64(view, 2, browser_us);
    return bytes;
  },
  decode(view) {
    return {
      browser_us: getU64(view, 2),
    };
  },
});

export const FROM_SERVER = Object.freeze([Welcome, Video, Audio, Cursor, ClipboardFromGame, Rumble, State, Pong, InputAck]);

export const FROM_BROWSER = Object.freeze([Hello, Ack, Shown, Key, PointerAt, PointerBy, Button, Wheel, Pad, PadGone, TypeText, ReleaseAll, ClipboardFromBrowser, KeyFrame, Command, Ping]);

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
