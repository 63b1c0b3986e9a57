// What the player does, numbered and stamped, on its way to the game.

import { InputAck, ReleaseAll } from "./protocol.js";
import { nowUs } from "./clock.js";

const REMEMBERED = 1024;

/** Sends inputs, and measures how long they take; a viewer's never leave the page. */
export class Inputs {
  #seq = 0;
  #sentUs = new Float64Array(REMEMBERED);
  #newestShown = 0;
  allowed = false;

  constructor({ connection, clock, stats }) {
    this.connection = connection;
    this.clock = clock;
    this.stats = stats;
    connection.on(InputAck, ({ seq }) => this.#acknowledged(seq));
  }

  /** Send one input that the page saw at `atUs`; false where it went nowhere. */
  send(message, fields = {}, atUs = nowUs()) {
    if (!this.allowed || !this.connection.ready) return false;
    this.#seq += 1;
    this.#sentUs[this.#seq % REMEMBERED] = atUs;
    return this.connection.send(message, { ...fields, seq: this.#seq, time_us: this.clock.toServer(atUs) });
  }

  /** Let go of everything: the page no longer sees when keys come up. */
  releaseAll() {
    this.send(ReleaseAll);
  }

  /** A picture that had seen input `seq` was drawn at `atUs`; the time it took, or null where that is not known. */
  shown(seq, atUs) {
    if (seq <= this.#newestShown || this.#seq - seq >= REMEMBERED || seq > this.#seq) return null;
    this.#newestShown = seq;
    return (atUs - this.#sentUs[seq % REMEMBERED]) / 1000;
  }

  #acknowledged(seq) {
    if (seq > this.#seq || this.#seq - seq >= REMEMBERED) return;
    this.stats.add("roundTrip", (nowUs() - this.#sentUs[seq % REMEMBERED]) / 1000);
  }
}
