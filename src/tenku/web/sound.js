// Opus packets in, sound out, in step with the picture.

import { remembered, remember } from "./memory.js";

const RATE = 48_000;
const LEAST_MS = 15;
const MOST_MS = 120;
const MOST_HELD_MS = 320;
const START_MS = 25;
/** Each late packet asks for so much more, and so much of it is forgotten with every report: most of it in 20 s. */
const LATE_PACKET_MS = 6;
const FORGET = 0.005;
/** Sound earlier than the picture is noticed sooner than sound that is late. */
const EARLY_MS = -15;
/** Behind the picture by more than this, a gap now and then is the smaller evil. */
const LATE_MS = 42;
/** Below that, so much is left alone, so that the target does not swing. */
const CALM_MS = 12;
/**
 * How much the device may hold back, best first: 0 was seen to mean 11 ms and "interactive" 42 ms. At 0 the sound
 * thread must wake 375 times a second; a machine that cannot do that falls behind, and gets the second one.
 */
const LATENCY_HINTS = [0, "interactive"];
const OPUS = { codec: "opus", sampleRate: RATE, numberOfChannels: 2 };
/** Packets in the decoder, and packets that the sound thread has not taken yet, at most; 10 ms each. */
const BEHIND = 10;
const UNHEARD = 40;
const SLOW_WINDOW_MS = 3000;
const SLOW_PART = 0.95;
const DEBUG_SECONDS = 5;

/**
 * The buffer's next target in milliseconds, decided ten times a second.
 *
 * `floorMs` is what the network's unevenness needs. Sound that runs ahead of the picture is held back above it, and
 * sound that would run far behind gets less than it.
 */
export function nextTarget({ targetMs, floorMs, skewMs }) {
  const skew = skewMs ?? 0;
  if (skew > LATE_MS) return Math.max(LEAST_MS, targetMs - 3);
  if (skew > LATE_MS - CALM_MS && targetMs < floorMs) return targetMs;
  if (skew < EARLY_MS) return Math.min(MOST_HELD_MS, targetMs + Math.min(10, (EARLY_MS - skew) / 2));
  return targetMs + Math.sign(floorMs - targetMs) * Math.min(1, Math.abs(floorMs - targetMs));
}

/** What the network's unevenness needs: more after each late packet, slowly less when there are none. */
export function nextFloor({ floorMs, underruns }) {
  if (underruns > 0) return Math.min(MOST_MS, floorMs + LATE_PACKET_MS * underruns);
  return floorMs - (floorMs - LEAST_MS) * FORGET;
}

export class Sound {
  #context = null;
  #gain = null;
  #node = null;
  #decoder = null;
  #starting = false;
  #hints = matchMedia("(hover: none)").matches ? LATENCY_HINTS.slice(1) : LATENCY_HINTS; // phones crackle at 0
  #pace = null; // { at, ms }: where the sound thread was, to see whether it keeps up
  #report = null;
  #underruns = 0;
  /**
   * Capture times of the packets inside the decoder, which gives back one block of samples for each. Its own
   * timestamps only count samples from the first packet on (Chromium does), and so lose every gap.
   */
  #capturesUs = [];
  #posted = 0; // packets given to the sound thread
  #targetMs = START_MS;
  #floorMs = START_MS;
  #skewMs = null;
  #decoded = [];
  #heard = [];
  volume = remembered("volume", 1);
  muted = remembered("muted", false);

  /** `onBlocked(blocked)`: the browser waits for a gesture before it lets sound out, or no longer. */
  constructor({ onBlocked, onMissing, debug }) {
    Object.assign(this, { onBlocked, onMissing, debug });
  }

  static get possible() {
    return "AudioDecoder" in globalThis && "AudioWorkletNode" in globalThis;
  }

