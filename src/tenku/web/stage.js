// The picture, and the order in which the rest of the page comes: everything else after the first picture.

import { DecoderChoice, rememberCodecs } from "./decoder.js";
import { Close, State, Video as VideoMessage, Welcome } from "./protocol.js";
import { Stats } from "./stats.js";
import { Video } from "./video.js";

/** A session that shows nothing yet does not keep the tools away for longer than this. */
const FURNISH_MS = 700;
const LATER_STYLES = ["panels.css", "pad.css"];

const byId = (id) => document.getElementById(id);
const debug = new URLSearchParams(location.search).has("debug");
/** What the session told, and the parts of the page that are there by now. */
const session = { welcome: null, state: {}, curtain: null, room: null, seat: null };

export function raiseStage({ connection, clock }) {
  const stats = new Stats();
  const choice = new DecoderChoice();
  choice.ask();
  const curtain = (act) => (session.curtain ??= hangCurtain(connection)).then(act);
  let pictureSeen;
  const picture = new Promise((resolve) => (pictureSeen = resolve));
  const video = new Video({
    canvas: byId("picture"),
    connection,
    clock,
    stats,
    choice,
    skewMs: (captureUs) => session.room?.sound.skewMs(captureUs) ?? null,
    onFirstPicture: () => {
      document.body.classList.add("playing");
      showPicture();
      pictureSeen();
    },
    onHopeless: (reason) => curtain((curtain) => curtain.hopeless(reason)),
  });
  // Read-only eyes for tests and for people who look into the console.
  globalThis.tenku = { connection, clock, stats, session, sound: null };
  connection.listen({
    onLost: (plan) => curtain((curtain) => curtain.lost(plan)),
    onGone: () => curtain((curtain) => curtain.gone()),
    onClosed: (code) => curtain((curtain) => curtain.closed(code)),
    onRefused: (status) => curtain((curtain) => curtain.refused(status)),
  });
  connection.on(Welcome, ({ about }) => welcome(about, video));
  connection.on(VideoMessage, (message) => video.receive(message));
  connection.on(State, ({ about }) => {
    Object.assign(session.state, about);
    session.room?.state(about);
    if (about.ended) curtain((curtain) => curtain.closed(Close.OVER));
  });
  const patience = new Promise((resolve) => setTimeout(resolve, FURNISH_MS));
  const leave = () => curtain((curtain) => curtain.leave());
  Promise.race([picture, patience]).then(() => furnish({ connection, clock, stats, video, leave }, curtain));
}

function welcome(about, video) {
  performance.mark("tenku:welcome");
  session.welcome = about;
  document.title = about.game ? `${about.game} · Tenku` : "Tenku";
  byId("screen-title").textContent = about.game || "Tenku";
  byId("stage").style.setProperty("--width", about.width);
  byId("stage").style.setProperty("--height", about.height);
  if (document.body.classList.contains("playing")) showPicture();
  video.start(about);
  session.seat?.welcome(about);
}

function showPicture() {
  byId("screen").hidden = true;
  session.curtain?.then((curtain) => curtain.hide());
}

async function hangCurtain(connection) {
  const { Curtain } = await import("./curtain.js");
  return new Curtain({ root: byId("screen"), connection, session });
}

/** Load what the first picture does not need, and give it what already came. */
async function furnish(parts, curtain) {
  for (const name of LATER_STYLES) document.head.append(stylesheet(name));
  curtain(() => {}); // now, because a lost connection could not load it
  const [{ takeSeat }, { furnishRoom }] = await Promise.all([import("./seat.js"), import("./room.js")]);
  const room = furnishRoom({ ...parts, debug });
  session.room = room;
  session.seat = takeSeat({ ...parts, session, room });
  if (session.welcome) session.seat.welcome(session.welcome);
  room.state(session.state);
  globalThis.tenku.sound = room.sound;
  rememberCodecs();
  performance.mark("tenku:furnished");
}

function stylesheet(name) {
  return Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL(name, import.meta.url) });
}
