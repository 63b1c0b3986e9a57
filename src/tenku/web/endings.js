// What the page says when a connection has ended, and what the player can do then.

import { Close } from "./protocol.js";

/** `again` is the label of a button that connects anew, `reload` of one that loads the page anew. */
const ENDINGS = {
  [Close.OVER]: { title: "The game has ended", text: "Thank you for playing." },
  [Close.BAD_MESSAGE]: {
    title: "The page and the game lost each other",
    text: "The game could not read what this page sent. Reloading begins anew; your place in the game is kept.",
    reload: "Reload",
  },
  [Close.UNAUTHORIZED]: {
    title: "This link no longer works",
    text: "It was replaced or has run out. Ask the person who invited you for a new one.",
  },
  [Close.REMOVED]: {
    title: "You were removed from the game",
    text: "The first player took you out of this session. You can ask them to let you in again.",
  },
  [Close.REPLACED]: {
    title: "Opened on another device",
    text: "The same link was opened somewhere else, and the newest one plays. You can take the game back.",
    again: "Play here",
  },
  [Close.FULL]: {
    title: "The audience is full",
    text: "No more viewers are let in right now. Try again when somebody has left.",
    again: "Try again",
  },
  [Close.BAD_VERSION]: {
    title: "This page is out of date",
    text: "The server has been updated since the page was loaded. Reload it to go on playing.",
    reload: "Reload",
  },
};

/** The screen for a close code of the session; `ended` is what the session said about its end, or null. */
export function endingScreen(code, ended) {
  const screen = ENDINGS[code];
  if (code !== Close.OVER || !ended) return screen;
  const crashed = typeof ended.code === "number" && ended.code !== 0;
  const exit = typeof ended.code === "number" ? `Exit code ${ended.code}.` : "";
  return {
    title: crashed ? "The game stopped working" : screen.title,
    text: [sentence(ended.reason), exit].filter(Boolean).join(" ") || screen.text,
    lines: ended.lines ?? [],
  };
}

/** The screen for a page that is not served any more, by HTTP status. */
export function refusedScreen(status) {
  if (status !== 429) return ENDINGS[Close.UNAUTHORIZED];
  return {
    title: "Too many tries",
    text: "This address tried too often in a short time. Wait a minute, then try again.",
    again: "Try again",
  };
}

export const LEFT = {
  title: "You left the game",
  text: "Your place is kept for a moment: come back with the same link, on this device or another one.",
  again: "Come back",
};

export const GONE = {
  title: "The game cannot be reached",
  text: "The connection was lost and did not come back. Check the network; the game may have ended meanwhile.",
  again: "Try again",
};

/** The screen where WebCodecs is missing: says why, and what to do on this very machine. */
export function noWebCodecsScreen({ secure, host }) {
  const title = "This browser page cannot decode video";
  if (!secure) {
    return {
      title,
      text:
        `WebCodecs is missing because this page is not secure: browsers decode video only on https or on localhost. ` +
        `Start the game with “tenku play --tls” and open its https link instead of http://${host}, or play on the ` +
        `machine that runs the game.`,
    };
  }
  return {
    title,
    text:
      "WebCodecs (VideoDecoder) is missing in this browser. It is in Chrome and Edge 94 or newer, Safari 16.4 or " +
      "newer (with sound from Safari 26), and Firefox 130 or newer on a computer. On an iPhone or iPad, update iOS: " +
      "every browser there uses Safari’s engine.",
  };
}

export function hopelessScreen(reason) {
  return {
    title: "This browser cannot play the stream",
    text: `${reason} Try Chrome or Edge, or turn hardware acceleration off in the browser’s settings.`,
    reload: "Try again",
  };
}

function sentence(text = "") {
  const trimmed = String(text ?? "").trim();
  if (!trimmed) return "";
  const begun = trimmed[0].toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
