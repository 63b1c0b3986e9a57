"""A game that shows and tells what it is given: the eyes and ears of the live tests.

It writes one JSON line per event to the file that is its only argument. Space flips the colour of the screen, C shows
another cursor, H hides it, T plays a tone (440 Hz left, 880 Hz right), X copies text, V pastes, N shows noise, Q ends
with code 7.
"""

import array
import ctypes
import json
import math
import random
import sys
import time
from pathlib import Path

import pygame

SIZE = (640, 360)  # Larger displays show it in a corner.
DARK, LIGHT = (16, 32, 160), (240, 200, 16)
RATE = 48_000


class Probe:
    def __init__(self, log: Path) -> None:
        self._log = log.open("a", buffering=1)
        pygame.mixer.init(frequency=RATE, channels=2, buffer=512)
        pygame.init()
        self._screen = pygame.display.set_mode(SIZE)
        pygame.display.set_caption("Probe")
        self._light = False
        self._noise = False

    def run(self) -> None:
        self._tell("ready")
        clock = pygame.time.Clock()
        while True:
            for event in pygame.event.get():
                self._take(event)
            self._draw()
            clock.tick(60)

    def _take(self, event: pygame.event.Event) -> None:
        match event.type:
            case pygame.KEYDOWN:
                self._tell("down", key=pygame.key.name(event.key), scancode=event.scancode)
                self._do(event.key)
            case pygame.KEYUP:
                self._tell("up", key=pygame.key.name(event.key))
            case pygame.MOUSEMOTION:
                self._tell("motion", pos=event.pos, rel=event.rel)
            case pygame.MOUSEBUTTONDOWN:
                self._tell("press", button=event.button, pos=event.pos)
            case pygame.MOUSEBUTTONUP:
                self._tell("release", button=event.button)
            case pygame.MOUSEWHEEL:
                self._tell("wheel", x=event.x, y=event.y)
            case pygame.TEXTINPUT:
                self._tell("text", text=event.text)
            case pygame.VIDEORESIZE:
                self._tell("resized", size=event.size)
            case pygame.QUIT:
                self._tell("quit")
                sys.exit(0)

    def _do(self, key: int) -> None:
        match key:
            case pygame.K_SPACE:
                self._light = not self._light
            case pygame.K_c:
                pygame.mouse.set_cursor(pygame.cursors.Cursor(pygame.SYSTEM_CURSOR_CROSSHAIR))
            case pygame.K_h:
                pygame.mouse.set_visible(False)
            case pygame.K_n:
                self._noise = not self._noise
            case pygame.K_t:
                _tone().play()
            case pygame.K_x:
                _sdl().SDL_SetClipboardText("copied by the game: 天空".encode())
            case pygame.K_v:
                self._tell("pasted", text=_pasted())
            case pygame.K_q:
                print("The probe ends with 7.", flush=True)
                sys.exit(7)

    def _draw(self) -> None:
        self._screen.fill(LIGHT if self._light else DARK)
        at = int(time.monotonic() * 200) % (SIZE[0] - 40)
        if self._noise:
            for place in range(0, SIZE[1], 8):
                self._screen.fill(random.randbytes(3), (0, place, SIZE[0], 8))
                for at_x in range(0, SIZE[0], 32):
                    self._screen.fill(random.randbytes(3), (at_x + place % 32, place, 16, 8))
        pygame.draw.rect(self._screen, (200, 30, 30), (at, 320, 40, 30))
        pygame.display.flip()

    def _tell(self, what: str, **about: object) -> None:
        self._log.write(json.dumps({"what": what, "ns": time.monotonic_ns(), **about}) + "\n")


def _tone() -> pygame.mixer.Sound:
    """One second, a different tone in each ear."""
    samples = array.array("h")
    for i in range(RATE):
        samples.append(int(12_000 * math.sin(2 * math.pi * 440 * i / RATE)))
        samples.append(int(12_000 * math.sin(2 * math.pi * 880 * i / RATE)))
    return pygame.mixer.Sound(buffer=samples.tobytes())


def _sdl() -> ctypes.CDLL:
    """The SDL that pygame brought; pygame's own clipboard functions know X11 only."""
    return ctypes.CDLL(str(next((Path(pygame.__file__).parents[1] / "pygame.libs").glob("libSDL2-2*"))))


def _pasted() -> str:
    get = _sdl().SDL_GetClipboardText
    get.restype = ctypes.c_char_p
    return bytes(get()).decode()


if __name__ == "__main__":
    Probe(Path(sys.argv[1])).run()
