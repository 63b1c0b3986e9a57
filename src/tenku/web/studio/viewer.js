// One asset, large: everything that was made, where it came from, and a way to keep it.

import { element } from "/static/element.js";
import { bytes, duration } from "/studio/amounts.js";
import { show } from "/studio/media.js";

export class Viewer {
  constructor({ root, api, tell }) {
    this.root = root;
    this.api = api;
    this.tell = tell;
    root.onclick = (event) => {
      if (event.target === root) root.close(); // beside the picture
    };
  }

  open(job) {
    const [main, ...others] = job.outputs;
    this.root.replaceChildren(
      element("div", { class: "stage checkered" }, show(this.api, main, { whole: true })),
      element(
        "aside",
        {},
        element("h2", {}, job.spec.prompt),
        facts(job),
        ...job.outputs.map((output) => element("button", { onclick: () => this.#save(output) }, `Save ${output.name} (${bytes(output.size)})`)),
        others.length ? element("div", { class: "others" }, ...others.map((each) => show(this.api, each))) : null,
        element("details", {}, element("summary", {}, "Where it came from"), this.#provenance(main)),
        element("button", { class: "primary", onclick: () => this.root.close() }, "Close"),
      ),
    );
    this.root.showModal();
  }

  #provenance(output) {
    const root = element("pre", {}, "…");
    this.api.text(`${output.url}.provenance.json`).then(
      (text) => (root.textContent = text),
      (error) => (root.textContent = error.message),
    );
    return root;
  }

  async #save(output) {
    try {
      element("a", { href: await this.api.file(output.url), download: output.name }).click();
    } catch (error) {
      this.tell(error);
    }
  }
}

function facts(job) {
  const given = job.spec.parameters;
  const pairs = [
    ["Model", job.spec.model],
    ["Seed", job.spec.seed],
    ["Size", given.width ? `${given.width} × ${given.height}` : ""],
    ["Steps", given.steps],
    ["Took", job.usage ? duration(job.usage.seconds) : ""],
    ["Job", job.id],
  ].filter(([, value]) => value !== undefined && value !== "");
  return element("dl", {}, ...pairs.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, String(value))]));
}
