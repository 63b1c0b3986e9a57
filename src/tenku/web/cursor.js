// The game's cursor, drawn by the browser so that it never lags.

import { Cursor } from "./protocol.js";

const HIDDEN = 0;
const PICTURE = 1;
/** Browsers draw no larger cursors. */
const LARGEST = 128;

export class CursorPainter {
  #shape = { kind: 2 };
  #image = null;
  #art = null; // the picture as it is shown now
  #turn = 0;
  #place = { x: 0.5, y: 0.5 };
  #locked = false;

  /** `soft` is the element that stands for the cursor while the mouse is locked and the browser shows none. */
  constructor({ stage, canvas, soft, connection, gameSize }) {
    Object.assign(this, { stage, canvas, soft, gameSize });
    connection.on(Cursor, (shape) => this.receive(shape));
    addEventListener("resize", () => this.#paint());
  }

  /** Whether the game hides its cursor: it wants the mouse for something else, or draws its own. */
  get hidden() {
    return this.#shape.kind === HIDDEN;
  }

  async receive(shape) {
    const turn = ++this.#turn;
    const image = shape.kind === PICTURE ? await decoded(shape.data) : null;
    if (turn !== this.#turn) return; // a newer one came meanwhile
    this.#shape = shape;
    this.#image = image;
    this.#paint();
  }

  /** The pointer is here, as parts of the picture. */
  at(x, y) {
    this.#place = { x, y };
    if (this.#locked) this.#placeSoft();
  }

  by(dx, dy) {
    const inside = (value) => Math.max(0, Math.min(1, value));
    this.at(inside(this.#place.x + dx), inside(this.#place.y + dy));
  }

  lock(locked) {
    this.#locked = locked;
    this.#paint();
  }

  #paint() {
    this.#art = this.#image ? this.#drawn() : null;
    this.stage.style.cursor = this.hidden ? "none" : this.#art ? this.#css(this.#art) : "default";
    this.soft.hidden = !this.#locked || this.hidden;
    this.soft.classList.toggle("arrow", !this.#art);
    this.soft.style.cssText = this.#art
      ? `background-image: url("${this.#art.url}"); width: ${this.#art.width}px; height: ${this.#art.height}px`
      : "";
    this.#placeSoft();
  }

  #css({ url, hotX, hotY, density }) {
    const image = `image-set(url("${url}") ${density}x)`;
    const scaled = CSS.supports("cursor", `${image} 0 0, default`);
    return scaled ? `${image} ${hotX} ${hotY}, default` : `url("${url}") ${hotX} ${hotY}, default`;
  }

  /** The cursor as large as the picture is shown, sharp on a dense screen. */
  #drawn() {
    const { width, height } = this.#image;
    const shown = (this.canvas.clientWidth || 1) / this.gameSize().width;
    const scale = Math.min(shown, LARGEST / Math.max(width, height));
    const density = CSS.supports("cursor", 'image-set(url("x") 2x) 0 0, default') ? devicePixelRatio : 1;
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(width * scale * density));
    canvas.height = Math.max(1, Math.round(height * scale * density));
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(this.#image, 0, 0, canvas.width, canvas.height);
    const hot = (value) => Math.round(value * scale);
    return {
      url: canvas.toDataURL(),
      hotX: hot(this.#shape.hot_x),
      hotY: hot(this.#shape.hot_y),
      width: width * scale,
      height: height * scale,
      density,
    };
  }

  #placeSoft() {
    const { hotX, hotY } = this.#art ?? { hotX: 0, hotY: 0 };
    const left = this.canvas.offsetLeft + this.#place.x * this.canvas.clientWidth - hotX;
    const top = this.canvas.offsetTop + this.#place.y * this.canvas.clientHeight - hotY;
    this.soft.style.transform = `translate(${left}px, ${top}px)`;
  }
}

/** The picture in a PNG; null where it is none, and the browser's arrow then has to do. */
async function decoded(png) {
  try {
    return await createImageBitmap(new Blob([png], { type: "image/png" }));
  } catch (error) {
    if (error instanceof DOMException) return null;
    throw error;
  }
}
