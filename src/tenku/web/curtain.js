// What hangs before the picture while there is none: waiting for the connection, the end, the way back.

import { GONE, LEFT, endingScreen, hopelessScreen, refusedScreen } from "./endings.js";
import { Screens } from "./screens.js";

/** A connection that comes back this quickly is not worth a screen. */
const PATIENCE_MS = 400;

export class Curtain {
  #timer = null;

  /** `session` holds what the session told: `welcome` and `state`. */
  constructor({ root, connection, session }) {
    this.screens = new Screens({ root });
    this.connection = connection;
    this.session = session;
  }

  hide() {
    clearTimeout(this.#timer);
    this.screens.hide();
  }

  /** The connection was lost and will be tried again, as `plan` says. */
  lost(plan) {
    const show = () => this.screens.waiting({ ...plan, onRetry: () => this.connection.retryNow() });
    clearTimeout(this.#timer);
    if (this.screens.shows("waiting")) show();
    else this.#timer = setTimeout(show, PATIENCE_MS);
  }

  closed(code) {
    this.#end(endingScreen(code, this.session.state.ended));
  }

  refused(status) {
    this.#end(refusedScreen(status));
  }

  gone() {
    this.#end(GONE);
  }

  hopeless(reason) {
    this.connection.close();
    this.#end(hopelessScreen(reason));
  }

  /** The player goes. */
  leave() {
    this.connection.close();
    this.#end(LEFT);
  }

  #end(screen) {
    clearTimeout(this.#timer);
    const actions = [];
    if (screen.again) actions.push({ label: screen.again, run: () => this.#again() });
    if (screen.reload) actions.push({ label: screen.reload, run: () => location.reload() });
    if (document.pointerLockElement) document.exitPointerLock();
    this.screens.show(screen, actions);
  }

  #again() {
    this.screens.show({ kind: "waiting", title: this.session.welcome?.game ?? "Tenku", text: "Connecting…" });
    this.connection.startOver();
  }
}
