"""256 sprites into a sheet: seconds and how much of its area is used, beside rectpack and PyTexturePacker.

rectpack only places rectangles; PyTexturePacker reads, trims, places, composes and writes, as we do. Both are let do
without rotation, with the same padding, and with as small a page as they find. They are installed by nobody but who
measures (`pip install rectpack PyTexturePacker`); where one is missing, its numbers are left out.
"""

import importlib
import importlib.util
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tenku.studio.sprites.gather import find, gather
from tenku.studio.sprites.pack import Box, pack
from tenku.studio.sprites.pixels import Pixels, blank, encode
from tenku.studio.sprites.sheet import Packing, make_sheet
from tenku.studio.sprites.write import Engine, put_sheet

SPRITES = 256
SIDES = (24, 128)
PADDING = 2
EXTRUDE = 1
LIMIT = 2048


def measure(rounds: int) -> dict[str, Any]:
    """Medians of some rounds: placing alone, placing and composing in memory, and from files to files."""
    with tempfile.TemporaryDirectory(prefix="tenku-sheet-") as text:
        folder = Path(text)
        pictures = _make(folder / "in")
        boxes = _boxes(folder / "in")
        area = sum(box.width * box.height for box in boxes)
        found: dict[str, Any] = {"sprites": len(pictures), "rounds": rounds, "place": {}, "files": {}}
        found["place"]["tenku"] = _timed(rounds, lambda: pack(boxes, most=LIMIT, gap=PADDING).sizes, area)
        found["compose"] = {"tenku": _timed(rounds, lambda: _compose(folder / "in"), area)}
        found["files"]["tenku"] = _timed(rounds, lambda: _ours(folder / "in", folder / "tenku"), area)
        if _installed("rectpack"):
            found["place"]["rectpack"] = _timed(rounds, lambda: _rectpack(boxes), area)
        if _installed("PyTexturePacker"):
            found["files"]["PyTexturePacker"] = _timed(
                rounds, lambda: _texturepacker(folder / "in", folder / "peer"), area
            )
        return found


def _timed(rounds: int, run: Callable[[], Sequence[tuple[int, int]]], area: int) -> dict[str, Any]:
    """Median and fastest seconds, those of the processor, pages, and how much of them is sprite."""
    seconds, cpu = [], []
    for _ in range(rounds):
        begin, busy = time.perf_counter(), time.process_time()
        sizes = run()
        seconds.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - busy)
    return {
        "seconds": round(statistics.median(seconds), 4),
        "fastest": round(min(seconds), 4),
        "cpu": round(statistics.median(cpu), 4),
        "pages": [list(size) for size in sizes],
        "used": round(area / sum(width * height for width, height in sizes), 4),
    }


def _make(folder: Path) -> list[Pixels]:
    """Blots of many sizes within transparent borders, each in a file of its own."""
    folder.mkdir()
    chance = np.random.default_rng(7)
    pictures = []
    for number in range(SPRITES):
        width, height = (int(side) for side in chance.integers(*SIDES, 2))
        pixels = blank(width + 16, height + 16)
        down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        inside = pixels[8:-8, 8:-8]
        inside[..., :3] = (chance.integers(40, 255, 3) * (1 - 0.3 * (across**2 + down**2))[..., None]).astype(np.uint8)
        inside[..., 3] = np.where(across**2 + down**2 <= 1, 255, 0)
        inside[height // 2, :, 3] = inside[:, width // 2, 3] = 255
        (folder / f"blot_{number:03}.png").write_bytes(encode(pixels))
        pictures.append(pixels)
    return pictures


def _boxes(folder: Path) -> list[Box]:
    """The rectangles that are to be placed: trimmed, and with their repeated edges."""
    sheet = make_sheet("a", gather(find([folder])).sprites, layout=Packing(size=LIMIT))
    return [
        Box(name=frame.name, width=frame.rect.width + 2 * EXTRUDE, height=frame.rect.height + 2 * EXTRUDE)
        for frame in sheet.atlas.frames
    ]


def _compose(folder: Path) -> list[tuple[int, int]]:
    sheet = make_sheet("a", gather(find([folder])).sprites, layout=Packing(size=LIMIT))
    return [page.size for page in sheet.atlas.pages]


def _ours(folder: Path, out: Path) -> list[tuple[int, int]]:
    sheet = make_sheet("a", gather(find([folder])).sprites, layout=Packing(size=LIMIT))
    put_sheet(sheet, folder=out, engines=[Engine.GODOT, Engine.UNITY])
    return [page.size for page in sheet.atlas.pages]


def _rectpack(boxes: Sequence[Box]) -> list[tuple[int, int]]:
    """Its best method, on squares that grow by 1 % until all fit; what is used of the last one counts."""
    library: Any = importlib.import_module("rectpack")
    side = math.ceil(math.sqrt(sum((box.width + PADDING) * (box.height + PADDING) for box in boxes)))
    while True:
        packer = library.newPacker(rotation=False, pack_algo=library.MaxRectsBssf)
        packer.add_bin(side, side)
        for box in boxes:
            packer.add_rect(box.width + PADDING, box.height + PADDING)
        packer.pack()
        placed = packer.rect_list()
        if len(placed) == len(boxes):
            return [(max(x + w for _, x, _, w, _, _ in placed), max(y + h for _, _, y, _, h, _ in placed))]
        side = math.ceil(side * 1.01)


def _texturepacker(folder: Path, out: Path) -> list[tuple[int, int]]:
    library: Any = importlib.import_module("PyTexturePacker")
    packer = library.Packer.create(
        max_width=LIMIT,
        max_height=LIMIT,
        enable_rotated=False,
        border_padding=0,
        shape_padding=PADDING,
        extrude=EXTRUDE,
        trim_mode=1,
        atlas_format="json",
    )
    out.mkdir(exist_ok=True)
    packer.pack(f"{folder}/", "peer%d", str(out))
    image: Any = importlib.import_module("PIL.Image")
    return [image.open(path).size for path in sorted(out.glob("peer*.png"))]


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5), indent=1) + "\n")
