// The form that asks for something to be made.

import { element } from "/static/element.js";
import { bytes, duration } from "/studio/amounts.js";

const WAIT_MS = 350;
const PLACE = /^jobs\.\d+: /; // Of a form all jobs are alike, so which of them it was says nothing.
const NAMES = { image: "Image", video: "Video", sound: "Sound", speech: "Speech", text: "Text" };
const HINTS = {
  image: "A glowing health potion, game icon",
  video: "A dragon circles a ruined tower",
  sound: "Wind through ruins, distant wings",
  speech: "Welcome back, traveller.",
  text: "Describe a fire sword in one sentence.",
};

export class Maker {
  #inputs = {};
  #asked = 0;

  constructor({ root, api, models, styles, tell, onAccepted }) {
    this.root = root;
    this.api = api;
    this.models = models.filter((model) => model.accepted);
    this.styles = styles;
    this.tell = tell;
    this.onAccepted = onAccepted;
    this.kinds = Object.keys(NAMES).filter((kind) => this.models.some((model) => model.kind === kind));
    if (!this.kinds.length) {
      root.append(element("p", { class: "empty" }, "No model is installed. On this machine, `tenku models` lists what there is."));
      return;
    }
    this.#draw(this.kinds[0]);
    root.onsubmit = (event) => {
      event.preventDefault();
      this.#submit();
    };
    root.oninput = () => this.#expect();
  }

  #draw(kind) {
    this.kind = kind;
    this.#inputs = {};
    const models = this.models.filter((model) => model.kind === kind);
    this.expected = element("p", { class: "dim", id: "expected", role: "status" });
    this.root.replaceChildren(
      element(
        "div",
        { class: "kinds", role: "radiogroup", "aria-label": "Kind" },
        ...this.kinds.map((each) =>
          element(
            "button",
            { type: "button", role: "radio", "aria-checked": String(each === kind), onclick: () => this.#draw(each) },
            NAMES[each],
          ),
        ),
      ),
      labelled("Prompt", element("textarea", { name: "prompt", rows: 4, required: true, placeholder: HINTS[kind] })),
      labelled("Model", element("select", { name: "model" }, ...models.map((model) => element("option", { value: model.name }, `${model.name} (${bytes(model.size)})`)))),
      ...this.#fields(kind),
      this.expected,
      element("button", { class: "primary" }, "Make"),
    );
    this.#expect();
  }

  #fields(kind) {
    const pair = (...fields) => element("div", { class: "pair" }, ...fields);
    const count = element(
      "div",
      { class: "fields" },
      pair(number("How many", "count", 1, { min: 1, max: 100 }), number("Seed", "seed", "", { min: 0, placeholder: "random" })),
      kind === "image" && this.styles.length ? labelled("Style", element("select", { name: "style" }, element("option", { value: "" }, "none"), ...this.styles.map((style) => element("option", { value: style.name, title: style.about }, style.name)))) : null,
      kind === "text" ? null : labelled("Set", element("input", { name: "set", maxlength: 120, placeholder: "a name, to look them through" })),
    );
    if (kind === "image")
      return [pair(number("Width", "width", "", { step: 16, placeholder: "as usual" }), number("Height", "height", "", { step: 16, placeholder: "as usual" })), number("Steps", "steps", "", { min: 1, max: 200, placeholder: "as usual" }), this.#file("Picture to change", "image"), count];
    if (kind === "video")
      return [
        pair(number("Width", "width", 832, { step: 16 }), number("Height", "height", 480, { step: 16 })),
        pair(number("Seconds", "seconds", 5, { min: 0.1, max: 10, step: "any" }), number("Steps", "steps", "", { min: 1, max: 200, placeholder: "as usual" })),
        labelled("Sound", element("input", { name: "sound", placeholder: "wind, wings, a roar; empty: silent" })),
        this.#file("First frame", "image"),
        count,
      ];
    if (kind === "sound") return [pair(number("Seconds", "seconds", 5, { min: 0.1, step: "any" }), number("Steps", "steps", "", { placeholder: "as usual" })), count];
    if (kind === "speech") return [pair(labelled("Voice", element("input", { name: "voice", placeholder: "the usual one" })), number("Speed", "speed", 1, { min: 0.25, max: 4, step: "any" }))];
    return [count];
  }

  #file(label, name) {
    const told = element("span", { class: "dim" });
    const input = element("input", { type: "file", accept: "image/*" });
    input.onchange = async () => {
      delete this.#inputs[name];
      if (!input.files.length) return;
      told.textContent = "handing it in…";
      try {
        this.#inputs[name] = await this.api.put(input.files[0]);
        told.textContent = "";
      } catch (error) {
        told.textContent = error.message;
      }
    };
    return labelled(label, input, told);
  }

  /** The jobs as they stand in the form. */
  #jobs() {
    const form = Object.fromEntries(new FormData(this.root));
    const { prompt, model, count = "1", seed = "", set = "", style = "", ...others } = form;
    this.style = style;
    // A style belongs to a set: what is made in one without a name for the set gets the prompt's.
    this.set = set.trim() || (style ? prompt.replace(/[^\p{L}\p{N} _-]/gu, "").trim().slice(0, 60) : "");
    const parameters = { ...this.#inputs };
    for (const [name, value] of Object.entries(others)) {
      if (value === "" || value instanceof File) continue;
      parameters[name] = isNumber(this.root.elements[name]) ? Number(value) : value;
    }
    if (this.kind === "image" && parameters.image) parameters.task = "edit";
    const first = seed === "" ? Math.floor(Math.random() * 2 ** 31) : Number(seed);
    return Array.from({ length: Math.max(1, Number(count)) }, (_, row) => ({ kind: this.kind, model, prompt, parameters, seed: first + row, row }));
  }

  /** Say what it will take, once nobody typed for a moment. */
  async #expect() {
    const asked = ++this.#asked;
    await new Promise((done) => setTimeout(done, WAIT_MS));
    if (asked !== this.#asked) return;
    const jobs = this.#jobs().map((job) => ({ ...job, prompt: job.prompt || HINTS[this.kind] }));
    try {
      const { seconds, low, high, jobs: done, memory, cost } = await this.api.post("/api/estimates", { jobs });
      if (asked !== this.#asked) return;
      const spread = done ? `${duration(low)} to ${duration(high)}` : "a first guess";
      this.expected.textContent = [`About ${duration(seconds)} (${spread})`, memory.likely ? `${bytes(memory.likely)} of memory` : "", cost.likely ? `costs ${cost.likely.toFixed(2)}` : ""].filter(Boolean).join(", ");
      this.expected.classList.remove("bad");
    } catch (error) {
      if (asked !== this.#asked) return;
      this.expected.textContent = error.message.replace(PLACE, "");
      this.expected.classList.add("bad");
    }
  }

  async #submit() {
    try {
      const jobs = this.#jobs();
      if (this.set) await this.api.post("/api/sets", { name: this.set, style: this.style, jobs });
      else await this.api.post("/api/jobs", { jobs });
      this.onAccepted(this.set);
    } catch (error) {
      error.message = error.message.replace(PLACE, "");
      this.tell(error);
    }
  }
}

function labelled(text, ...fields) {
  return element("label", {}, element("span", {}, text), ...fields);
}

function number(text, name, value, limits) {
  return labelled(text, element("input", { type: "number", name, value: String(value), inputmode: "decimal", ...limits }));
}

function isNumber(field) {
  return field?.type === "number";
}
