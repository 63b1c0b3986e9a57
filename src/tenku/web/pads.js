// The gamepads of this player as the game sees them, real ones and the one on the screen.

import { Pad, PadGone } from "./protocol.js";

const SLOTS = 4;
export const NEUTRAL = Object.freeze({
  buttons: 0,
  left_x: 0,
  left_y: 0,
  right_x: 0,
  right_y: 0,
  left_trigger: 0,
  right_trigger: 0,
});

/** An axis of the browser, -1 to 1, as the protocol counts. */
export function axis(value = 0) {
  return Math.round(Math.max(-1, Math.min(1, value)) * 32767);
}

/** A trigger of the browser, 0 to 1, as the protocol counts. */
export function trigger(value = 0) {
  return Math.round(Math.max(0, Math.min(1, value)) * 255);
}

export class Pads {
  #slots = new Array(SLOTS).fill(null); // { owner, state, sent }

  constructor({ inputs }) {
    this.inputs = inputs;
  }

  /** Tell the game the state of `owner`'s pad, if it changed; the first time plugs it in. */
  set(owner, state, atUs) {
    const pad = this.#slotOf(owner);
    if (pad < 0) return; // four are in use
    const slot = (this.#slots[pad] ??= { owner, sent: null });
    slot.state = state;
    if (slot.sent && same(slot.sent, state)) return;
    if (this.inputs.send(Pad, { pad, ...state }, atUs)) slot.sent = state;
  }

  gone(owner) {
    const pad = this.#slots.findIndex((slot) => slot?.owner === owner);
    if (pad < 0) return;
    this.#slots[pad] = null;
    this.inputs.send(PadGone, { pad });
  }

  /** Plug everything in again: a new connection knows of no pads. */
  repeat() {
    for (const slot of this.#slots) {
      if (!slot) continue;
      slot.sent = null;
      this.set(slot.owner, slot.state);
    }
  }

  /** Let go of everything while nobody looks: the browser polls no pads in a hidden tab. */
  rest() {
    for (const slot of this.#slots) if (slot) this.set(slot.owner, NEUTRAL);
  }

  /** Who holds this pad; the game wants to shake it. */
  owner(pad) {
    return this.#slots[pad]?.owner ?? null;
  }

  #slotOf(owner) {
    const own = this.#slots.findIndex((slot) => slot?.owner === owner);
    return own >= 0 ? own : this.#slots.indexOf(null);
  }
}

function same(a, b) {
  return Object.keys(NEUTRAL).every((name) => a[name] === b[name]);
}
