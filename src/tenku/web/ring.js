// A short buffer of sound that knows when each sample was played by the game.

/** A quarter of a second without sound was silence, which the server does not send; less may be a late packet. */
const LATE_US = 250_000;
/** A step in the packets' times of more than this, while sound plays, was silence. */
const STEP_US = 20_000;
/** So much more than the target is dropped at once; less is caught up by playing a little faster. */
const SURPLUS_MS = 40;
/** Samples over which a jump is smoothed, so that it does not click. */
const EASE = 128;
const MAX_SPEED = 0.01;

/** Stereo samples between the decoder and the loudspeaker. Positions count samples since the start. */
export class Ring {
  #left;
  #right;
  #size;
  #written = 0;
  #read = 0; // with a fraction, because the speed is not always 1
  #marks = []; // { at, captureUs }: the capture time of a position
  #nextUs = null; // capture time of the sample after the last one
  #hold = 0; // samples of silence still to play before the buffer counts as filled
  #level = 0; // milliseconds in the buffer, smoothed over the packets' coming and going
  #ease = 0;
  #last = [0, 0];
  playing = false;
  targetMs = 25;
  totals = { packets: 0, underruns: 0, dropped: 0, silence: 0 };

  constructor({ rate = 48_000, seconds = 2 } = {}) {
    this.rate = rate;
    this.#size = rate * seconds;
    this.#left = new Float32Array(this.#size);
    this.#right = new Float32Array(this.#size);
  }

  get levelMs() {
    return ((this.#written - this.#read) / this.rate) * 1000;
  }

  /** Capture time of the sample that plays next, in microseconds; null while nothing plays. */
  get captureUs() {
    if (!this.playing || this.#marks.length === 0) return null;
    const mark = this.#marks[0];
    return mark.captureUs + ((this.#read - mark.at) / this.rate) * 1e6;
  }

  push(captureUs, left, right) {
    this.totals.packets += 1;
    const step = this.#nextUs === null ? Infinity : captureUs - this.#nextUs;
    if (!this.playing) this.#startFilling(step);
    else if (step > STEP_US && step < LATE_US) this.#writeSilence(step);
    this.#marks.push({ at: this.#written, captureUs });
    this.#write(left, right);
    this.#nextUs = captureUs + (left.length / this.rate) * 1e6;
    if (this.levelMs > this.targetMs + SURPLUS_MS) this.#dropSurplus();
  }

  /** Fill a block for the loudspeaker. */
  pull(left, right) {
    const speed = this.#speed(left.length);
    for (let i = 0; i < left.length; i++) this.#pullOne(left, right, i, speed);
    this.#forgetMarks();
  }

  #startFilling(step) {
    this.playing = true;
    this.#level = this.targetMs;
    this.#hold = Math.max(0, Math.round((this.targetMs / 1000) * this.rate));
    if (step < STEP_US) this.totals.underruns += 1; // it should have followed at once: it came late
  }

  #pullOne(left, right, i, speed) {
    let nextLeft = 0;
    let nextRight = 0;
    if (this.#hold > 0) this.#hold -= 1;
    else if (this.#written - this.#read > 1) {
      const at = Math.floor(this.#read);
      const part = this.#read - at;
      const here = at % this.#size;
      const there = (at + 1) % this.#size;
      nextLeft = this.#left[here] * (1 - part) + this.#left[there] * part;
      nextRight = this.#right[here] * (1 - part) + this.#right[there] * part;
      this.#read += speed;
    } else if (this.playing) {
      this.playing = false;
      this.#ease = EASE;
    }
    if (this.#ease > 0) {
      const old = this.#ease-- / EASE;
      nextLeft = nextLeft * (1 - old) + this.#last[0] * old;
      nextRight = nextRight * (1 - old) + this.#last[1] * old;
    } else {
      this.#last[0] = nextLeft;
      this.#last[1] = nextRight;
    }
    left[i] = nextLeft;
    right[i] = nextRight;
  }

  /** A little faster above the target and slower below it; far too little to be heard as a change of pitch. */
  #speed(length) {
    if (this.#hold > 0 || !this.playing) return 1;
    const share = Math.min(1, length / this.rate / 0.25);
    this.#level += (this.levelMs - this.#level) * share;
    const error = this.#level - this.targetMs;
    return 1 + Math.max(-MAX_SPEED, Math.min(MAX_SPEED, error * 0.0005));
  }

  #write(left, right) {
    for (let i = 0; i < left.length; i++) {
      const at = (this.#written + i) % this.#size;
      this.#left[at] = left[i];
      this.#right[at] = right[i];
    }
    this.#written += left.length;
  }

  #writeSilence(us) {
    const silence = new Float32Array(Math.round((us / 1e6) * this.rate));
    this.totals.silence += silence.length;
    this.#write(silence, silence);
  }

  #dropSurplus() {
    const keep = Math.round((this.targetMs / 1000) * this.rate);
    const surplus = Math.floor(this.#written - this.#read) - keep;
    this.#read += surplus;
    this.#hold = 0;
    this.#level = this.targetMs;
    this.#ease = EASE;
    this.totals.dropped += surplus;
    this.#forgetMarks();
  }

  #forgetMarks() {
    while (this.#marks.length > 1 && this.#marks[1].at <= this.#read) this.#marks.shift();
  }
}
