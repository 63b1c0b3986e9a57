// The player's hands: keyboard, mouse, touch, gamepads and clipboard, put together.

import { Clipboard } from "./clipboard.js";
import { CursorPainter } from "./cursor.js";
import { Gamepads } from "./gamepads.js";
import { Inputs } from "./inputs.js";
import { Keyboard } from "./keyboard.js";
import { Pads } from "./pads.js";
import { Pointer } from "./pointer.js";
import { autoLock, overlayKey } from "./preferences.js";
import { pageCommand } from "./toolbar.js";
import { Touch } from "./touch.js";
import { TouchPad } from "./touchpad.js";
import { Typing } from "./typing.js";
import { keepAwake } from "./wake.js";

const GESTURES = ["pointerup", "mousedown", "keydown", "touchend"];
const byId = (id) => document.getElementById(id);

/** Put the player at the game; returns what is told of every connection. */
export function takeSeat({ connection, clock, stats, video, session, room }) {
  const inputs = new Inputs({ connection, clock, stats });
  video.inputs = inputs;
  const stage = byId("stage");
  const canvas = byId("picture");
  const gameSize = () => session.welcome ?? { width: 1280, height: 720 };
  const clipboard = new Clipboard({ connection, inputs, notices: room.notices });
  const cursor = new CursorPainter({ stage, canvas, soft: byId("soft-cursor"), connection, gameSize });
  const pads = new Pads({ inputs });
  const typing = new Typing({
    field: byId("typing"),
    inputs,
    tap: (name) => keyboard.tap(name),
    onPhone: (open) => room.toolbar.press("keyboard", open),
  });
  const keyboard = new Keyboard({
    inputs,
    clipboard,
    typing,
    pageKey: (event) => {
      const command = pageCommand(event, overlayKey());
      if (command && !event.repeat) room.actions[command]();
      return command !== null;
    },
  });
  const pointer = new Pointer({
    stage,
    canvas,
    inputs,
    cursor,
    gameSize,
    onPress: () => {
      typing.focus();
      room.closePanels();
      if (autoLock() && cursor.hidden && inputs.allowed && !pointer.locked) pointer.toggleLock();
    },
    onLock: (locked) => room.locked(locked),
  });
  const touch = new Touch({ stage, pointer, onPress: () => room.closePanels() });
  const touchpad = new TouchPad({ root: byId("touchpad"), pads });
  const gamepads = new Gamepads({ connection, pads, notices: room.notices });
  for (const part of [keyboard, typing, pointer, touch, touchpad, gamepads]) part.attach();
  room.seated({
    lock: () => pointer.toggleLock(),
    keyboard: () => typing.togglePhone(),
    pad: () => touchpad.toggle(),
    padShown: () => touchpad.shown,
    focus: () => typing.focus(),
  });
  for (const kind of GESTURES) {
    addEventListener(kind, () => (clipboard.gesture(), room.sound.resume()), { capture: true, passive: true });
  }
  keepAwake();
  return {
    welcome(about) {
      inputs.allowed = about.role === "player";
      room.welcome(about);
      pads.repeat();
      if (document.activeElement === document.body) typing.focus();
    },
  };
}
