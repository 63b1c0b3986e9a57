// Short messages that come and go, and the warning before an idle game ends.

const SHOWN_MS = 5000;
const SERIOUS_MS = 12_000;
const MOST = 4;

export class Notices {
  constructor({ root }) {
    this.root = root;
  }

  /** Show a sentence for a while; `level` is `info`, `warning` or `error`. */
  show(text, level = "info") {
    const same = [...this.root.children].find((notice) => notice.textContent === text);
    same?.remove();
    const notice = document.createElement("p");
    notice.className = `notice ${level}`;
    notice.textContent = text;
    notice.onclick = () => notice.remove();
    this.root.append(notice);
    while (this.root.children.length > MOST) this.root.firstElementChild.remove();
    setTimeout(() => notice.remove(), level === "info" ? SHOWN_MS : SERIOUS_MS);
  }
}

/** The warning that the game ends because nobody plays. */
export class IdleWarning {
  #timer = null;
  #endsAt = 0;

  constructor({ root, onStay }) {
    this.root = root;
    this.count = root.querySelector("b");
    root.querySelector("button").addEventListener("click", () => {
      onStay();
      this.hide();
    });
  }

  /** `idle` is `{ ends_in_s }`, or null when the warning is over. */
  show(idle) {
    this.hide();
    if (!idle) return;
    this.#endsAt = performance.now() + idle.ends_in_s * 1000;
    this.root.hidden = false;
    this.#tick();
    this.#timer = setInterval(() => this.#tick(), 250);
  }

  hide() {
    clearInterval(this.#timer);
    this.root.hidden = true;
  }

  #tick() {
    const seconds = Math.max(0, Math.ceil((this.#endsAt - performance.now()) / 1000));
    this.count.textContent = seconds >= 120 ? `${Math.ceil(seconds / 60)} min` : `${seconds} s`;
  }
}
