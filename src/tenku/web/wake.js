// A phone's screen stays on while somebody plays with a gamepad and never touches it.

/** Keep the screen awake as long as the page is looked at, where the browser can. */
export function keepAwake() {
  if (!("wakeLock" in navigator)) return;
  const ask = async () => {
    if (document.visibilityState !== "visible") return; // the lock is gone while hidden, and asked for again after
    try {
      await navigator.wakeLock.request("screen");
    } catch (error) {
      if (!(error instanceof DOMException)) throw error; // battery saver: the screen may sleep then
    }
  };
  document.addEventListener("visibilitychange", ask);
  ask();
}
