// Gamepads that are plugged into the player's machine.

import { Rumble } from "./protocol.js";
import { axis, trigger } from "./pads.js";

const BUTTONS = 17;
const LONGEST_EFFECT_MS = 5000;

/** A browser's gamepad as the protocol's fields. */
export function padState({ buttons, axes }) {
  let bits = 0;
  for (let i = 0; i < Math.min(BUTTONS, buttons.length); i++) if (buttons[i].pressed) bits |= 1 << i;
  return {
    buttons: bits,
    left_x: axis(axes[0]),
    left_y: axis(axes[1]),
    right_x: axis(axes[2]),
    right_y: axis(axes[3]),
    left_trigger: trigger(buttons[6]?.value),
    right_trigger: trigger(buttons[7]?.value),
  };
}

export class Gamepads {
  #polling = false;
  #again = new Map(); // timers that go on with a long rumble, by gamepad

  constructor({ connection, pads, notices }) {
    Object.assign(this, { pads, notices });
    connection.on(Rumble, (rumble) => this.#rumble(rumble));
  }

  attach() {
    addEventListener("gamepadconnected", ({ gamepad }) => {
      this.notices.show(`Gamepad connected: ${shortName(gamepad.id)}`);
      this.#poll();
    });
    addEventListener("gamepaddisconnected", ({ gamepad }) => {
      this.pads.gone(gamepad.index);
      this.notices.show(`Gamepad unplugged: ${shortName(gamepad.id)}`);
    });
    document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && this.pads.rest());
  }

  /** Once for every picture of the screen, and only while there is a pad: browsers tell of no changes. */
  #poll() {
    if (this.#polling) return;
    this.#polling = true;
    const look = () => {
      const connected = navigator.getGamepads().filter((pad) => pad?.connected);
      for (const pad of connected) this.pads.set(pad.index, padState(pad));
      this.#polling = connected.length > 0;
      if (this.#polling) requestAnimationFrame(look);
    };
    look();
  }

  #rumble({ pad, strong, weak, duration_ms: duration }) {
    const owner = this.pads.owner(pad);
    if (typeof owner !== "number") {
      if (strong || weak) navigator.vibrate?.(Math.min(duration, 1000)); // the pad on the screen shakes the phone
      return;
    }
    clearTimeout(this.#again.get(owner));
    const motor = navigator.getGamepads()[owner]?.vibrationActuator;
    if (!motor) return;
    if (!strong && !weak) return void motor.reset?.();
    this.#shake(owner, motor, duration, { strongMagnitude: strong / 65535, weakMagnitude: weak / 65535 });
  }

  /** Browsers refuse an effect that is too long, and games ask for a minute and say later that it is enough. */
  #shake(owner, motor, duration, strength) {
    const part = Math.min(duration, LONGEST_EFFECT_MS);
    motor.playEffect("dual-rumble", { duration: part, ...strength });
    if (duration === part) return;
    const rest = () => this.#shake(owner, motor, duration - part, strength);
    this.#again.set(owner, setTimeout(rest, part));
  }
}

/** "Xbox Wireless Controller (STANDARD GAMEPAD Vendor: 045e …)" without what nobody reads. */
function shortName(id) {
  return id.replace(/\s*\(.*$/, "") || "gamepad";
}
