"""The test game: 30 sprites at a steady rate over a background that one key flips.

    python -m benchmarks.game --log FILE [--fps 60]

Space flips the whole background, which is the most expensive picture a stream can be asked for. The log has one
JSON line for the start and one for every flip, with times of CLOCK_MONOTONIC in nanoseconds, so that anything on
this machine can be compared with it. A strip at the top of the picture carries the frame's number in black and
white blocks: whoever sees the picture knows which frame it is.
"""

import argparse
import array
import json
import math
import os
import random
import time
from pathlib import Path
from typing import TextIO

import pygame

SIZE = (1280, 720)
SPRITES = 30
BLOCK = 16  # pixels; a macroblock of H.264, so that the blocks stay sharp at any bitrate
CODE_BITS = 15  # of the frame's number; one block more makes the number of white blocks even
STRIP = pygame.Rect(0, 0, BLOCK * (CODE_BITS + 2), BLOCK)  # its last block shows which background it is
GROUNDS = ((20, 28, 60), (235, 220, 180))
SEED = 720
RATE = 48_000  # of the tone, in samples a second


def main() -> None:
    """Run until the window is closed or the process is ended."""
    parser = argparse.ArgumentParser(description="The test game of the play benchmark.")
    parser.add_argument("--log", type=Path, required=True, help="file that the JSON lines go to")
    parser.add_argument("--fps", type=int, default=60)
    parser.add_argument("--tone", action="store_true", help="play a tone all the time")
    arguments = parser.parse_args()
    screen = open_window()
    if arguments.tone:
        play_tone()
    with arguments.log.open("a", buffering=1) as log:
        log.write(json.dumps({"event": "start", "pid": os.getpid(), "driver": pygame.display.get_driver()}) + "\n")
        Game(screen, log).run(arguments.fps)


def open_window() -> pygame.Surface:
    """A window without a frame, drawn by copying: SDL's other way, OpenGL in software, takes a core for itself."""
    os.environ["SDL_FRAMEBUFFER_ACCELERATION"] = "0"
    pygame.display.init()
    try:
        screen = pygame.display.set_mode(SIZE, pygame.NOFRAME)
    except pygame.error:  # SDL 2 on Wayland knows no copying
        del os.environ["SDL_FRAMEBUFFER_ACCELERATION"]
        pygame.display.quit()
        pygame.display.init()
        screen = pygame.display.set_mode(SIZE, pygame.NOFRAME)
    pygame.mouse.set_visible(False)
    return screen


def play_tone() -> None:
    """A tone of 440 Hz without an end."""
    pygame.mixer.init(frequency=RATE, channels=1, buffer=512)
    samples = array.array("h", (int(8_000 * math.sin(2 * math.pi * 440 * at / RATE)) for at in range(RATE)))
    pygame.mixer.Sound(buffer=samples.tobytes()).play(loops=-1)


class Sprite:
    """A square with a disc on it that bounces off the edges of the picture."""

    def __init__(self, dice: random.Random) -> None:
        side = dice.randrange(32, 80)
        x, y = dice.randrange(SIZE[0] - side), dice.randrange(STRIP.bottom, SIZE[1] - side)
        self.place = pygame.Rect(x, y, side, side)
        self.picture = pygame.Surface((side, side))
        self.picture.fill(colour(dice, (128, 128, 128), 127))
        pygame.draw.circle(self.picture, colour(dice, (128, 128, 128), 127), (side // 2, side // 2), side // 3)
        self._step = [dice.choice((-5, -4, -3, 3, 4, 5)) for _ in range(2)]

    def move(self) -> None:
        if self.place.left + self._step[0] < 0 or self.place.right + self._step[0] > SIZE[0]:
            self._step[0] = -self._step[0]
        if self.place.top + self._step[1] < STRIP.bottom or self.place.bottom + self._step[1] > SIZE[1]:
            self._step[1] = -self._step[1]
        self.place.move_ip(*self._step)


class Game:
    """Polls, moves, draws, presents; logs when a flip was asked for and when it was presented."""

    def __init__(self, screen: pygame.Surface, log: TextIO) -> None:
        dice = random.Random(SEED)
        self._screen = screen
        self._log = log
        self._grounds = [ground(dice, base) for base in GROUNDS]
        self._sprites = [Sprite(dice) for _ in range(SPRITES)]
        self._flips = 0
        self._frame = 0

    def run(self, fps: int) -> None:
        # An absolute schedule: pygame's own clock waits whole milliseconds, which makes 62 frames a second of 60.
        due = time.monotonic()
        while not pygame.event.peek(pygame.QUIT):
            asked_ns = self._poll()
            self._draw()
            self._present(asked_ns)
            due = max(due + 1 / fps, time.monotonic() - 0.05)
            time.sleep(max(0.0, due - time.monotonic()))

    def _poll(self) -> int | None:
        """When the flip was asked for; None if it was not."""
        for event in pygame.event.get((pygame.KEYDOWN, pygame.KEYUP)):
            if event.type == pygame.KEYDOWN and event.key == pygame.K_SPACE:
                self._flips += 1
                return time.monotonic_ns()
        return None

    def _draw(self) -> None:
        self._screen.blit(self._grounds[self._flips % 2], (0, 0))
        for sprite in self._sprites:
            sprite.move()
            self._screen.blit(sprite.picture, sprite.place)
        for place, white in enumerate(blocks(self._frame)):
            self._screen.fill((255, 255, 255) if white else (0, 0, 0), (place * BLOCK, 0, BLOCK, BLOCK))

    def _present(self, asked_ns: int | None) -> None:
        drawn_ns = time.monotonic_ns()
        pygame.display.flip()
        if asked_ns is not None:
            line = {"event": "flip", "flip": self._flips, "frame": self._frame, "asked_ns": asked_ns}
            line |= {"drawn_ns": drawn_ns, "presented_ns": time.monotonic_ns()}
            self._log.write(json.dumps(line) + "\n")
        self._frame += 1


def blocks(frame: int) -> list[bool]:
    """Which blocks of the strip are white for a frame: its number, lowest bit first, then the parity."""
    bits = [bool(frame >> place & 1) for place in range(CODE_BITS)]
    return [*bits, sum(bits) % 2 == 1]


def colour(dice: random.Random, base: tuple[int, int, int], spread: int) -> tuple[int, int, int]:
    """A colour near `base`."""
    red, green, blue = (min(255, max(0, part + dice.randint(-spread, spread))) for part in base)
    return red, green, blue


def ground(dice: random.Random, base: tuple[int, int, int]) -> pygame.Surface:
    """A background of many small tiles, as a game's map has; flat where the strip's last block is."""
    picture = pygame.Surface(SIZE)
    picture.fill(base)
    for y in range(0, SIZE[1], 8):
        for x in range(0, SIZE[0], 8):
            if not STRIP.collidepoint(x, y):
                picture.fill(colour(dice, base, 20), (x, y, 8, 8))
    return picture


if __name__ == "__main__":
    main()
