// The whole screen for the game, and the whole keyboard with it.

/** Enter or leave full screen. */
export async function toggleFullscreen(notices) {
  try {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await document.documentElement.requestFullscreen({ navigationUI: "hide" });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // that is what a refused request throws
    notices.show("The browser refused full screen. Click the picture once and try again.", "warning");
  }
}

/** Call `changed(full)` now and then; in full screen the game also gets Escape, Alt+Tab and the like where possible. */
export function whenFullscreenChanges(changed) {
  document.addEventListener("fullscreenchange", async () => {
    const full = document.fullscreenElement !== null;
    changed(full);
    if (!full) navigator.keyboard?.unlock?.();
    else await navigator.keyboard?.lock?.();
  });
}
