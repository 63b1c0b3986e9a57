// The server: requests with the token, files as object URLs, and the stream of changes.

const KEY = "tenku-studio-token";
const FILES = 300; // Object URLs that are kept; those that were not looked at for longest go first.

/** The server refused; `message` is its sentence. */
export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export class Api {
  #token;
  #files = new Map();

  constructor(token) {
    this.#token = token;
  }

  /** The token of the address (`#token=…`), which is taken out of it, or the one of this tab. */
  static storedToken() {
    const given = new URLSearchParams(location.hash.slice(1)).get("token");
    if (given) {
      // The address is seen by everybody who looks over a shoulder or at the history.
      history.replaceState(null, "", location.pathname);
      sessionStorage.setItem(KEY, given);
    }
    return sessionStorage.getItem(KEY);
  }

  static store(token) {
    sessionStorage.setItem(KEY, token);
  }

  static forget() {
    sessionStorage.removeItem(KEY);
  }

  get(path) {
    return this.#json(path, {});
  }

  post(path, value) {
    return this.#json(path, {
      method: "POST",
      body: JSON.stringify(value),
      headers: { "Content-Type": "application/json" },
    });
  }

  remove(path) {
    return this.#json(path, { method: "DELETE" });
  }

  /** Hand in a picture or a video; the name that a job's parameter holds. */
  async put(file) {
    const headers = { "Content-Type": "application/octet-stream" };
    return (await this.#json("/api/inputs", { method: "POST", body: file, headers })).name;
  }

  /** An object URL of a file; pictures and players cannot send a token themselves. */
  file(url) {
    const known = this.#files.get(url);
    this.#files.delete(url);
    const wanted = known ?? this.#fetch(url, {}).then(async (answer) => URL.createObjectURL(await answer.blob()));
    this.#files.set(url, wanted);
    wanted.catch(() => this.#files.delete(url));
    if (this.#files.size > FILES) {
      const [oldest, object] = this.#files.entries().next().value;
      this.#files.delete(oldest);
      object.then(URL.revokeObjectURL, () => {});
    }
    return wanted;
  }

  /** A file that is made at this moment, and never kept. */
  async blob(path) {
    return (await this.#fetch(path, { cache: "no-store" })).blob();
  }

  async text(url) {
    return (await this.#fetch(url, {})).text();
  }

  /** The newest picture of a job at work, never kept; null: it has none. */
  async preview(url) {
    const answer = await fetch(url, { headers: this.#headers(), cache: "no-store" });
    return answer.status === 200 ? answer.blob() : null;
  }

  /** Events as they come: pairs of name and data. Ends when the line breaks. */
  async *events(path, signal) {
    const answer = await this.#fetch(path, { signal });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const parts = (rest + value).split("\n\n");
      rest = parts.pop();
      for (const part of parts) {
        const lines = part.split("\n");
        const data = lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
        if (data.length) yield [lines.find((line) => line.startsWith("event: "))?.slice(7), JSON.parse(data.join(""))];
      }
    }
  }

  async #json(path, options) {
    return (await this.#fetch(path, options)).json();
  }

  async #fetch(path, options) {
    const answer = await fetch(path, { ...options, headers: { ...options.headers, ...this.#headers() } });
    if (answer.ok) return answer;
    const body = await answer.json().catch(() => ({}));
    throw new Refusal(answer.status, body.detail ?? body.error?.message ?? `The server answered ${answer.status}.`);
  }

  #headers() {
    return { Authorization: `Bearer ${this.#token}` };
  }
}
