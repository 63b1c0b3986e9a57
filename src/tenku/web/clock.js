// The server's clock, as this browser estimates it.

/** Microseconds of this page's own clock. */
export function nowUs() {
  return performance.now() * 1000;
}

/** When an event happened, on this page's clock; made-up events carry no usable time and count as now. */
export function eventUs(event) {
  const now = performance.now();
  const stamp = event?.timeStamp ?? now;
  return (stamp > 0 && stamp <= now ? stamp : now) * 1000;
}

/**
 * Offset to the server's clock from pings and their answers.
 *
 * The answer with the shortest round trip of the last ones is believed: a queue on the way can only make a round
 * trip longer, so the shortest one has the least error. Few samples are kept, so that the drift of two clocks
 * (some 50 us a second at worst) stays below a millisecond.
 */
export class Clock {
  static KEEP = 16;
  #samples = [];

  /** Forget everything: another server may answer now. */
  reset() {
    this.#samples = [];
  }

  hear({ browserUs, serverUs, receivedUs }) {
    const rttUs = receivedUs - browserUs;
    if (rttUs < 0) return;
    this.#samples.push({ rttUs, offsetUs: serverUs - browserUs - rttUs / 2 });
    if (this.#samples.length > Clock.KEEP) this.#samples.shift();
  }

  get known() {
    return this.#samples.length > 0;
  }

  /** The newest round trip in milliseconds, or null. */
  get rttMs() {
    return this.known ? this.#samples.at(-1).rttUs / 1000 : null;
  }

  get offsetUs() {
    let best = this.#samples[0];
    for (const sample of this.#samples) if (sample.rttUs < best.rttUs) best = sample;
    return best?.offsetUs ?? 0;
  }

  /** A time of this page on the server's clock; 0 while that is not known. */
  toServer(us) {
    return this.known ? Math.max(0, Math.round(us + this.offsetUs)) : 0;
  }
}
