// What was measured in the last seconds, in memory that does not grow.

export const WINDOW_MS = 5000;
const CAPACITY = 2048;

/** The stages of a picture's way, in order, as `[name, label]`. */
export const STAGES = [
  ["wait", "Capture → encode"],
  ["encode", "Encode"],
  ["send", "Send wait"],
  ["network", "Network"],
  ["decode", "Decode"],
  ["show", "Show"],
  ["total", "Capture → shown"],
  ["roundTrip", "Input round trip"],
  ["inputToShown", "Input → shown"],
];

/** Values with the times they came at; the oldest make room. */
export class Series {
  #values = new Float64Array(CAPACITY);
  #times = new Float64Array(CAPACITY);
  #count = 0;

  add(value, atMs) {
    this.#values[this.#count % CAPACITY] = value;
    this.#times[this.#count % CAPACITY] = atMs;
    this.#count += 1;
  }

  /** Values that came after `sinceMs`, oldest first. */
  since(sinceMs) {
    const found = [];
    const oldest = Math.max(0, this.#count - CAPACITY);
    for (let i = this.#count - 1; i >= oldest && this.#times[i % CAPACITY] >= sinceMs; i--) {
      found.push(this.#values[i % CAPACITY]);
    }
    return found.reverse();
  }
}

/** The value that the fraction `part` of all values does not exceed; null of none. */
export function percentile(values, part) {
  if (values.length === 0) return null;
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)];
}

/** Everything the overlay shows; times are milliseconds. */
export class Stats {
  #series = new Map();
  #lastFrame = null;
  #lastShownMs = null;
  totals = { received: 0, shown: 0, dropped: 0, bytes: 0, keyFramesAsked: 0 };

  add(name, value, atMs = performance.now()) {
    let series = this.#series.get(name);
    if (!series) this.#series.set(name, (series = new Series()));
    series.add(value, atMs);
  }

  values(name, nowMs = performance.now(), windowMs = WINDOW_MS) {
    return this.#series.get(name)?.since(nowMs - windowMs) ?? [];
  }

  /** `{ p50, p95, count }` of the last seconds. */
  summary(name, nowMs = performance.now()) {
    const values = this.values(name, nowMs);
    return { p50: percentile(values, 0.5), p95: percentile(values, 0.95), count: values.length };
  }

  /** A video message of `bytes` came; the numbers that are missing were dropped by the server. */
  received(frame, bytes) {
    const missing = this.#lastFrame === null ? 0 : frame - this.#lastFrame - 1;
    if (missing > 0) this.dropped(missing);
    this.#lastFrame = frame;
    this.totals.received += 1;
    this.totals.bytes += bytes;
    this.add("bytes", bytes);
  }

  dropped(count) {
    this.totals.dropped += count;
    this.add("dropped", count);
  }

  /** A picture was drawn; every value in `stages` is milliseconds. */
  shown(stages, atMs) {
    this.totals.shown += 1;
    for (const [name, value] of Object.entries(stages)) this.add(name, value, atMs);
    if (this.#lastShownMs !== null) this.add("interval", atMs - this.#lastShownMs, atMs);
    this.#lastShownMs = atMs;
  }

  /** Frame numbers begin anew with a connection. */
  reconnected() {
    this.#lastFrame = null;
    this.#lastShownMs = null;
  }

  fps(nowMs = performance.now()) {
    return this.values("interval", nowMs, 1000).length;
  }

  kbps(nowMs = performance.now()) {
    return (this.values("bytes", nowMs, 1000).reduce((sum, bytes) => sum + bytes, 0) * 8) / 1000;
  }

  droppedLately(nowMs = performance.now()) {
    return this.values("dropped", nowMs).reduce((sum, count) => sum + count, 0);
  }
}
