// The mouse over the picture: where it is, how it moves, its buttons and wheel.

import { Button, PointerAt, PointerBy, Wheel } from "./protocol.js";
import { eventUs } from "./clock.js";

/** At most one position in this time; the game draws far more rarely. */
const EVERY_MS = 4;
const NOTCH = 120;
/** How much of each unit of WheelEvent.deltaMode is one notch: pixels, lines, pages. */
const PER_NOTCH = [100, 3, 1];

/** A wheel's movement in 1/120 of a notch. */
export function notches(delta, deltaMode) {
  return (delta / PER_NOTCH[deltaMode]) * NOTCH;
}

/** A point of the page as a point of the picture, 0 to 65535 each way. */
export function place({ clientX, clientY }, rect) {
  const part = (value, start, length) => Math.round(Math.max(0, Math.min(1, (value - start) / length)) * 65535);
  return { x: part(clientX, rect.left, rect.width), y: part(clientY, rect.top, rect.height) };
}

/** Whole steps out of fractions; what is left over comes with the next one. */
class Whole {
  #left = 0;
  take(value) {
    this.#left += value;
    const whole = Math.max(-32767, Math.min(32767, Math.trunc(this.#left)));
    this.#left -= whole;
    return whole;
  }
}

export class Pointer {
  #at = null; // { x, y, atUs } not sent yet
  #by = { x: 0, y: 0, atUs: 0 };
  #sentMs = 0;
  #timer = null;
  #lastPlace = null;
  #steps = { x: new Whole(), y: new Whole(), wheelX: new Whole(), wheelY: new Whole() };
  #down = new Set();

  /** `gameSize()` is the game's size in pixels; `onPress` is told of every button that goes down. */
  constructor({ stage, canvas, inputs, cursor, gameSize, onPress, onLock }) {
    Object.assign(this, { stage, canvas, inputs, cursor, gameSize, onPress, onLock });
  }

  attach() {
    const raw = "onpointerrawupdate" in window;
    this.stage.addEventListener(raw ? "pointerrawupdate" : "pointermove", (event) => this.#onMove(event));
    // The raw event gives no position while a page is busy loading; the ordinary one then still does.
    if (raw) this.stage.addEventListener("pointermove", (event) => this.locked || this.#onMove(event));
    this.stage.addEventListener("pointerdown", (event) => this.#capture(event));
    this.stage.addEventListener("mousedown", (event) => this.#onButton(event, 1));
    addEventListener("mouseup", (event) => this.#onButton(event, 0));
    this.stage.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    for (const kind of ["contextmenu", "auxclick", "dragstart", "selectstart"]) {
      this.stage.addEventListener(kind, (event) => event.preventDefault());
    }
    addEventListener("blur", () => this.#down.clear());
    document.addEventListener("pointerlockchange", () => this.#lockChanged());
  }

  get locked() {
    return document.pointerLockElement === this.stage;
  }

  async toggleLock() {
    if (this.locked) return document.exitPointerLock();
    try {
      await this.stage.requestPointerLock({ unadjustedMovement: true });
    } catch (error) {
      if (error.name === "NotSupportedError") await this.stage.requestPointerLock();
      else if (!(error instanceof DOMException)) throw error; // refused, or too soon after Escape
    }
  }

  /** Move the game's pointer to a point of the page. */
  moveTo(point, atUs) {
    this.#at = { ...place(point, this.canvas.getBoundingClientRect()), atUs };
    this.#flush();
  }

  press(button, down, atUs) {
    this.#flush();
    if (down) this.#down.add(button);
    else this.#down.delete(button);
    this.inputs.send(Button, { button, down: down ? 1 : 0 }, atUs);
  }

  /** Turn the wheel by 1/120 notches, which may be fractions. */
  turn(dx, dy, atUs) {
    const whole = { dx: this.#steps.wheelX.take(dx), dy: this.#steps.wheelY.take(dy) };
    if (whole.dx !== 0 || whole.dy !== 0) this.inputs.send(Wheel, whole, atUs);
  }

  #onMove(event) {
    if (event.pointerType === "touch") return;
    if (this.locked) this.#moveBy(event);
    else this.#at = { ...place(event, this.canvas.getBoundingClientRect()), atUs: eventUs(event) };
    this.#soon();
  }

  #moveBy(event) {
    const scale = this.gameSize().width / this.canvas.clientWidth;
    this.#by.x += event.movementX * scale;
    this.#by.y += event.movementY * scale;
    this.#by.atUs = eventUs(event);
  }

  /** Send at once when the last position is old enough, else when it will be. */
  #soon() {
    const rest = this.#sentMs + EVERY_MS - performance.now();
    if (rest <= 0) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), rest);
  }

  #flush() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#sendAt();
    this.#sendBy();
  }

  #sendAt() {
    const at = this.#at;
    this.#at = null;
    if (!at || (this.#lastPlace?.x === at.x && this.#lastPlace?.y === at.y)) return;
    this.#sentMs = performance.now();
    if (this.inputs.send(PointerAt, { x: at.x, y: at.y }, at.atUs)) this.#lastPlace = { x: at.x, y: at.y };
    this.cursor.at(at.x / 65535, at.y / 65535);
  }

  #sendBy() {
    const { x, y, atUs } = this.#by;
    this.#by = { x: 0, y: 0, atUs };
    const dx = this.#steps.x.take(x);
    const dy = this.#steps.y.take(y);
    if (dx === 0 && dy === 0) return;
    this.#sentMs = performance.now();
    this.#lastPlace = null;
    this.inputs.send(PointerBy, { dx, dy }, atUs);
    this.cursor.by(dx / this.gameSize().width, dy / this.gameSize().height);
  }

  #capture(event) {
    // A drag that leaves the picture goes on; fingers have their own listener.
    if (event.pointerType !== "touch" && !this.locked) this.stage.setPointerCapture(event.pointerId);
  }

  #onButton(event, down) {
    if (down ? false : !this.#down.has(event.button)) return;
    event.preventDefault();
    if (!this.locked) this.#at = { ...place(event, this.canvas.getBoundingClientRect()), atUs: eventUs(event) };
    this.press(event.button, down, eventUs(event));
    if (down) this.onPress();
  }

  #onWheel(event) {
    event.preventDefault();
    this.#flush();
    this.turn(notches(event.deltaX, event.deltaMode), notches(event.deltaY, event.deltaMode), eventUs(event));
  }

  #lockChanged() {
    this.cursor.lock(this.locked);
    this.onLock(this.locked);
  }
}
