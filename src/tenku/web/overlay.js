// What was measured, for people who would rather see it than believe it.

import { element } from "./element.js";
import { STAGES } from "./stats.js";

const EVERY_MS = 250;
const BARS = 240;
/** Milliseconds at the top of the graph. */
const TOP_MS = 66;

export class Overlay {
  #cells = new Map();
  #timer = null;
  #quality = null;

  constructor({ root, stats, sound }) {
    Object.assign(this, { root, stats, sound });
  }

  get shown() {
    return !this.root.hidden;
  }

  quality(quality) {
    this.#quality = quality;
  }

  toggle() {
    this.root.hidden = !this.root.hidden;
    clearInterval(this.#timer);
    if (this.root.hidden) return;
    if (this.#cells.size === 0) this.#build();
    this.#update();
    this.#timer = setInterval(() => this.#update(), EVERY_MS);
  }

  #build() {
    const head = element(
      "tr",
      {},
      element("th", {}),
      element("th", { scope: "col" }, "p50"),
      element("th", { scope: "col" }, "p95"),
      element("th", { scope: "col" }, "ms"),
    );
    const rows = STAGES.map(([name, label]) => this.#row(name, label));
    this.graph = element("canvas", {
      width: 480,
      height: 112,
      role: "img",
      "aria-label": "Time from frame to frame, and from capture to shown",
    });
    this.facts = element("dl", { class: "facts" });
    this.root.replaceChildren(
      this.facts,
      this.graph,
      element(
        "p",
        { class: "legend" },
        element("i", { class: "bars" }),
        "frame to frame",
        element("i", { class: "line" }),
        "capture → shown",
      ),
      element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)),
    );
  }

  #row(name, label) {
    const cells = [element("td", {}), element("td", {})];
    const bar = element("i", {});
    this.#cells.set(name, [...cells, bar]);
    const total = name === "total" || name === "inputToShown";
    return element(
      "tr",
      { class: total ? "total" : "" },
      element("th", { scope: "row" }, label),
      ...cells,
      element("td", { class: "bar" }, bar),
    );
  }

  #update() {
    const now = performance.now();
    for (const [name, [median, high, bar]] of this.#cells) {
      const { p50, p95 } = this.stats.summary(name, now);
      median.textContent = number(p50);
      high.textContent = number(p95);
      bar.style.width = `${Math.min(100, ((p50 ?? 0) / 50) * 100)}%`;
    }
    this.facts.replaceChildren(
      ...this.#facts(now).flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
    );
    this.#draw(now);
  }

  #facts(now) {
    const skew = this.stats.summary("skew", now);
    const quality = this.#quality;
    return [
      ["Frames", `${this.stats.fps(now)} fps`],
      ["Bitrate", `${(this.stats.kbps(now) / 1000).toFixed(1)} Mbit/s`],
      ["Dropped", `${this.stats.droppedLately(now)} in 5 s`],
      ["Sound behind picture", skew.count ? `${number(skew.p50)} ms` : "no sound"],
      ["Picture", quality ? `${quality.width}×${quality.height}` : "–"],
      ["Asked for", quality ? `${quality.fps} fps, ${(quality.bitrate_kbps / 1000).toFixed(1)} Mbit/s` : "–"],
    ];
  }

  #draw(now) {
    const context = this.graph.getContext("2d");
    const { width, height } = this.graph;
    const y = (ms) => height - Math.min(1, ms / TOP_MS) * (height - 2);
    context.clearRect(0, 0, width, height);
    context.fillStyle = "rgba(255,255,255,.16)";
    for (const ms of [1000 / 60, 1000 / 30]) context.fillRect(0, Math.round(y(ms)), width, 1);
    const step = width / BARS;
    const intervals = this.stats.values("interval", now).slice(-BARS);
    for (const [i, ms] of intervals.entries()) {
      context.fillStyle = ms > 34 ? "#ff8d7a" : ms > 20 ? "#ffd479" : "#4f8fc4";
      context.fillRect(i * step, y(ms), Math.max(1, step - 0.5), height - y(ms));
    }
    context.strokeStyle = "#e8f4ff";
    context.lineWidth = 1.5;
    context.beginPath();
    for (const [i, ms] of this.stats.values("total", now).slice(-BARS).entries())
      context.lineTo((i + 0.5) * step, y(ms));
    context.stroke();
  }
}

function number(ms) {
  return ms === null ? "–" : ms.toFixed(1);
}
