// The quiet bar at the top edge: it comes when it is wanted and goes by itself.

import { icon } from "./element.js";

const FIRST_MS = 3500;
const LINGER_MS = 1200;
/** The mouse rests on the handle this long before the bar opens: games use that edge too. */
const DWELL_MS = 180;

/** Keys that the page takes for itself; with Shift, the single ones go to the game. */
export function pageCommand({ code, ctrlKey, altKey, shiftKey, metaKey }, overlayKey) {
  if (ctrlKey && altKey && shiftKey)
    return { KeyF: "fullscreen", KeyL: "lock", KeyS: "sound", KeyM: "tools" }[code] ?? null;
  if (ctrlKey || altKey || shiftKey || metaKey) return null;
  if (code === overlayKey) return "overlay";
  return code === "F11" && document.fullscreenEnabled ? "fullscreen" : null;
}

export class Toolbar {
  #timer = null;

  /** `actions` are functions by the name of the tool. */
  constructor({ root, handle, actions, onDone }) {
    Object.assign(this, { root, handle, actions, onDone });
  }

  attach() {
    this.root.hidden = false;
    for (const button of this.root.querySelectorAll("[data-tool]")) {
      button.title = button.getAttribute("aria-label");
      button.addEventListener("click", (event) => this.#run(button.dataset.tool, event));
    }
    this.handle.addEventListener("click", () => this.#set(!this.open));
    this.handle.addEventListener(
      "pointerenter",
      (event) => event.pointerType === "mouse" && this.#later(true, DWELL_MS),
    );
    this.root.addEventListener(
      "pointerleave",
      (event) => event.pointerType === "mouse" && this.#later(false, LINGER_MS),
    );
    this.root.addEventListener("pointerenter", () => this.open && clearTimeout(this.#timer));
    this.root.addEventListener("focusout", () => this.#later(false, LINGER_MS));
    this.root.addEventListener("keydown", (event) => this.#onKey(event));
    this.#set(true);
    this.#later(false, FIRST_MS);
  }

  get open() {
    return this.root.classList.contains("open");
  }

  /** Open the bar and give it the keyboard. */
  focus() {
    this.#set(true);
    this.#buttons()[0].focus();
  }

  close() {
    this.#set(false);
  }

  offer(tool, offered) {
    this.#button(tool).hidden = !offered;
  }

  press(tool, pressed, { iconName, label } = {}) {
    const button = this.#button(tool);
    button.setAttribute("aria-pressed", pressed);
    if (iconName) button.querySelector("svg").replaceWith(icon(iconName));
    if (label) {
      button.setAttribute("aria-label", label);
      button.title = label;
    }
  }

  #button(tool) {
    return this.root.querySelector(`[data-tool="${tool}"]`);
  }

  #buttons() {
    return [...this.root.querySelectorAll(".tools button:not([hidden])")];
  }

  #run(tool, event) {
    this.actions[tool]();
    if (event.detail > 0) this.onDone(); // clicked, not pressed by keyboard: the game gets the keys back
  }

  #onKey(event) {
    const buttons = this.#buttons();
    const at = buttons.indexOf(document.activeElement);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step && at >= 0) buttons[(at + step + buttons.length) % buttons.length].focus();
    if (event.key !== "Escape") return;
    this.#set(false);
    this.onDone();
  }

  #later(open, delay) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const busy = this.root.matches(":hover") || this.root.contains(document.activeElement);
      if (open || !busy) this.#set(open);
    }, delay);
  }

  #set(open) {
    clearTimeout(this.#timer);
    this.root.classList.toggle("open", open);
    this.root.querySelector(".tools").inert = !open;
    this.handle.setAttribute("aria-expanded", open);
    this.handle.setAttribute("aria-label", open ? "Hide the tools" : "Show the tools");
  }
}
