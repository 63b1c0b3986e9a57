// Fingers on the picture act as a mouse: tap, drag, long press, two fingers for the wheel.

import { eventUs } from "./clock.js";

/** A finger that moved less than this is still tapping, in CSS pixels. */
const SLOP = 10;
const LONG_PRESS_MS = 500;
/** So many CSS pixels of two fingers are one notch of the wheel. */
const PIXELS_PER_NOTCH = 36;
const LEFT = 0;
const RIGHT = 2;

/**
 * Decides what fingers mean; `hand` does it: `moveTo(point)`, `press(button, down)`, `turn(dx, dy)`.
 *
 * Points are `{ id, clientX, clientY }`. It keeps no timer: the caller says when the long press is due.
 */
export class Gestures {
  #state = "none"; // none, tapping, dragging, scrolling, done
  #fingers = new Map();
  #first = null;

  constructor(hand) {
    this.hand = hand;
  }

  get tapping() {
    return this.#state === "tapping";
  }

  start(points) {
    const before = this.#fingers.size;
    for (const point of points) this.#fingers.set(point.id, point);
    if (before === 0 && this.#fingers.size === 1) {
      this.#state = "tapping";
      this.#first = points[0];
      this.hand.moveTo(points[0]);
    } else if (this.#fingers.size === 2 && this.#state !== "done") {
      if (this.#state === "dragging") this.hand.press(LEFT, false);
      this.#state = "scrolling";
    }
  }

  move(points) {
    const before = middle(this.#fingers);
    for (const point of points) this.#fingers.set(point.id, point);
    if (this.#state === "tapping" && distance(points[0], this.#first) > SLOP) {
      this.#state = "dragging";
      this.hand.press(LEFT, true); // where the finger came down, not where it is now
    }
    if (this.#state === "dragging") this.hand.moveTo(points.at(-1));
    if (this.#state === "scrolling") this.#scroll(before, middle(this.#fingers));
  }

  end(ids) {
    for (const id of ids) this.#fingers.delete(id);
    if (this.#state === "tapping") this.#click(LEFT);
    if (this.#state === "dragging") this.hand.press(LEFT, false);
    this.#state = this.#fingers.size === 0 ? "none" : "done";
  }

  /** The finger has rested long enough: a right click. */
  longPress() {
    if (this.#state !== "tapping") return false;
    this.#click(RIGHT);
    this.#state = "done";
    return true;
  }

  /** The browser took the touch away. */
  cancel() {
    if (this.#state === "dragging") this.hand.press(LEFT, false);
    this.#fingers.clear();
    this.#state = "none";
  }

  #click(button) {
    this.hand.press(button, true);
    this.hand.press(button, false);
  }

  /** The picture follows the fingers, as on every phone: fingers up, wheel down. */
  #scroll(from, to) {
    const turn = (value) => (-value / PIXELS_PER_NOTCH) * 120;
    this.hand.turn(turn(to.clientX - from.clientX), turn(to.clientY - from.clientY));
  }
}

/** Listens to fingers on `stage` and moves the game's mouse with them. */
export class Touch {
  #timer = null;
  #atUs = 0;

  constructor({ stage, pointer, onPress }) {
    this.stage = stage;
    this.onPress = onPress;
    this.gestures = new Gestures({
      moveTo: (point) => pointer.moveTo(point, this.#atUs),
      press: (button, down) => pointer.press(button, down, this.#atUs),
      turn: (dx, dy) => pointer.turn(dx, dy, this.#atUs),
    });
  }

  attach() {
    const listen = (kind, handle) =>
      this.stage.addEventListener(kind, (event) => this.#heard(event, handle), { passive: false });
    listen("touchstart", (points) => this.#start(points));
    listen("touchmove", (points) => this.gestures.move(points));
    listen("touchend", (points) => this.gestures.end(points.map(({ id }) => id)));
    listen("touchcancel", () => this.gestures.cancel());
  }

  #heard(event, handle) {
    event.preventDefault(); // else the browser makes mouse events of its own, late
    this.#atUs = eventUs(event);
    const points = Array.from(event.changedTouches, (touch) => ({
      id: touch.identifier,
      clientX: touch.clientX,
      clientY: touch.clientY,
    }));
    handle(points);
    if (!this.gestures.tapping) clearTimeout(this.#timer);
    if (event.type === "touchend") this.onPress();
  }

  #start(points) {
    this.gestures.start(points);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.gestures.longPress()) navigator.vibrate?.(12);
    }, LONG_PRESS_MS);
  }
}

function distance(a, b) {
  return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
}

function middle(fingers) {
  const points = [...fingers.values()];
  const mean = (pick) => points.reduce((sum, point) => sum + pick(point), 0) / points.length;
  return { clientX: mean((point) => point.clientX), clientY: mean((point) => point.clientY) };
}
