// What stands around the picture: tools, people, measurements, notices and sound.

import { Audio, Command } from "./protocol.js";
import { element } from "./element.js";
import { IdleWarning, Notices } from "./notices.js";
import { Overlay } from "./overlay.js";
import { People } from "./people.js";
import { preferences } from "./preferences.js";
import { Sound } from "./sound.js";
import { Toolbar } from "./toolbar.js";
import { toggleFullscreen, whenFullscreenChanges } from "./fullscreen.js";

const byId = (id) => document.getElementById(id);

const NO_SOUND = Sound.possible
  ? "No sound: the browser could not open a loudspeaker. Reload the page when one is there."
  : "No sound: AudioDecoder is missing in this browser (Safari has it from version 26).";

export function furnishRoom({ connection, stats, leave, debug }) {
  const notices = new Notices({ root: byId("notices") });
  const panel = byId("panel");
  const sound = new Sound({
    debug,
    onBlocked: (blocked) => (byId("sound-hint").hidden = !blocked || sound.muted),
    onMissing: () => notices.show(NO_SOUND, "warning"),
  });
  const overlay = new Overlay({ root: byId("overlay"), stats });
  const idle = new IdleWarning({
    root: byId("idle"),
    onStay: () => connection.send(Command, { about: { do: "stay" } }),
  });
  const peopleRoot = element("section", {});
  const people = new People({
    root: peopleRoot,
    connection,
    notices,
    onCount: (count) => (byId("people-count").textContent = count > 1 ? count : ""),
  });
  panel.append(peopleRoot, preferences({ connection }));

  let seat = { lock() {}, keyboard() {}, pad() {}, padShown: () => false, focus() {} };
  const actions = {
    fullscreen: () => toggleFullscreen(notices),
    lock: () => seat.lock(),
    sound: () => showVolume(sound.volume, !sound.muted),
    keyboard: () => seat.keyboard(),
    pad: () => {
      seat.pad();
      toolbar.press("pad", seat.padShown());
    },
    overlay: () => {
      overlay.toggle();
      toolbar.press("overlay", overlay.shown);
    },
    people: () => showPanel(panel.hidden),
    leave,
    tools: () => toolbar.focus(),
  };
  const toolbar = new Toolbar({
    root: byId("bar"),
    handle: byId("handle"),
    actions,
    onDone: () => panel.hidden && seat.focus(),
  });

  function showPanel(show) {
    panel.hidden = !show;
    byId("bar").querySelector('[data-tool="people"]').setAttribute("aria-expanded", show);
    if (show) panel.querySelector("button, input, select")?.focus({ preventScroll: true });
  }

  function showVolume(volume, muted) {
    sound.setVolume(volume, muted);
    byId("volume").value = muted ? 0 : volume;
    const audible = !muted && volume > 0;
    toolbar.press("sound", audible, {
      iconName: audible ? "sound" : "muted",
      label: audible ? "Sound off" : "Sound on",
    });
    if (muted) byId("sound-hint").hidden = true;
  }

  panel.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape") return;
    showPanel(false);
    seat.focus();
  });
  byId("volume").addEventListener("input", ({ target }) =>
    showVolume(Number(target.value) || sound.volume, Number(target.value) === 0),
  );
  byId("sound-hint").addEventListener("click", () => sound.resume());
  whenFullscreenChanges((full) =>
    toolbar.press(
      "fullscreen",
      full,
      full ? { iconName: "window", label: "Leave full screen" } : { iconName: "fullscreen", label: "Full screen" },
    ),
  );
  toolbar.attach();
  showVolume(sound.volume, sound.muted);

  connection.on(Audio, (packet) => sound.receive(packet));

  return {
    notices,
    sound,
    toolbar,
    actions,
    seated: (hands) => (seat = hands),
    closePanels: () => showPanel(false),
    locked: (locked) => {
      toolbar.press("lock", locked, { label: locked ? "Free the mouse" : "Lock the mouse to the game" });
      if (locked) notices.show("The mouse is locked to the game. Escape frees it.");
    },
    state: (about) => {
      if (about.roster) people.roster(about.roster);
      if (about.links) people.links(about.links);
      if (about.quality) overlay.quality(about.quality);
      if (about.notice) notices.show(about.notice.text, about.notice.level);
      if ("idle" in about) idle.show(about.idle);
    },
    welcome: (about) => {
      const player = about.role === "player";
      const touch = navigator.maxTouchPoints > 0;
      byId("game-name").textContent = about.game ?? "";
      byId("badge").hidden = player;
      idle.hide();
      toolbar.offer("fullscreen", document.fullscreenEnabled);
      toolbar.offer("lock", player && matchMedia("(any-pointer: fine)").matches);
      toolbar.offer("keyboard", player && touch);
      toolbar.offer("pad", player && touch);
      if (about.sound) sound.start();
      else if (about.sound_reason) notices.show(`No sound: ${about.sound_reason}`, "warning");
    },
  };
}
