// The card over the picture. play.html brings the first one, for loading.

const FADE_MS = 250;

/** Shows one screen at a time; the picture behind it stays where it was. */
export class Screens {
  #timer = null;

  constructor({ root }) {
    const part = (id) => root.querySelector(`#screen-${id}`);
    this.root = root;
    this.title = part("title");
    this.text = part("text");
    this.lines = part("lines");
    this.actions = part("actions");
    this.progress = part("progress");
  }

  /** Whether a screen of this kind is up. */
  shows(kind) {
    return !this.root.hidden && this.root.classList.contains(kind);
  }

  hide() {
    clearInterval(this.#timer);
    this.root.hidden = true;
  }

  /** A lost connection, with the seconds until the next try and until the place is given up. */
  waiting({ retryAt, keptUntil, onRetry }) {
    const text = () => {
      const now = performance.now();
      const seconds = (until) => Math.max(0, Math.ceil((until - now) / 1000));
      const retry = seconds(retryAt);
      const next = retry > 0 ? `Trying again in ${retry} s.` : "Trying again…";
      return `${next} Your place is kept for ${seconds(keptUntil)} s.`;
    };
    this.show({ kind: "waiting", title: "Connection lost", text: text() }, [{ label: "Try now", run: onRetry }]);
    this.#timer = setInterval(() => (this.text.textContent = text()), FADE_MS);
  }

  /** Show a title, a text, perhaps lines of output, and buttons as `{ label, run }`. */
  show({ kind = "ending", title, text, lines = [] }, actions = []) {
    clearInterval(this.#timer);
    this.root.className = kind;
    this.root.hidden = false;
    this.title.textContent = title;
    this.text.textContent = text;
    this.lines.hidden = lines.length === 0;
    this.lines.textContent = lines.join("\n");
    this.lines.scrollTop = this.lines.scrollHeight;
    this.progress.hidden = kind === "ending";
    this.#showActions(actions);
  }

  #showActions(actions) {
    const labels = Array.from(this.actions.children, (button) => button.textContent);
    const same = labels.length === actions.length && labels.every((label, i) => label === actions[i].label);
    if (same)
      actions.forEach(({ run }, i) => (this.actions.children[i].onclick = run)); // keep the focus
    else this.actions.replaceChildren(...actions.map(actionButton));
    this.actions.firstElementChild?.focus({ preventScroll: true });
  }
}

function actionButton({ label, run }, index) {
  const button = document.createElement("button");
  button.textContent = label;
  button.className = index === 0 ? "primary" : "";
  button.onclick = run;
  return button;
}
