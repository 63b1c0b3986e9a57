// Asset sets: their list, and the contact sheet of one, to approve, reject or vary.

import { element } from "/static/element.js";
import { show } from "/studio/media.js";

const AGAIN_MS = 300;
const KEPT_MS = 60_000; // Until then a browser has read what it saves.
const KEYS = { a: "approve", r: "reject", u: "reopen", v: "vary" };
const VERDICTS = ["all", "open", "approved", "rejected"];

export class Sets {
  #name = "";
  #set = null;
  #filter = "all";
  #cells = new Map();
  #due = null;

  constructor({ root, api, viewer, tell }) {
    this.root = root;
    this.api = api;
    this.viewer = viewer;
    this.tell = tell;
    root.onkeydown = (event) => this.#key(event);
  }

  /** Show one set, or the list of all. */
  async open(name) {
    this.#name = name;
    this.#set = null;
    this.#cells.clear();
    await this.#load();
  }

  /** Jobs changed: a take of what is shown may be among them. */
  take(jobs) {
    if (this.root.hidden || this.#due) return;
    const own = new Set(this.#set?.places.flatMap((place) => place.takes.map((take) => take.job)));
    if (!this.#set || jobs.some((job) => own.has(job.id))) this.#due = setTimeout(() => this.#load(), AGAIN_MS);
  }

  async #load() {
    this.#due = null;
    try {
      if (!this.#name) return this.#list((await this.api.get("/api/sets")).sets);
      this.#take(await this.api.get(`/api/sets/${encodeURIComponent(this.#name)}`));
    } catch (error) {
      this.root.replaceChildren(element("p", { class: "empty" }, error.message), back());
    }
  }

  #list(sets) {
    if (!sets.length) {
      this.root.replaceChildren(
        element("p", { class: "empty" }, "No set yet. Make more than one of something: `tenku make image \"potion icon\" --count 16`, or give it a set's name here."),
      );
      return;
    }
    this.root.replaceChildren(
      element(
        "ul",
        { class: "sets" },
        ...sets.map((each) =>
          element(
            "li",
            {},
            element(
              "a",
              { href: `#/sets/${encodeURIComponent(each.name)}` },
              element("b", {}, each.name),
              element("span", { class: "dim" }, [each.style, each.unended ? `${each.unended} on their way` : ""].filter(Boolean).join(" · ")),
              share(each),
            ),
          ),
        ),
      ),
    );
  }

  #take(set) {
    const first = !this.#set;
    this.#set = set;
    if (first) this.#frame();
    const wanted = set.places.filter((place) => this.#filter === "all" || place.verdict === this.#filter);
    const cells = wanted.map((place) => this.#cell(place));
    if (cells.length !== this.grid.children.length || cells.some((cell, at) => cell !== this.grid.children[at])) {
      const focused = document.activeElement;
      this.grid.replaceChildren(...cells);
      if (this.grid.contains(focused)) focused.focus();
    }
    const counts = Object.fromEntries(VERDICTS.map((verdict) => [verdict, set.places.filter((place) => verdict === "all" || place.verdict === verdict).length]));
    for (const button of this.filters.children) button.textContent = `${button.dataset.filter} ${counts[button.dataset.filter]}`;
    this.remake.disabled = !counts.rejected;
    if (first) cells[0]?.focus({ preventScroll: true }); // so that keys work at once
    this.download.disabled = !counts.approved;
  }

  #frame() {
    this.filters = element(
      "div",
      { class: "kinds", role: "radiogroup", "aria-label": "Which" },
      ...VERDICTS.map((verdict) =>
        element("button", {
          role: "radio",
          "data-filter": verdict,
          "aria-checked": String(verdict === this.#filter),
          onclick: (event) => {
            this.#filter = verdict;
            for (const each of this.filters.children) each.setAttribute("aria-checked", String(each === event.target));
            this.#take(this.#set);
          },
        }),
      ),
    );
    this.remake = element("button", { class: "primary", onclick: () => this.#do("remake", { rows: [] }) }, "Make the rejected anew");
    this.download = element("button", { title: "What was approved, with the sheet that the set has", onclick: () => this.#save() }, "Download");
    this.grid = element("div", { class: "sheet", role: "list" });
    this.root.replaceChildren(
      element("div", { class: "head" }, back(), element("h1", {}, this.#set.name), element("span", { class: "dim" }, this.#set.style), this.filters, this.remake, this.download),
      element("p", { class: "dim keys" }, "Arrows move, A approves, R rejects, V varies, U takes it back, Enter opens."),
      this.grid,
    );
  }

  /** A place's cell; a new one only where something changed that it shows. */
  #cell(place) {
    const known = this.#cells.get(place.row);
    const looks = JSON.stringify([place.verdict, place.chosen, place.shown, place.takes.map((take) => [take.state, take.progress])]);
    if (known?.looks === looks) return known.cell;
    const cell = this.#draw(place);
    const focused = known?.cell === document.activeElement;
    known?.cell.replaceWith(cell);
    if (focused) cell.focus();
    this.#cells.set(place.row, { looks, cell });
    return cell;
  }

  #draw(place) {
    const take = place.takes.find((each) => each.number === place.shown);
    const others = place.takes.filter((each) => each.state === "queued" || each.state === "running");
    const cell = element(
      "article",
      { class: `place ${place.verdict}`, tabindex: "0", role: "listitem", "data-row": String(place.row), "aria-label": `${place.name}, ${place.verdict}` },
      picture(this.api, take),
      others.length ? element("span", { class: "coming" }, `${others.length} on their way`) : null,
      element("p", { class: "name" }, place.name),
      element(
        "footer",
        {},
        this.#verb(place, "approve", "✓", "Approve", take?.state !== "done"),
        this.#verb(place, "reject", "✕", "Reject"),
        this.#verb(place, "vary", "⟳", "Vary: four new takes"),
      ),
      place.takes.length > 1 ? this.#strip(place) : null,
    );
    cell.querySelector(".media")?.addEventListener("click", () => this.#enlarge(take));
    return cell;
  }

  #verb(place, verb, sign, label, disabled = false) {
    return element("button", { "aria-label": `${label} ${place.name}`, title: label, disabled, class: verb, onclick: () => this.#act(verb, place) }, sign);
  }

  /** All takes of a place, small; a click chooses one. */
  #strip(place) {
    return element(
      "div",
      { class: "strip", role: "group", "aria-label": `Takes of ${place.name}` },
      ...place.takes
        .filter((take) => take.state === "done")
        .map((take) =>
          element(
            "button",
            {
              "aria-label": `Take ${take.number}`,
              "aria-pressed": String(take.number === place.shown),
              title: `Take ${take.number}, seed ${take.seed}: choose it`,
              onclick: () => this.#do("approve", { rows: [place.row], take: take.number }),
            },
            show(this.api, take.outputs[0]),
          ),
        ),
    );
  }

  #act(verb, place) {
    return this.#do(verb, verb === "vary" ? { row: place.row, count: 4 } : { rows: [place.row] });
  }

  async #do(verb, body) {
    try {
      this.#take(await this.api.post(`/api/sets/${encodeURIComponent(this.#name)}/${verb}`, body));
    } catch (error) {
      this.tell(error);
    }
  }

  /** Save what was approved: finished, with sheet and import files, made at this moment. */
  async #save() {
    this.download.disabled = true;
    try {
      const url = URL.createObjectURL(await this.api.blob(`/api/sets/${encodeURIComponent(this.#name)}/files`));
      element("a", { href: url, download: `${this.#name}.zip` }).click();
      setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
    } catch (error) {
      this.tell(error);
    }
    this.download.disabled = false;
  }

  async #enlarge(take) {
    if (take?.state !== "done") return;
    try {
      this.viewer.open(await this.api.get(`/api/jobs/${take.job}`));
    } catch (error) {
      this.tell(error);
    }
  }

  #key(event) {
    const cell = event.target.closest?.(".place");
    if (!cell || event.target !== cell || event.ctrlKey || event.metaKey || event.altKey) return;
    const place = this.#set.places.find((each) => each.row === Number(cell.dataset.row));
    const verb = KEYS[event.key.toLowerCase()];
    if (verb) this.#act(verb, place);
    else if (event.key === "Enter") this.#enlarge(place.takes.find((take) => take.number === place.shown));
    else if (!this.#move(cell, event.key)) return;
    event.preventDefault();
  }

  #move(cell, key) {
    const cells = [...this.grid.children];
    const columns = cells.filter((each) => each.offsetTop === cells[0].offsetTop).length;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[key];
    if (!step) return false;
    cells[cells.indexOf(cell) + step]?.focus();
    return true;
  }
}

function picture(api, take) {
  if (take?.state === "done") return show(api, take.outputs[0]);
  if (take?.state === "failed") return element("p", { class: "media broken" }, take.error);
  const { done, total } = take?.progress ?? { done: 0, total: 0 };
  return element("div", { class: "media coming" }, take ? (total ? `${Math.round((100 * done) / total)} %` : take.state) : "nothing yet");
}

function back() {
  return element("a", { href: "#/sets", class: "back" }, "All sets");
}

/** How far the looking-through is, as a bar of three colours. */
function share({ approved, rejected, open }) {
  const part = (name, number) => {
    const made = element("i", { class: name });
    made.style.flexGrow = String(number);
    return made;
  };
  return element(
    "span",
    { class: "share", role: "img", "aria-label": `${approved} approved, ${rejected} rejected, ${open} open` },
    ...[part("approved", approved), part("rejected", rejected), part("open", open)],
    element("small", {}, `${approved} of ${approved + rejected + open} approved`),
  );
}