  /** Open the loudspeaker; call it after the first picture, which it would delay. */
  async start() {
    if (this.#starting) return;
    this.#starting = true;
    if (!Sound.possible) return this.onMissing();
    try {
      await this.#open();
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      console.warn("No sound:", error.message); // no device, or the sound thread could not load
      this.onMissing();
    }
  }

  /** A gesture of the player: browsers let sound out from now on. */
  async resume() {
    if (this.#context?.state !== "suspended") return;
    await this.#context.resume();
    this.onBlocked(this.#context.state !== "running");
  }

  get running() {
    return this.#context?.state === "running";
  }

  receive({ capture_us: captureUs, data }) {
    if (!this.#node || !this.running) return; // old sound is of no use later
    if (this.#decoder?.state !== "configured") this.#openDecoder();
    if (this.#capturesUs.length > BEHIND) this.#forgetQueue();
    if (this.#posted - (this.#report?.totals.packets ?? this.#posted) > UNHEARD) return;
    this.#capturesUs.push(captureUs);
    this.#decoder.decode(new EncodedAudioChunk({ type: "key", timestamp: captureUs, duration: 10_000, data }));
  }

  setVolume(volume, muted = this.muted) {
    this.volume = remember("volume", volume);
    this.muted = remember("muted", muted);
    if (this.#gain) this.#gain.gain.setTargetAtTime(muted ? 0 : volume, this.#context.currentTime, 0.01);
  }

  /** How far the sound that is heard now runs behind a picture, in milliseconds; null while none plays. */
  skewMs(pictureUs) {
    if (!this.#report || this.#report.captureUs === null || !this.running) return null;
    const heardUs = this.#report.captureUs + (this.#heardTime() - this.#report.at) * 1e6;
    const skew = (pictureUs - heardUs) / 1000;
    this.#skewMs = this.#skewMs === null ? skew : this.#skewMs + (skew - this.#skewMs) * 0.05;
    return skew;
  }

  get state() {
    return {
      context: this.#context?.state ?? "none",
      latencyHint: this.#hints[0],
      decoding: this.#decoder?.decodeQueueSize ?? 0,
      unheard: this.#posted - (this.#report?.totals.packets ?? 0),
      targetMs: this.#targetMs,
      floorMs: this.#floorMs,
      levelMs: this.#report?.levelMs ?? null,
      ...this.#report?.totals,
    };
  }

  /** The last seconds of decoded left-channel samples, kept with `?debug=1` only. */
  decoded() {
    return concatenated(this.#decoded);
  }

  /** The last seconds of samples that the loudspeaker got, kept with `?debug=1` only. */
  heard() {
    return concatenated(this.#heard);
  }

  async #open() {
    const context = new AudioContext({ sampleRate: RATE, latencyHint: this.#hints[0] });
    this.#context = context;
    this.#pace = null;
    context.onstatechange = () => context === this.#context && this.onBlocked(context.state === "suspended");
    await context.audioWorklet.addModule(new URL("audio-worklet.js", import.meta.url));
    const node = new AudioWorkletNode(context, "tenku-player", {
      numberOfInputs: 0,
      outputChannelCount: [2],
      processorOptions: { tap: this.debug },
    });
    this.#gain = new GainNode(context, { gain: this.muted ? 0 : this.volume });
    node.connect(this.#gain).connect(context.destination);
    node.port.onmessage = ({ data }) => {
      if (data.heard) this.#keep(this.#heard, data.heard);
      else if (node === this.#node) this.#reported(data);
    };
    this.#node = node;
    this.onBlocked(context.state === "suspended");
  }

  /** Like the picture's, this decoder does not catch up by itself; old sound is not worth decoding. */
  #forgetQueue() {
    this.#capturesUs = [];
    this.#decoder.reset();
    this.#decoder.configure(OPUS);
  }

  #openDecoder() {
    this.#capturesUs = [];
    this.#decoder = new AudioDecoder({
      output: (sound) => this.#play(sound),
      error: (error) => console.warn("The sound decoder failed:", error.message),
    });
    this.#decoder.configure(OPUS);
  }

  #play(sound) {
    const captureUs = this.#capturesUs.shift();
    if (!this.#node || captureUs === undefined) return sound.close();
    const channel = (planeIndex) => {
      const samples = new Float32Array(sound.numberOfFrames);
      sound.copyTo(samples, { planeIndex, format: "f32-planar" });
      return samples;
    };
    const left = channel(0);
    const right = sound.numberOfChannels > 1 ? channel(1) : left.slice();
    if (this.debug) this.#keep(this.#decoded, left.slice());
    this.#posted += 1;
    this.#node.port.postMessage({ captureUs, left, right }, [left.buffer, right.buffer]);
    sound.close();
  }

  /** Whether the sound thread is slower than the clock; decided every few seconds while it runs. */
  #tooSlow({ at }) {
    const ms = performance.now();
    if (this.#pace === null || !this.running) this.#pace = { at, ms };
    const passedMs = ms - this.#pace.ms;
    if (passedMs < SLOW_WINDOW_MS) return false;
    const part = ((at - this.#pace.at) * 1000) / passedMs;
    this.#pace = { at, ms };
    return part < SLOW_PART;
  }

  async #reopenSlower() {
    this.#hints = this.#hints.slice(1);
    this.#node = null;
    this.#report = null;
    this.#underruns = 0;
    this.#posted = 0;
    this.#floorMs = START_MS;
    await this.#context.close();
    await this.#open();
  }

  #reported(report) {
    if (this.#hints.length > 1 && this.#tooSlow(report)) return void this.#reopenSlower();
    const underruns = report.totals.underruns - this.#underruns;
    this.#underruns = report.totals.underruns;
    this.#report = report;
    if (!report.playing) this.#skewMs = null;
    this.#floorMs = nextFloor({ floorMs: this.#floorMs, underruns });
    this.#targetMs = nextTarget({ targetMs: this.#targetMs, floorMs: this.#floorMs, skewMs: this.#skewMs });
    this.#node.port.postMessage({ targetMs: this.#targetMs });
  }

  /** The context's time of the sample that leaves the loudspeaker now. */
  #heardTime() {
    const { contextTime, performanceTime } = this.#context.getOutputTimestamp();
    if (performanceTime > 0) return contextTime + (performance.now() - performanceTime) / 1000;
    return this.#context.currentTime - (this.#context.outputLatency ?? 0);
  }

  #keep(blocks, block) {
    blocks.push(block);
    if (blocks.length * block.length > RATE * DEBUG_SECONDS) blocks.shift();
  }
}

function concatenated(blocks) {
  const samples = new Float32Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let at = 0;
  for (const block of blocks) {
    samples.set(block, at);
    at += block.length;
  }
  return samples;
}
