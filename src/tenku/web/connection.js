// One WebSocket to the session, opened again when it is lost.

import { Close, Hello, Ping, Pong, Welcome, decode } from "./protocol.js";
import { nowUs } from "./clock.js";

const DELAYS_MS = [100, 300, 700, 1500, 3000, 5000];
const PING_MS = 1000;
const FIRST_PINGS_MS = [0, 40, 80, 160, 320];
/** Nothing heard for this long, though pings went out: the network is gone, whatever the socket says. */
const SILENCE_MS = 6000;
const KEEP_MS = 60_000;
/** So many messages wait for a handler at most. */
const UNHEARD = 64;

/**
 * How long to wait before the next try, in milliseconds; null when it is time to give up.
 *
 * `attempt` counts the tries since the connection was lost, from 0; `lostMs` is how long ago that was and `keepMs`
 * how long the session keeps the player's place.
 */
export function retryDelay({ attempt, lostMs, keepMs }) {
  if (lostMs >= keepMs) return null;
  const delay = DELAYS_MS[Math.min(attempt, DELAYS_MS.length - 1)];
  return Math.min(delay, Math.max(0, keepMs - lostMs));
}

/** The session's WebSocket, seen from the address of this page. */
export function sessionUrl(page = location) {
  const url = new URL(`${page.pathname.replace(/\/+$/, "")}/ws`, page.href);
  url.protocol = page.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/** Sends and receives messages, and comes back by itself. `hello()` is what the first message says. */
export class Connection {
  #socket = null;
  #handlers = new Map();
  #unheard = []; // messages that came before anybody listened for them
  #listener = null;
  #news = []; // what happened before anybody listened
  #timers = new Set();
  #attempt = 0;
  #lostAt = null;
  #heardAt = 0;
  #welcomed = false;
  keepMs = KEEP_MS;

  constructor({ url, hello, clock }) {
    Object.assign(this, { url, hello, clock });
    addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#hurry());
  }

  /**
   * Call `handler(fields)` for every message of this class; several handlers run in the order they came.
   *
   * What came before the first handler is handed to it now: the parts of the page that the first picture does not
   * need are loaded after it.
   */
  on(message, handler) {
    const handlers = this.#handlers.get(message) ?? [];
    this.#handlers.set(message, [...handlers, handler]);
    const waiting = this.#unheard.filter((unheard) => unheard.message === message);
    this.#unheard = this.#unheard.filter((unheard) => unheard.message !== message);
    for (const { fields } of waiting) handler(fields);
  }

  /**
   * Be told what becomes of the connection: `onLost({ retryAt, keptUntil })`, `onGone()` when retrying was given up,
   * `onClosed(code)` when the server had a reason to close, `onRefused(status)` when the page is not served any more.
   */
  listen(listener) {
    this.#listener = listener;
    for (const [event, news] of this.#news.splice(0)) listener[event](news);
  }

  #tell(event, news) {
    if (this.#listener) this.#listener[event](news);
    else this.#news.push([event, news]);
  }

  get ready() {
    return this.#welcomed && this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Send a message; without a connection it is dropped, because old input is worse than none. */
  send(message, fields) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(message.encode(fields ?? {}));
    return true;
  }

  open() {
    this.#stop();
    this.#welcomed = false;
    this.clock.reset();
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    let opened = false;
    socket.onopen = () => {
      opened = true;
      this.send(Hello, { about: this.hello() });
      this.#startPings();
    };
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code }) => socket === this.#socket && this.#closed(code, opened);
  }

  /** Leave for good, until `open` is called. */
  close() {
    const socket = this.#socket;
    this.#stop();
    this.#socket = null;
    socket?.close(1000, "left");
  }

  /** Try at once instead of waiting for the next turn. */
  retryNow() {
    this.#lostAt ??= performance.now();
    this.open();
  }

  /** Begin the waiting anew: the player asked for it after it was given up. */
  startOver() {
    this.#attempt = 0;
    this.#lostAt = null;
    this.open();
  }

  #receive(data) {
    this.#heardAt = performance.now();
    const { message, fields } = decode(data);
    if (message === Pong) return this.#hearPong(fields);
    if (message === Welcome) this.#hearWelcome(fields);
    const handlers = this.#handlers.get(message);
    if (!handlers) this.#unheard = [...this.#unheard, { message, fields }].slice(-UNHEARD);
    else for (const handler of handlers) handler(fields);
  }

  #startPings() {
    this.#heardAt = performance.now();
    const ping = () => this.send(Ping, { browser_us: Math.round(nowUs()) });
    for (const delay of FIRST_PINGS_MS) this.#later(ping, delay);
    const beat = () => {
      this.#later(beat, PING_MS);
      if (performance.now() - this.#heardAt > SILENCE_MS && document.visibilityState === "visible") this.#drop();
      else ping();
    };
    this.#later(beat, PING_MS);
  }

  #hearPong({ browser_us: browserUs, server_us: serverUs }) {
    this.clock.hear({ browserUs, serverUs, receivedUs: nowUs() });
  }

  #hearWelcome({ about }) {
    this.#welcomed = true;
    this.#attempt = 0;
    this.#lostAt = null;
    this.keepMs = (about.reconnect_s ?? 60) * 1000;
  }

  /** Give up a socket that has gone silent: its own close would wait for the network's time-out. */
  #drop() {
    const socket = this.#socket;
    socket.onclose = null;
    socket.close();
    this.#closed(1006, true);
  }

  #closed(code, opened) {
    this.#stop();
    this.#socket = null;
    this.#welcomed = false;
    // A browser that was only silent may simply come back.
    if (Object.values(Close).includes(code) && code !== Close.SILENT) this.#tell("onClosed", code);
    else this.#waitForRetry(opened);
  }

  async #waitForRetry(opened) {
    this.#lostAt ??= performance.now();
    // A refused upgrade shows its reason only to an ordinary request.
    const status = opened ? 0 : await pageStatus(this.url);
    if (this.#socket) return;
    if (status === 401 || status === 429) return this.#tell("onRefused", status);
    const lostMs = performance.now() - this.#lostAt;
    const delay = retryDelay({ attempt: this.#attempt++, lostMs, keepMs: this.keepMs });
    if (delay === null) return this.#tell("onGone");
    this.#tell("onLost", { retryAt: performance.now() + delay, keptUntil: this.#lostAt + this.keepMs });
    this.#later(() => this.open(), delay);
  }

  #hurry() {
    if (this.#lostAt !== null && this.#socket === null && this.#timers.size > 0) this.open();
  }

  #later(action, delay) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, delay);
    this.#timers.add(timer);
  }

  #stop() {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}

/** The HTTP status of this page's own address; 0 where nothing answers. */
async function pageStatus(url) {
  const page = url.replace(/^ws/, "http").replace(/\/ws$/, "");
  try {
    return (await fetch(page, { cache: "no-store", signal: AbortSignal.timeout(3000) })).status;
  } catch {
    return 0;
  }
}
