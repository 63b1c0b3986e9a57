// Text from the player's clipboard to the game's, and back.

import { ClipboardFromBrowser, ClipboardFromGame } from "./protocol.js";

const MOST_BYTES = 60_000;

/** As much of a text as fits into `most` bytes of UTF-8, never half a character. */
export function fitting(text, most = MOST_BYTES) {
  const bytes = new Uint8Array(most);
  const { read } = new TextEncoder().encodeInto(text, bytes);
  return text.slice(0, read);
}

export class Clipboard {
  #waiting = null; // text of the game that the browser does not let us write yet

  constructor({ connection, inputs, notices }) {
    Object.assign(this, { inputs, notices });
    connection.on(ClipboardFromGame, ({ text }) => this.#receive(text));
  }

  /** The player pastes: give the game this text. */
  offer(text) {
    const part = fitting(text);
    if (part.length < text.length)
      this.notices.show("The clipboard is too long for the game; the first 60 kB were pasted.");
    this.inputs.send(ClipboardFromBrowser, { text: part });
  }

  /** A key or button of the player: now the browser lets us write what waits. */
  gesture() {
    if (this.#waiting !== null) this.#write(this.#waiting);
  }

  async #receive(text) {
    this.#waiting = text;
    await this.#write(text);
  }

  async #write(text) {
    if (!navigator.clipboard) return; // an insecure page has none
    try {
      await navigator.clipboard.writeText(text);
      if (this.#waiting === text) this.#waiting = null;
    } catch (error) {
      if (!(error instanceof DOMException)) throw error; // NotAllowedError: the next gesture tries again
    }
  }
}
