// Plays the ring in the browser's sound thread, and says ten times a second where it is.

import { Ring } from "./ring.js";

const REPORT_S = 0.1;

class Player extends AudioWorkletProcessor {
  #ring = new Ring({ rate: sampleRate });
  #reportedAt = 0;
  #tap;

  constructor({ processorOptions }) {
    super();
    this.#tap = processorOptions.tap;
    this.port.onmessage = ({ data }) => {
      if (data.targetMs !== undefined) this.#ring.targetMs = data.targetMs;
      else this.#ring.push(data.captureUs, data.left, data.right);
    };
  }

  process(_inputs, [[left, right]]) {
    const captureUs = this.#ring.captureUs;
    this.#ring.pull(left, right);
    if (this.#tap) this.port.postMessage({ heard: left.slice() });
    if (currentTime - this.#reportedAt >= REPORT_S) {
      this.#reportedAt = currentTime;
      const { levelMs, totals, playing } = this.#ring;
      this.port.postMessage({ captureUs, at: currentTime, levelMs, playing, totals: { ...totals } });
    }
    return true;
  }
}

registerProcessor("tenku-player", Player);
