// What this browser remembers from one visit to the next: name, volume, keys of the page.

const PREFIX = "tenku:";

/** The remembered value, or `fallback` where there is none or the browser keeps nothing. */
export function remembered(name, fallback) {
  try {
    const text = localStorage.getItem(PREFIX + name);
    return text === null ? fallback : JSON.parse(text);
  } catch {
    return fallback; // storage is off, or holds what an older page wrote
  }
}

/** Remember a value where the browser allows it; returns the value. */
export function remember(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Private windows refuse; then it is forgotten with the tab.
  }
  return value;
}
