// Where the page begins: connect, decode, draw. What the first picture does not need is loaded after it.

import { Clock } from "./clock.js";
import { Connection, sessionUrl } from "./connection.js";
import { decodableCodecs, webCodecsMissing } from "./decoder.js";
import { remembered } from "./memory.js";
import { Close, State, Video as VideoMessage, Welcome } from "./protocol.js";
import { Stats } from "./stats.js";
import { Video } from "./video.js";

/** A session that shows nothing yet does not keep the tools away for longer than this. */
const FURNISH_MS = 700;
const LATER_STYLES = ["panels.css", "pad.css"];

performance.mark("tenku:start");
const byId = (id) => document.getElementById(id);
const debug = new URLSearchParams(location.search).has("debug");
/** What the session told, and the parts of the page that are there by now. */
const session = { welcome: null, state: {}, curtain: null, room: null, seat: null };

function play() {
  const clock = new Clock();
  const stats = new Stats();
  const codecs = decodableCodecs();
  const curtain = (act) => (session.curtain ??= hangCurtain(connection)).then(act);
  const connection = new Connection({
    url: sessionUrl(),
    hello: async () => ({ name: remembered("name", ""), codecs: await codecs }),
    clock,
    onLost: (plan) => curtain((curtain) => curtain.lost(plan)),
    onGone: () => curtain((curtain) => curtain.gone()),
    onClosed: (code) => curtain((curtain) => curtain.closed(code)),
    onRefused: (status) => curtain((curtain) => curtain.refused(status)),
  });
  let pictureSeen;
  const picture = new Promise((resolve) => (pictureSeen = resolve));
  const video = new Video({
    canvas: byId("picture"),
    connection,
    clock,
    stats,
    skewMs: (captureUs) => session.room?.sound.skewMs(captureUs) ?? null,
    onFirstPicture: () => {
      document.body.classList.add("playing");
      showPicture();
      pictureSeen();
    },
    onHopeless: (reason) => curtain((curtain) => curtain.hopeless(reason)),
  });
  connection.on(Welcome, ({ about }) => welcome(about, video));
  connection.on(VideoMessage, (message) => video.receive(message));
  connection.on(State, ({ about }) => {
    Object.assign(session.state, about);
    session.room?.state(about);
    if (about.ended) curtain((curtain) => curtain.closed(Close.OVER));
  });
  connection.open();
  const patience = new Promise((resolve) => setTimeout(resolve, FURNISH_MS));
  const leave = () => curtain((curtain) => curtain.leave());
  Promise.race([picture, patience]).then(() => furnish({ connection, clock, stats, video, leave }, curtain));
  return { connection, clock, stats };
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
  const room = furnishRoom({ ...parts, session, debug });
  session.room = room;
  session.seat = takeSeat({ ...parts, session, room });
  if (session.welcome) session.seat.welcome(session.welcome);
  room.state(session.state);
  globalThis.tenku.sound = room.sound;
  performance.mark("tenku:furnished");
}

function stylesheet(name) {
  return Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL(name, import.meta.url) });
}

async function explainMissingWebCodecs() {
  const [{ noWebCodecsScreen }, { Screens }] = await Promise.all([import("./endings.js"), import("./screens.js")]);
  new Screens({ root: byId("screen") }).show(noWebCodecsScreen({ secure: isSecureContext, host: location.host }));
}

// Read-only eyes for tests and for people who look into the console.
if (webCodecsMissing()) explainMissingWebCodecs();
else globalThis.tenku = Object.assign(play(), { session, sound: null });
