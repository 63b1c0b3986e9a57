// Opus packets in, sound out, in step with the picture.

import { remembered, remember } from "./memory.js";

const RATE = 48_000;
const LEAST_MS = 15;
const MOST_MS = 120;
const START_MS = 25;
/** Each late packet asks for so much more, and so much of it is forgotten with every report: most of it in 20 s. */
const LATE_PACKET_MS = 6;
const FORGET = 0.005;
/** Sound earlier than the picture is noticed sooner than sound that is late. */
const EARLY_MS = -15;
const LATE_MS = 20;
const DEBUG_SECONDS = 5;

/**
 * The buffer's next target in milliseconds, decided ten times a second.
 *
 * `floorMs` is what the network's unevenness needs; sound that runs ahead of the picture is held back above it.
 */
export function nextTarget({ targetMs, floorMs, skewMs }) {
  let wanted = targetMs;
  if (skewMs !== null && skewMs < EARLY_MS) wanted += Math.min(10, (EARLY_MS - skewMs) / 2);
  else if (skewMs !== null && skewMs > LATE_MS) wanted -= 2;
  return Math.max(floorMs, Math.min(wanted, MOST_MS + 200));
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
  #report = null;
  #underruns = 0;
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
    const context = new AudioContext({ sampleRate: RATE, latencyHint: 0 }); // 0: as little as the device can
    this.#context = context;
    context.onstatechange = () => this.onBlocked(context.state === "suspended");
    await context.audioWorklet.addModule(new URL("audio-worklet.js", import.meta.url));
    const node = new AudioWorkletNode(context, "tenku-player", {
      numberOfInputs: 0,
      outputChannelCount: [2],
      processorOptions: { tap: this.debug },
    });
    this.#gain = new GainNode(context, { gain: this.muted ? 0 : this.volume });
    node.connect(this.#gain).connect(context.destination);
    node.port.onmessage = ({ data }) => (data.heard ? this.#keep(this.#heard, data.heard) : this.#reported(data));
    this.#node = node;
    this.onBlocked(context.state === "suspended");
  }

  #openDecoder() {
    this.#decoder = new AudioDecoder({
      output: (sound) => this.#play(sound),
      error: (error) => console.warn("The sound decoder failed:", error.message),
    });
    this.#decoder.configure({ codec: "opus", sampleRate: RATE, numberOfChannels: 2 });
  }

  #play(sound) {
    const channel = (planeIndex) => {
      const samples = new Float32Array(sound.numberOfFrames);
      sound.copyTo(samples, { planeIndex, format: "f32-planar" });
      return samples;
    };
    const left = channel(0);
    const right = sound.numberOfChannels > 1 ? channel(1) : left.slice();
    if (this.debug) this.#keep(this.#decoded, left.slice());
    this.#node.port.postMessage({ captureUs: sound.timestamp, left, right }, [left.buffer, right.buffer]);
    sound.close();
  }

  #reported(report) {
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
