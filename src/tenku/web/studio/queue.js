// The queue: what is at work, what waits, what was made.

import { element } from "/static/element.js";
import { duration, secondsLeft } from "/studio/amounts.js";
import { show } from "/studio/media.js";

const PREVIEW_MS = 1000;
const MOST = 120; // Cards of what was made; the rest is in the sets and on the command line.
const WAITING = 50;

export class Queue {
  #jobs = new Map();
  #cards = new Map();

  constructor({ root, api, viewer, tell }) {
    this.root = root;
    this.api = api;
    this.viewer = viewer;
    this.tell = tell;
    this.places = {
      running: root.querySelector("#at-work .cards"),
      queued: root.querySelector("#waiting .rows"),
      ended: root.querySelector("#made .cards"),
    };
    setInterval(() => this.#tick(), PREVIEW_MS);
  }

  /** Jobs came or changed. */
  take(jobs) {
    for (const job of jobs) this.#jobs.set(job.id, job);
    this.#draw();
  }

  #draw() {
    const all = [...this.#jobs.values()];
    const running = all.filter((job) => job.state === "running");
    const queued = all.filter((job) => job.state === "queued").sort(byTurn);
    const ended = all.filter((job) => job.ended).sort((a, b) => b.ended - a.ended);
    for (const old of ended.slice(MOST)) this.#jobs.delete(old.id);
    this.#fill(this.places.running, running, (job) => this.#working(job));
    this.#fill(this.places.queued, queued.slice(0, WAITING), (job) => this.#row(job));
    this.#fill(this.places.ended, ended.slice(0, MOST), (job) => this.#result(job));
    this.root.querySelector("#waiting h2").textContent = waitingText(queued);
    this.root.querySelector("#nothing").hidden = all.length > 0;
  }

  /** Put cards in order, and keep those that show the same as before: a video that plays goes on. */
  #fill(place, jobs, make) {
    place.closest("section").hidden = !jobs.length;
    const wanted = jobs.map((job) => {
      const known = this.#cards.get(job.id);
      if (known?.state === job.state) {
        known.update?.(job);
        return known.card;
      }
      const made = { state: job.state, ...make(job) };
      this.#cards.set(job.id, made);
      return made.card;
    });
    if (wanted.length !== place.children.length || wanted.some((card, at) => card !== place.children[at]))
      place.replaceChildren(...wanted);
  }

  #working(job) {
    const picture = element("div", { class: "media preview" });
    const bar = element("progress", { max: 1, "aria-label": "Progress" });
    const told = element("span", { class: "dim" });
    const card = element(
      "article",
      { class: "job running", "data-job": job.id },
      picture,
      element("p", { class: "prompt" }, job.spec.prompt),
      bar,
      element("footer", {}, told, element("button", { onclick: () => this.#cancel(job) }, "Cancel")),
    );
    const update = (latest) => {
      const { done, total, unit, held } = latest.progress;
      if (total) bar.value = done / total;
      const left = held ? NaN : secondsLeft(latest, Date.now() / 1000);
      const steps = total ? `${done} of ${total} ${unit}` : done ? `${done} ${unit}` : "loading the model";
      const rest = held ? "waits for players" : left >= 0 ? `${duration(left)} left` : "";
      told.textContent = [latest.spec.model, steps, rest].filter(Boolean).join(" · ");
    };
    update(job);
    return { card, update, picture };
  }

  #row(job) {
    const expected = job.estimate ? `about ${duration(job.estimate.seconds)}` : "";
    const card = element(
      "li",
      { "data-job": job.id },
      element("span", { class: "kind" }, job.spec.kind),
      element("span", { class: "prompt" }, job.spec.prompt),
      element("span", { class: "dim" }, [job.spec.model, expected].filter(Boolean).join(" · ")),
      element("button", { onclick: () => this.#cancel(job) }, "Cancel"),
    );
    return { card };
  }

  #result(job) {
    const output = job.outputs[0];
    const took = job.usage ? `${duration(job.usage.seconds)}${job.estimate ? `, expected ${duration(job.estimate.seconds)}` : ""}` : "";
    const body = output ? show(this.api, output) : element("p", { class: "broken" }, job.error || "Cancelled.");
    const card = element(
      "article",
      { class: `job ${job.state}`, "data-job": job.id, tabindex: "0", role: "button", "aria-label": job.spec.prompt },
      body,
      element("p", { class: "prompt" }, job.spec.prompt),
      element("footer", {}, element("span", { class: "dim" }, [job.spec.model, took].filter(Boolean).join(" · "))),
    );
    if (output) card.onclick = () => this.viewer.open(job);
    card.onkeydown = (event) => {
      if (event.key === "Enter" && output) this.viewer.open(job);
    };
    return { card };
  }

  async #cancel(job) {
    try {
      await this.api.remove(`/api/jobs/${job.id}`);
    } catch (error) {
      this.tell(error);
    }
  }

  /** Fetch the pictures of what is at work, and let the time left go on between two messages. */
  async #tick() {
    if (document.hidden) return;
    for (const job of this.#jobs.values()) {
      if (job.state !== "running") continue;
      const known = this.#cards.get(job.id);
      known?.update?.(job);
      if (known?.picture && job.progress.done) await this.#preview(job, known.picture);
    }
  }

  async #preview(job, root) {
    const blob = await this.api.preview(`/api/jobs/${job.id}/preview`).catch(() => null);
    if (!blob) return;
    if (blob.type.startsWith("text/")) {
      root.classList.add("words");
      root.replaceChildren(element("pre", {}, (await blob.text()).slice(-500)));
      return;
    }
    const picture = element("img", { src: URL.createObjectURL(blob), alt: "As far as it is" });
    picture.onload = () => {
      URL.revokeObjectURL(picture.src);
      root.replaceChildren(picture);
    };
  }
}

/** As good as the order in which their turn comes: shares of teams are the server's business. */
function byTurn(a, b) {
  return b.spec.priority - a.spec.priority || a.accepted - b.accepted || a.spec.row - b.spec.row;
}

/** `Waiting: 12, about 4 min`. */
function waitingText(queued) {
  const expected = queued.reduce((sum, job) => sum + (job.estimate?.seconds ?? NaN), 0);
  return `Waiting: ${queued.length}${expected > 0 ? `, about ${duration(expected)}` : ""}`;
}
