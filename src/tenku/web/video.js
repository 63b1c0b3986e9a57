// Encoded pictures in, drawn pictures out, with no queue that could grow.

import { Ack, KeyFrame, Shown } from "./protocol.js";
import { DecoderChoice } from "./decoder.js";
import { surfaceOn } from "./surface.js";
import { nowUs } from "./clock.js";

/** More than this many pictures waiting in the decoder: it does not catch up by itself, so skip to a key frame. */
const BEHIND = 4;
/** A key frame that was asked for and has not come after this long is asked for once more. */
const ASK_AGAIN_MS = 2000;
/** The decoder failed this often without showing anything: the browser cannot play this stream. */
const HOPELESS = 4;
/** Pictures that the decoder swallowed without a word are forgotten after so many others. */
const REMEMBERED = 64;
const KEY = 1;
export const NO_SOUND = -32768;

export class Video {
  #surface;
  #decoder = null;
  #configs = [];
  #pictures = new Map(); // what is known of the pictures inside the decoder, by their timestamp
  #waitingForKey = true;
  #askedAt = null;
  #failures = 0;
  #firstPictureSeen = false;
  /** The player's inputs, once there is a seat. */
  inputs = null;

  /** `skewMs(captureUs)` says how far the sound runs behind a picture, or null. */
  constructor({ canvas, connection, clock, stats, skewMs, onFirstPicture, onHopeless, choice = new DecoderChoice() }) {
    Object.assign(this, { connection, clock, stats, skewMs, onFirstPicture, onHopeless, choice });
    this.#surface = surfaceOn(canvas);
  }

  /** A connection begins with a key frame, and decoding starts anew with it. */
  start({ codec }) {
    this.#closeDecoder();
    this.#waitingForKey = true;
    this.#askedAt = null;
    this.#failures = 0;
    this.stats.reconnected();
    this.#configs = this.choice.configs(codec);
    this.#openDecoder();
  }

  /** A video message came. */
  receive(picture) {
    picture.receivedUs = nowUs();
    const queue = Math.min(255, this.#decoder?.decodeQueueSize ?? 0);
    this.connection.send(Ack, { frame: picture.frame, queue });
    this.stats.received(picture.frame, picture.data.length);
    if (this.#decoder) this.#decode(picture);
  }

  #decode(picture) {
    if (picture.flags & KEY) this.#beginAnew();
    else if (this.#waitingForKey || this.#decoder.decodeQueueSize > BEHIND) return this.#skip();
    this.#pictures.set(picture.capture_us, picture);
    if (this.#pictures.size > REMEMBERED) this.#pictures.delete(this.#pictures.keys().next().value);
    this.#decoder.decode(
      new EncodedVideoChunk({
        type: picture.flags & KEY ? "key" : "delta",
        timestamp: picture.capture_us,
        data: picture.data,
      }),
    );
  }

  /** A key frame makes everything older worthless, so a queue is thrown away instead of decoded. */
  #beginAnew() {
    this.#waitingForKey = false;
    this.#askedAt = null;
    if (this.#decoder.decodeQueueSize <= BEHIND) return;
    this.stats.dropped(this.#pictures.size);
    this.#pictures.clear();
    this.#decoder.reset();
    this.#decoder.configure(this.#configs[0]);
  }

  #skip() {
    this.stats.dropped(1);
    this.#waitingForKey = true;
    this.#askForKey();
  }

  #askForKey() {
    const now = performance.now();
    if (this.#askedAt !== null && now - this.#askedAt < ASK_AGAIN_MS) return;
    this.#askedAt = now;
    this.stats.totals.keyFramesAsked += 1;
    this.connection.send(KeyFrame);
  }

  #openDecoder() {
    const decoder = new VideoDecoder({
      output: (frame) => this.#show(frame),
      error: (error) => decoder === this.#decoder && this.#failed(error),
    });
    this.#decoder = decoder;
    decoder.configure(this.#configs[0]);
  }

  #closeDecoder() {
    if (this.#decoder && this.#decoder.state !== "closed") this.#decoder.close();
    this.#decoder = null;
    this.#pictures.clear();
  }

  /** The decoder gave up. Try the next setting where there is one: hardware fails in ways that software does not. */
  #failed(error) {
    console.warn("The video decoder failed:", error.message);
    this.#closeDecoder();
    this.#failures += 1;
    const unknown = error.name === "NotSupportedError" && this.#configs.length === 1;
    if (unknown || this.#failures >= HOPELESS) return this.onHopeless(`The browser's decoder failed: ${error.message}`);
    if (this.#configs.length > 1) this.#configs.shift();
    this.#openDecoder();
    this.#waitingForKey = true;
    this.#askForKey();
  }

  #show(frame) {
    const decodedUs = nowUs();
    const picture = this.#pictures.get(frame.timestamp);
    this.#pictures.delete(frame.timestamp);
    if (!picture) return frame.close(); // of a queue that was thrown away
    this.#surface.show(frame);
    this.#failures = 0;
    const shownUs = nowUs();
    if (!this.#firstPictureSeen) {
      this.#firstPictureSeen = true;
      performance.mark("tenku:first-frame");
      this.onFirstPicture();
    }
    this.#report({ picture, decodedUs, shownUs });
  }

  #report({ picture, decodedUs, shownUs }) {
    const receivedUs = picture.receivedUs;
    const skew = this.skewMs(picture.capture_us);
    const stages = {
      wait: picture.encode_start_us / 1000,
      encode: (picture.encode_end_us - picture.encode_start_us) / 1000,
      send: (picture.send_us - picture.encode_end_us) / 1000,
      decode: (decodedUs - receivedUs) / 1000,
      show: (shownUs - decodedUs) / 1000,
    };
    if (this.clock.known) {
      const captureUs = picture.capture_us;
      stages.network = (this.clock.toServer(receivedUs) - captureUs - picture.send_us) / 1000;
      stages.total = (this.clock.toServer(shownUs) - captureUs) / 1000;
      this.connection.send(Shown, {
        frame: picture.frame,
        received_us: this.clock.toServer(receivedUs),
        decoded_us: Math.round(decodedUs - receivedUs),
        shown_us: Math.round(shownUs - receivedUs),
        skew_ms: skew === null ? NO_SOUND : Math.max(-32767, Math.min(32767, Math.round(skew))),
      });
    }
    if (skew !== null) stages.skew = skew;
    const inputToShown = this.inputs?.shown(picture.input_seq, shownUs) ?? null;
    if (inputToShown !== null) stages.inputToShown = inputToShown;
    this.stats.shown(stages, shownUs / 1000);
  }
}
