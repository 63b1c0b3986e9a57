// What the player can set for this page: the own name, keys, the mouse.

import { Command } from "./protocol.js";
import { element } from "./element.js";
import { remember, remembered } from "./memory.js";

export const MOST_NAME = 32;
const OVERLAY_KEYS = ["F9", "F2", "F4", "F6", "F7", "F8", "F10", "Pause", "ScrollLock"];
const CHORDS = [
  ["F11", "Full screen"],
  ["Ctrl Alt Shift L", "Lock or free the mouse"],
  ["Ctrl Alt Shift S", "Sound on or off"],
  ["Ctrl Alt Shift M", "These tools, by keyboard"],
];

/** The key that shows the measurements. */
export function overlayKey() {
  return remembered("overlayKey", OVERLAY_KEYS[0]);
}

/** Whether a click locks the mouse while the game hides its cursor. */
export function autoLock() {
  return remembered("autoLock", false);
}

export function ownName() {
  return String(remembered("name", "")).slice(0, MOST_NAME);
}

/** The part of the panel with the settings. */
export function preferences({ connection }) {
  const name = element("input", {
    id: "own-name",
    maxlength: MOST_NAME,
    value: ownName(),
    placeholder: "Your name",
    autocomplete: "nickname",
  });
  name.onchange = () => {
    remember("name", name.value.trim());
    if (name.value.trim()) connection.send(Command, { about: { do: "rename", name: name.value.trim() } });
  };
  const key = element("select", { id: "overlay-key" }, ...OVERLAY_KEYS.map((code) => element("option", {}, code)));
  key.value = overlayKey();
  key.onchange = () => remember("overlayKey", key.value);
  const lock = element("input", { id: "auto-lock", type: "checkbox" });
  lock.checked = autoLock();
  lock.onchange = () => remember("autoLock", lock.checked);
  return element(
    "div",
    { class: "preferences" },
    element("h2", {}, "You"),
    element("label", { for: "own-name" }, element("span", {}, "Name"), name),
    element("label", { for: "overlay-key" }, element("span", {}, "Key for measurements"), key),
    element(
      "label",
      { for: "auto-lock", class: "check" },
      lock,
      element("span", {}, "A click locks the mouse when the game hides its cursor"),
    ),
    element("h2", {}, "Keys of this page"),
    element(
      "dl",
      {},
      ...CHORDS.flatMap(([chord, does]) => [element("dt", {}, ...keys(chord)), element("dd", {}, does)]),
    ),
  );
}

function keys(chord) {
  return chord.split(" ").map((name) => element("kbd", {}, name));
}
