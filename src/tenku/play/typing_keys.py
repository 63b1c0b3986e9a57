"""Typing any text through a keyboard: characters are bound to spare keys, a few at a time."""

from collections.abc import Iterator

SPARE_KEYS = tuple(range(205, 248))
"""XKB key codes (evdev plus 8) of keys that no keyboard of a player sends: 197 to 239 in evdev."""
KEYSYMS = {"\n": 0xFF0D, "\t": 0xFF09, "\b": 0xFF08, "\x1b": 0xFF1B, "\x7f": 0xFFFF}

Binds = list[tuple[int, int]]
Presses = list[tuple[int, int]]


def keysym(character: str) -> int | None:
    """The X keysym of one character, None for one that cannot be typed.

    Latin-1 is its own code; the rest is the Unicode code point plus 0x01000000 (X11 protocol, appendix A).
    """
    if character in KEYSYMS:
        return KEYSYMS[character]
    point = ord(character)
    if point < 0x20 or 0x7F <= point < 0xA0 or 0xD800 <= point <= 0xDFFF:
        return None
    return point if point <= 0xFF else 0x01000000 + point


class Typist:
    """Remembers which character lies on which spare key, so that text that repeats itself rebinds little.

    A key is rebound as late as can be: a game that reads its events late still sees the right character.
    """

    def __init__(self) -> None:
        self._keys: dict[int, int] = {}
        self._next = 0

    def type(self, text: str) -> Iterator[tuple[Binds, Presses]]:
        """Rounds of (what to bind, what to press and release), as `(key, keysym)` and `(key, 1 or 0)`."""
        presses: Presses = []
        for symbol in filter(None, map(keysym, text)):
            # A key that is pressed in this round has its meaning until the round is over.
            if symbol not in self._keys and (self._next_key(), 1) in presses:
                yield self.binds(), presses
                presses = []
            key = self._key(symbol)
            presses += [(key, 1), (key, 0)]
        if presses:
            yield self.binds(), presses

    def binds(self) -> Binds:
        """Every binding that is in force, as `(key, keysym)`."""
        return [(key, symbol) for symbol, key in self._keys.items()]

    def _next_key(self) -> int:
        return SPARE_KEYS[self._next % len(SPARE_KEYS)]

    def _key(self, symbol: int) -> int:
        if symbol not in self._keys:
            key = self._next_key()
            self._next += 1
            self._keys = {known: place for known, place in self._keys.items() if place != key}
            self._keys[symbol] = key
        return self._keys[symbol]
