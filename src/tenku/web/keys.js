// Physical keys of the browser (`KeyboardEvent.code`) as Linux evdev codes.
//
// Codes go by place, whatever is printed on the key. Fn never leaves the keyboard, and codes above 247 do not exist
// in the keymap of a Wayland compositor (evdev + 8 has to fit a byte), so those keys are not here.

/** @type {Readonly<Record<string, number>>} */
export const EVDEV = Object.freeze({
  // Row of digits
  Escape: 1, Digit1: 2, Digit2: 3, Digit3: 4, Digit4: 5, Digit5: 6, Digit6: 7, Digit7: 8, Digit8: 9,
  Digit9: 10, Digit0: 11, Minus: 12, Equal: 13, Backspace: 14,
  // First row of letters
  Tab: 15, KeyQ: 16, KeyW: 17, KeyE: 18, KeyR: 19, KeyT: 20, KeyY: 21, KeyU: 22, KeyI: 23, KeyO: 24,
  KeyP: 25, BracketLeft: 26, BracketRight: 27, Enter: 28,
  // Second row of letters
  ControlLeft: 29, KeyA: 30, KeyS: 31, KeyD: 32, KeyF: 33, KeyG: 34, KeyH: 35, KeyJ: 36, KeyK: 37, KeyL: 38,
  Semicolon: 39, Quote: 40, Backquote: 41,
  // Third row of letters
  ShiftLeft: 42, Backslash: 43, KeyZ: 44, KeyX: 45, KeyC: 46, KeyV: 47, KeyB: 48, KeyN: 49, KeyM: 50,
  Comma: 51, Period: 52, Slash: 53, ShiftRight: 54, IntlBackslash: 86,
  // Bottom row
  AltLeft: 56, Space: 57, CapsLock: 58, ControlRight: 97, AltRight: 100, MetaLeft: 125, MetaRight: 126,
  OSLeft: 125, OSRight: 126, ContextMenu: 127,
  // Function keys
  F1: 59, F2: 60, F3: 61, F4: 62, F5: 63, F6: 64, F7: 65, F8: 66, F9: 67, F10: 68, F11: 87, F12: 88,
  F13: 183, F14: 184, F15: 185, F16: 186, F17: 187, F18: 188, F19: 189, F20: 190, F21: 191, F22: 192,
  F23: 193, F24: 194,
  // Number pad
  NumLock: 69, NumpadMultiply: 55, Numpad7: 71, Numpad8: 72, Numpad9: 73, NumpadSubtract: 74, Numpad4: 75,
  Numpad5: 76, Numpad6: 77, NumpadAdd: 78, Numpad1: 79, Numpad2: 80, Numpad3: 81, Numpad0: 82,
  NumpadDecimal: 83, NumpadEnter: 96, NumpadDivide: 98, NumpadEqual: 117, NumpadComma: 121,
  NumpadChangeSign: 118, NumpadParenLeft: 179, NumpadParenRight: 180, NumpadStar: 55, NumpadBackspace: 14,
  // Keys above and between
  PrintScreen: 99, ScrollLock: 70, Pause: 119, Insert: 110, Home: 102, PageUp: 104, Delete: 111, End: 107,
  PageDown: 109, ArrowUp: 103, ArrowLeft: 105, ArrowRight: 106, ArrowDown: 108,
  // Japanese, Korean and other languages
  IntlRo: 89, KanaMode: 93, Convert: 92, NonConvert: 94, IntlYen: 124, Lang1: 122, Lang2: 123, Lang3: 90,
  Lang4: 91, Lang5: 85, HangulMode: 122, Hanja: 123,
  // Editing
  Again: 129, Props: 130, Undo: 131, Select: 132, Copy: 133, Open: 134, Paste: 135, Find: 136, Cut: 137,
  Help: 138,
  // Media and browser
  AudioVolumeMute: 113, AudioVolumeDown: 114, AudioVolumeUp: 115, VolumeMute: 113, VolumeDown: 114,
  VolumeUp: 115, MediaTrackNext: 163, MediaPlayPause: 164, MediaTrackPrevious: 165, MediaStop: 166,
  MediaRecord: 167, MediaRewind: 168, MediaPlay: 207, MediaPause: 201, MediaFastForward: 208,
  MediaSelect: 226, Eject: 161, BrowserBack: 158, BrowserForward: 159, BrowserRefresh: 173, BrowserStop: 128,
  BrowserSearch: 217, BrowserHome: 172, BrowserFavorites: 156, LaunchMail: 155, LaunchApp1: 157,
  LaunchApp2: 140, LaunchMediaPlayer: 226, LaunchControlPanel: 141, BrightnessDown: 224, BrightnessUp: 225,
  DisplayToggleIntExt: 227,
  // Power
  Power: 116, Sleep: 142, WakeUp: 143,
});

const MAC = /mac|iphone|ipad/i.test(navigator.userAgentData?.platform ?? navigator.platform ?? "");

/** Whether this is a Mac, where the Command key does what Ctrl does elsewhere. */
export function isMac() {
  return MAC;
}

/** The evdev code of a key event; undefined for a key that a game cannot be given. */
export function evdevCode(code) {
  if (MAC && code === "MetaLeft") return EVDEV.ControlLeft;
  if (MAC && code === "MetaRight") return EVDEV.ControlRight;
  return EVDEV[code];
}
