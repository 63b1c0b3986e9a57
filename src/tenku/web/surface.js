// Where decoded pictures are shown: a track that the browser's compositor draws by itself, or a canvas.

/** Both take a picture and close it; `pictures` is the canvas that the page measures and that a canvas surface fills. */
export function surfaceOn(canvas) {
  const wanted = new URLSearchParams(location.search).get("surface");
  return "MediaStreamTrackGenerator" in globalThis && wanted !== "canvas" ? new Track(canvas) : new Painting(canvas);
}

/**
 * A <video> over the canvas. Its pictures become colours in the compositor's thread: without a GPU that costs 7 ms a
 * picture, which the page's own thread then has for the decoder and the player's hands.
 */
class Track {
  #size = "";

  constructor(canvas) {
    this.canvas = canvas;
    const track = new MediaStreamTrackGenerator({ kind: "video" });
    this.writer = track.writable.getWriter();
    const video = Object.assign(document.createElement("video"), { id: "film", muted: true, autoplay: true });
    video.playsInline = true;
    video.srcObject = new MediaStream([track]);
    canvas.after(video);
    video.play().catch(() => {}); // A page that is closed meanwhile plays nothing.
  }

  show(frame) {
    this.#keepSize(frame);
    // The track closes the picture. It takes the newest one at once, so there is nothing to wait for.
    this.writer.write(frame).catch(() => frame.close());
  }

  /** The canvas underneath keeps the picture's size for whoever asks. */
  #keepSize({ displayWidth: width, displayHeight: height }) {
    if (this.#size === `${width}x${height}`) return;
    this.#size = `${width}x${height}`;
    Object.assign(this.canvas, { width, height });
  }
}

class Painting {
  constructor(canvas) {
    this.canvas = canvas;
    // No alpha: nothing lies under the picture. Desynchronized: no extra frame in the browser's compositor.
    this.context = canvas.getContext("2d", { alpha: false, desynchronized: true });
  }

  show(frame) {
    const { displayWidth: width, displayHeight: height } = frame;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    this.context.drawImage(frame, 0, 0);
    frame.close();
  }
}
