"""Shows every gamepad on the screen, and prints what it does as JSON lines; A shakes it, B stops that.

Needs pygame: `pip install pygame`, then `tenku play examples/pads` and press a button on a gamepad.
"""

import json
import sys
from typing import Any

import pygame

SIZE = (640, 400)
ROW = 100
STRONG, WEAK, SHAKE_MS = 0.25, 0.75, 400
A, B = 0, 1


def say(**what: Any) -> None:
    """One line of JSON for whoever reads along."""
    print(json.dumps(what), flush=True)


def state(pad: pygame.joystick.JoystickType) -> dict[str, Any]:
    """Everything the pad shows now, axes rounded to 1/1000."""
    return {
        "axes": [round(pad.get_axis(index), 3) for index in range(pad.get_numaxes())],
        "buttons": [index for index in range(pad.get_numbuttons()) if pad.get_button(index)],
        "hat": list(pad.get_hat(0)) if pad.get_numhats() else [0, 0],
    }


def draw(screen: pygame.Surface, row: int, shown: dict[str, Any]) -> None:
    """One row a pad: a bar for each axis, a dot for each button, a square for the cross."""
    top = row * ROW + 10
    for index, value in enumerate(shown["axes"]):
        pygame.draw.rect(screen, "gray30", (10 + index * 40, top, 30, 80))
        pygame.draw.rect(screen, "orange", (10 + index * 40, top + 40 + value * 38, 30, 4))
    for index in range(11):
        color = "green" if index in shown["buttons"] else "gray30"
        pygame.draw.circle(screen, color, (275 + index * 25, top + 40), 10)
    across, up = shown["hat"]
    pygame.draw.rect(screen, "white", (580 + across * 20, top + 30 - up * 20, 20, 20))


def main() -> int:
    """Run until the window closes or Escape is pressed."""
    pygame.init()
    screen = pygame.display.set_mode(SIZE)
    clock = pygame.time.Clock()
    pads: dict[int, pygame.joystick.JoystickType] = {}
    last: dict[int, dict[str, Any]] = {}
    say(event="ready", sdl=".".join(map(str, pygame.get_sdl_version())))
    while True:
        for event in pygame.event.get():
            if event.type == pygame.QUIT or (event.type == pygame.KEYDOWN and event.key == pygame.K_ESCAPE):
                return 0
            if event.type == pygame.JOYDEVICEADDED:
                pad = pygame.joystick.Joystick(event.device_index)
                pads[pad.get_instance_id()] = pad
                say(event="plugged", pad=pad.get_instance_id(), name=pad.get_name(), guid=pad.get_guid())
            elif event.type == pygame.JOYDEVICEREMOVED and event.instance_id in pads:
                pads.pop(event.instance_id).quit()
                last.pop(event.instance_id, None)
                say(event="unplugged", pad=event.instance_id)
            elif event.type == pygame.JOYBUTTONDOWN and event.button == A:
                say(event="shake", pad=event.instance_id, can=pads[event.instance_id].rumble(STRONG, WEAK, SHAKE_MS))
            elif event.type == pygame.JOYBUTTONDOWN and event.button == B:
                pads[event.instance_id].stop_rumble()
        screen.fill("gray15")
        for row, (number, pad) in enumerate(pads.items()):
            shown = state(pad)
            draw(screen, row, shown)
            if last.get(number) != shown:
                last[number] = shown
                say(event="state", pad=number, **shown)
        pygame.display.flip()
        clock.tick(60)


if __name__ == "__main__":
    sys.exit(main())
