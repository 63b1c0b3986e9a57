// Keys by their physical place, from the browser to the game.

import { Key } from "./protocol.js";
import { eventUs } from "./clock.js";
import { EVDEV, evdevCode, isMac } from "./keys.js";

/** A browser without a paste event for this key press: the key is sent without clipboard text. */
const PASTE_MS = 120;

/** Whether keys on this element belong to the page (a panel, a button, a text field) and not to the game. */
export function belongsToPage(target) {
  return target instanceof Element && target.closest("[data-page]") !== null;
}

export class Keyboard {
  #down = new Map(); // KeyboardEvent.code -> evdev code that the game was given
  #waiting = null; // actions behind a paste; null while there is none

  /** `pageKey(event)` takes the keys that are the page's own and says so. */
  constructor({ inputs, clipboard, typing, pageKey }) {
    Object.assign(this, { inputs, clipboard, typing, pageKey });
  }

  attach() {
    addEventListener("keydown", (event) => this.#onDown(event), { capture: true });
    addEventListener("keyup", (event) => this.#onUp(event), { capture: true });
    addEventListener("paste", (event) => this.#onPaste(event), { capture: true });
    addEventListener("blur", () => this.release());
    addEventListener("pagehide", () => this.release());
    document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && this.release());
    document.addEventListener("focusin", ({ target }) => belongsToPage(target) && this.release());
  }

  /** Let go of every key and button: the page will not see them come up. */
  release() {
    this.#down.clear();
    this.#waiting = null;
    this.inputs.releaseAll();
  }

  /** Press and release one key that no keyboard pressed. */
  tap(name) {
    this.#send(EVDEV[name], 1);
    this.#send(EVDEV[name], 0);
  }

  #onDown(event) {
    if (belongsToPage(event.target)) return;
    if (this.pageKey(event)) return event.preventDefault();
    if (!this.inputs.allowed || this.typing.takes(event)) return; // a viewer's keys stay the browser's
    const code = evdevCode(event.code);
    if (code === undefined) return;
    const pastes = isPaste(event);
    if (!pastes || event.repeat) event.preventDefault();
    if (event.repeat) return;
    if (pastes) this.#waitForPaste();
    this.#undoAltGraph(event);
    if (isMac() && event.code === "CapsLock") return this.tap("CapsLock");
    this.#down.set(event.code, code);
    this.#send(code, 1, eventUs(event));
  }

  #onUp(event) {
    if (isMac() && event.code === "CapsLock") return this.tap("CapsLock");
    if (event.code === "PrintScreen" && !this.#down.has("PrintScreen")) return this.tap("PrintScreen"); // Windows
    const code = this.#down.get(event.code);
    if (code === undefined) return;
    event.preventDefault();
    this.#down.delete(event.code);
    this.#send(code, 0, eventUs(event));
    if (isMac() && event.code.startsWith("Meta")) this.#releaseBelowCommand(eventUs(event));
  }

  /** A Mac tells nothing of the keys that come up while Command is held. */
  #releaseBelowCommand(atUs) {
    for (const [name, code] of this.#down) {
      if (/^(Shift|Alt|Control|Meta)/.test(name)) continue;
      this.#down.delete(name);
      this.#send(code, 0, atUs);
    }
  }

  /** Windows presses a Ctrl that nobody pressed before AltGr; the game must not see it. */
  #undoAltGraph(event) {
    if (event.code !== "AltRight" || event.key !== "AltGraph" || !this.#down.has("ControlLeft")) return;
    this.#down.delete("ControlLeft");
    this.#send(EVDEV.ControlLeft, 0, eventUs(event));
  }

  #send(code, down, atUs) {
    const action = () => this.inputs.send(Key, { code, down }, atUs);
    if (this.#waiting) this.#waiting.push(action);
    else action();
  }

  /** The clipboard has to be there before the key: the browser's paste event follows at once and brings it. */
  #waitForPaste() {
    this.#waiting ??= [];
    setTimeout(() => this.#sendWaiting(), PASTE_MS);
  }

  #onPaste(event) {
    if (belongsToPage(event.target)) return;
    event.preventDefault();
    this.clipboard.offer(event.clipboardData?.getData("text/plain") ?? "");
    this.#sendWaiting();
  }

  #sendWaiting() {
    const actions = this.#waiting ?? [];
    this.#waiting = null;
    for (const action of actions) action();
  }
}

/** Ctrl+V (Command+V on a Mac), with or without Shift, and Shift+Insert. */
function isPaste(event) {
  const control = isMac() ? event.metaKey : event.ctrlKey;
  return (event.code === "KeyV" && control && !event.altKey) || (event.code === "Insert" && event.shiftKey);
}
