// Where the page begins. It opens the connection before anything else, because the first picture waits for that.

import { Clock } from "./clock.js";
import { Connection, sessionUrl } from "./connection.js";
import { remembered } from "./memory.js";

/** All browsers with WebCodecs decode this one; the others are known from the second visit on. */
const SURE_CODECS = ["h264"];

performance.mark("tenku:start");

async function play() {
  const clock = new Clock();
  const hello = () => ({ name: remembered("name", ""), codecs: remembered("codecs", SURE_CODECS) });
  const connection = new Connection({ url: sessionUrl(), hello, clock });
  connection.open();
  const [{ raiseStage }] = await Promise.all([import("./stage.js"), parsed()]);
  raiseStage({ connection, clock });
}

/** This script does not wait for the page's text; the stage has to. */
async function parsed() {
  if (document.readyState !== "loading") return;
  await new Promise((resolve) => document.addEventListener("DOMContentLoaded", resolve, { once: true }));
}

async function explain() {
  await parsed();
  const { noWebCodecsScreen } = await import("./endings.js");
  const { Screens } = await import("./screens.js");
  const screen = noWebCodecsScreen({ secure: isSecureContext, host: location.host });
  new Screens({ root: document.getElementById("screen") }).show(screen);
}

if ("VideoDecoder" in globalThis) play();
else explain();
