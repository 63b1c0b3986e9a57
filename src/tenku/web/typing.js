// Text that no single key makes: input methods, emoji pickers and a phone's keyboard.

import { TypeText } from "./protocol.js";

const MOST = 1000;
/** A phone tells of Backspace only where there is something to delete. */
const SENTINEL = "\u00a0\u00a0";
const KEYS = new Map([
  ["deleteContentBackward", "Backspace"],
  ["deleteWordBackward", "Backspace"],
  ["deleteContentForward", "Delete"],
  ["insertLineBreak", "Enter"],
  ["insertParagraph", "Enter"],
]);

/** How to turn `before` into `after` at the end of a text: so many backspaces, then this text. */
export function edit(before, after) {
  const old = Array.from(before);
  const now = Array.from(after);
  let same = 0;
  while (same < old.length && same < now.length && old[same] === now[same]) same += 1;
  return { backspaces: old.length - same, text: now.slice(same).join("") };
}

/** The hidden text field that has the focus while the game has the keyboard. */
export class Typing {
  #composed = ""; // what the game has seen of the text that is being composed
  phone = false;

  /** `tap(name)` presses a key; `onPhone(open)` says whether the phone's keyboard is wanted. */
  constructor({ field, inputs, tap, onPhone }) {
    Object.assign(this, { field, inputs, tap, onPhone });
  }

  attach() {
    this.field.value = SENTINEL;
    this.field.addEventListener("compositionstart", () => (this.#composed = ""));
    this.field.addEventListener("compositionupdate", ({ data }) => this.phone && this.#compose(data));
    this.field.addEventListener("compositionend", ({ data }) => this.#compose(data, { done: true }));
    this.field.addEventListener("input", (event) => this.#onInput(event));
    this.field.addEventListener("blur", () => this.phone && this.#setPhone(false));
  }

  /** Take the keyboard for the game, without a phone's keyboard coming up. */
  focus() {
    if (!this.phone) this.field.inputMode = "none";
    this.field.focus({ preventScroll: true });
  }

  togglePhone() {
    const open = !this.phone;
    this.field.blur();
    if (!open) return;
    this.#setPhone(true);
    this.field.focus({ preventScroll: true });
  }

  /** Whether a key press is left to the text field; it then comes back as text. */
  takes(event) {
    if (event.isComposing || event.keyCode === 229) return true;
    return this.phone && (event.key.length === 1 || event.key === "Backspace" || event.key === "Enter");
  }

  #setPhone(open) {
    this.phone = open;
    this.field.inputMode = open ? "text" : "none";
    this.onPhone(open);
  }

  #onInput(event) {
    if (event.isComposing || /composition/i.test(event.inputType)) return;
    const key = KEYS.get(event.inputType);
    if (key) this.tap(key);
    else if (event.data) this.#type(event.data);
    this.#clear();
  }

  /** A phone composes whole words; letter by letter, with corrections, they reach the game as they are typed. */
  #compose(data, { done = false } = {}) {
    const { backspaces, text } = edit(this.#composed, data ?? "");
    for (let i = 0; i < backspaces; i++) this.tap("Backspace");
    this.#type(text);
    this.#composed = done ? "" : data;
    if (done) this.#clear();
  }

  #type(text) {
    const letters = Array.from(text);
    for (let at = 0; at < letters.length; at += MOST) {
      this.inputs.send(TypeText, { text: letters.slice(at, at + MOST).join("") });
    }
  }

  #clear() {
    this.field.value = SENTINEL;
    this.field.setSelectionRange(SENTINEL.length, SENTINEL.length);
  }
}
