// Where the page begins: connect, decode, draw. Everything that the first picture does not need is loaded meanwhile.

import { Clock } from "./clock.js";
import { Connection, sessionUrl } from "./connection.js";
import { decodableCodecs, webCodecsMissing } from "./decoder.js";
import { GONE, LEFT, endingScreen, hopelessScreen, noWebCodecsScreen, refusedScreen } from "./endings.js";
import { Inputs } from "./inputs.js";
import { remembered } from "./memory.js";
import { Close, State, Video as VideoMessage, Welcome } from "./protocol.js";
import { Screens } from "./screens.js";
import { Stats } from "./stats.js";
import { Video } from "./video.js";

/** A connection that comes back this quickly is not worth a screen. */
const PATIENCE_MS = 400;

const byId = (id) => document.getElementById(id);
const debug = new URLSearchParams(location.search).has("debug");
const screens = new Screens({ root: byId("screen") });
const session = { welcome: null, state: {}, room: null, seat: null };

function play() {
  const clock = new Clock();
  const stats = new Stats();
  const codecs = decodableCodecs();
  const connection = new Connection({
    url: sessionUrl(),
    hello: async () => ({ name: remembered("name", ""), codecs: await codecs }),
    clock,
    onLost: (plan) => lost(connection, plan),
    onGone: () => ended(connection, GONE),
    onClosed: (code) => ended(connection, endingScreen(code, session.state.ended)),
    onRefused: (status) => ended(connection, refusedScreen(status)),
  });
  const inputs = new Inputs({ connection, clock, stats });
  const video = new Video({
    canvas: byId("picture"),
    connection,
    clock,
    stats,
    inputs,
    skewMs: (captureUs) => session.room?.sound.skewMs(captureUs) ?? null,
    onFirstPicture: () => {
      document.body.classList.add("playing");
      screens.hide();
    },
    onHopeless: (reason) => {
      connection.close();
      ended(connection, hopelessScreen(reason));
    },
  });
  connection.on(Welcome, ({ about }) => welcome(about, { connection, inputs, video }));
  connection.on(VideoMessage, (picture) => video.receive(picture));
  connection.on(State, ({ about }) => {
    Object.assign(session.state, about);
    session.room?.state(about);
    if (about.ended) ended(connection, endingScreen(Close.OVER, about.ended));
  });
  connection.open();
  furnish({ connection, inputs, clock, stats, video });
  return { connection, clock, stats };
}

function welcome(about, { inputs, video }) {
  performance.mark("tenku:welcome");
  session.welcome = about;
  document.title = about.game ? `${about.game} · Tenku` : "Tenku";
  byId("stage").style.setProperty("--width", about.width);
  byId("stage").style.setProperty("--height", about.height);
  inputs.allowed = about.role === "player";
  clearTimeout(session.lostTimer);
  if (document.body.classList.contains("playing")) screens.hide();
  else screens.loading(about.game ?? "The game");
  video.start(about);
  session.seat?.welcome(about);
}

/** Load what the first picture does not need, and give it what already came. */
async function furnish(parts) {
  const [{ takeSeat }, { furnishRoom }] = await Promise.all([import("./seat.js"), import("./room.js")]);
  const room = furnishRoom({ ...parts, session, debug, onLeave: () => leave(parts.connection) });
  session.room = room;
  session.seat = takeSeat({ ...parts, session, room });
  if (session.welcome) session.seat.welcome(session.welcome);
  room.state(session.state);
  globalThis.tenku.sound = room.sound;
  performance.mark("tenku:furnished");
}

function lost(connection, plan) {
  const show = () => screens.waiting({ ...plan, onRetry: () => connection.retryNow() });
  clearTimeout(session.lostTimer);
  const showing = screens.root.classList.contains("waiting") && !screens.root.hidden;
  if (showing) show();
  else session.lostTimer = setTimeout(show, PATIENCE_MS);
}

function leave(connection) {
  connection.close();
  ended(connection, LEFT);
}

function ended(connection, screen) {
  clearTimeout(session.lostTimer);
  const again = () => {
    screens.show({ kind: "waiting", title: session.welcome?.game ?? "Tenku", text: "Connecting…" });
    connection.startOver();
  };
  const actions = [];
  if (screen.again) actions.push({ label: screen.again, run: again });
  if (screen.reload) actions.push({ label: screen.reload, run: () => location.reload() });
  if (document.pointerLockElement) document.exitPointerLock();
  screens.show(screen, actions);
}

if (webCodecsMissing()) {
  screens.show(noWebCodecsScreen({ secure: isSecureContext, host: location.host }));
} else {
  // Read-only eyes for tests and for people who look into the console.
  globalThis.tenku = Object.assign(play(), { session, sound: null });
}
