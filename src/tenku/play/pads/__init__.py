"""Gamepads that the game sees: kernel ones through uinput, or our own through a preloaded library.

`choose.py` picks; `xbox.py` and `rumble.py` decide; `uinput.py` and `shim.py` act. `shim.c` is the library.
"""

from tenku.play.pads.choose import GamePads, NoPads, choose_pads
from tenku.play.pads.shim import LIBRARY, ShimPads
from tenku.play.pads.uinput import UinputPads

__all__ = ["LIBRARY", "GamePads", "NoPads", "ShimPads", "UinputPads", "choose_pads"]
