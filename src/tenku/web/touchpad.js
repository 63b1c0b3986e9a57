// A gamepad on the screen, for phones and tablets.

import { axis, NEUTRAL } from "./pads.js";

const OWNER = "screen";
/** Button numbers of the W3C standard mapping, by the `data-button` of the page. */
const BUTTONS = {
  a: 0,
  b: 1,
  x: 2,
  y: 3,
  lb: 4,
  rb: 5,
  lt: 6,
  rt: 7,
  select: 8,
  start: 9,
  l3: 10,
  r3: 11,
  up: 12,
  down: 13,
  left: 14,
  right: 15,
};
/** Two taps on a stick within this time press it. */
const DOUBLE_TAP_MS = 300;

/** Where a stick stands when the finger is at (dx, dy) from its middle: a circle of radius 1. */
export function stick(dx, dy, radius) {
  const length = Math.hypot(dx, dy) / radius;
  const scale = length > 1 ? 1 / length : 1;
  return { x: (dx / radius) * scale, y: (dy / radius) * scale };
}

/** The parts of a d-pad that a finger at (x, y) from its middle, each -1 to 1, presses: eight ways. */
export function directions(x, y) {
  if (Math.hypot(x, y) < 0.25) return [];
  const turn = Math.round(Math.atan2(y, x) / (Math.PI / 4));
  const ways = { 0: ["right"], 1: ["right", "down"], 2: ["down"], 3: ["left", "down"], 4: ["left"] };
  return { ...ways, "-1": ["right", "up"], "-2": ["up"], "-3": ["left", "up"], "-4": ["left"] }[turn];
}

export class TouchPad {
  #held = new Map(); // pointerId -> names of buttons
  #sticks = { left: { x: 0, y: 0 }, right: { x: 0, y: 0 } };
  #tappedMs = { left: 0, right: 0 };

  constructor({ root, pads }) {
    this.root = root;
    this.pads = pads;
  }

  attach() {
    for (const button of this.root.querySelectorAll("[data-button]")) this.#listenButton(button);
    for (const cross of this.root.querySelectorAll("[data-cross]")) this.#listenCross(cross);
    for (const area of this.root.querySelectorAll("[data-stick]")) this.#listenStick(area);
    this.root.addEventListener("contextmenu", (event) => event.preventDefault());
    // Without this a phone still zooms on a double tap and selects on a long press.
    this.root.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  }

  get shown() {
    return !this.root.hidden;
  }

  toggle(show = !this.shown) {
    this.root.hidden = !show;
    document.body.classList.toggle("with-pad", show);
    this.#held.clear();
    if (show) this.#send();
    else this.pads.gone(OWNER);
  }

  #listenButton(button) {
    const name = button.dataset.button;
    follow(button, {
      onMove: (event) => this.#hold(event.pointerId, [name]),
      onEnd: (event) => this.#hold(event.pointerId, null),
    });
  }

  #listenCross(cross) {
    follow(cross, {
      onMove: (event) => {
        const { dx, dy, radius } = fromMiddle(event, cross);
        this.#hold(event.pointerId, directions(dx / radius, dy / radius));
      },
      onEnd: (event) => this.#hold(event.pointerId, null),
    });
  }

  #listenStick(area) {
    const side = area.dataset.stick;
    const knob = area.firstElementChild;
    follow(area, {
      onStart: (event) => {
        const pressed = event.timeStamp - this.#tappedMs[side] < DOUBLE_TAP_MS;
        this.#tappedMs[side] = event.timeStamp;
        this.#hold(event.pointerId, pressed ? [side === "left" ? "l3" : "r3"] : []);
      },
      onMove: (event) => {
        const { dx, dy, radius } = fromMiddle(event, area);
        this.#tilt(side, knob, stick(dx, dy, radius * 0.72));
      },
      onEnd: (event) => {
        this.#tilt(side, knob, { x: 0, y: 0 });
        this.#hold(event.pointerId, null);
      },
    });
  }

  #tilt(side, knob, { x, y }) {
    this.#sticks[side] = { x, y };
    knob.style.transform = `translate(${x * 60}%, ${y * 60}%)`;
    this.#send();
  }

  #hold(pointerId, names) {
    const before = this.#held.get(pointerId);
    if (names === null) this.#held.delete(pointerId);
    else this.#held.set(pointerId, names);
    if (names?.length && before?.join() !== names.join()) navigator.vibrate?.(8);
    this.#send();
  }

  #send() {
    const pressed = new Set([...this.#held.values()].flat());
    for (const element of this.root.querySelectorAll("[data-button], [data-way]")) {
      element.classList.toggle("pressed", pressed.has(element.dataset.button ?? element.dataset.way));
    }
    let buttons = 0;
    for (const name of pressed) buttons |= 1 << BUTTONS[name];
    const { left, right } = this.#sticks;
    this.pads.set(OWNER, {
      ...NEUTRAL,
      buttons,
      left_x: axis(left.x),
      left_y: axis(left.y),
      right_x: axis(right.x),
      right_y: axis(right.y),
      left_trigger: pressed.has("lt") ? 255 : 0,
      right_trigger: pressed.has("rt") ? 255 : 0,
    });
  }
}

/** Follow each finger from where it comes down to where it leaves, also outside of the element. */
function follow(element, { onStart = () => {}, onMove, onEnd }) {
  element.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    element.setPointerCapture(event.pointerId);
    onStart(event);
    onMove(event);
  });
  element.addEventListener("pointermove", (event) => element.hasPointerCapture(event.pointerId) && onMove(event));
  element.addEventListener("pointerup", onEnd);
  element.addEventListener("pointercancel", onEnd);
}

function fromMiddle({ clientX, clientY }, element) {
  const { left, top, width, height } = element.getBoundingClientRect();
  return { dx: clientX - left - width / 2, dy: clientY - top - height / 2, radius: width / 2 };
}
