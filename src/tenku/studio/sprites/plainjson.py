"""The atlas as JSON, in the form that TexturePacker calls "JSON (Hash)": loaders of many engines read it."""

import json
from typing import Any

from tenku import __version__
from tenku.studio.sprites.atlas import Atlas, Frame, Page


def json_files(atlas: Atlas) -> dict[str, bytes]:
    """One file a page, beside it, by name: `atlas.png` has `atlas.json`."""
    names = [_beside(page) for page in atlas.pages]
    return {name: _page_json(atlas, number, names) for number, name in enumerate(names)}


def _beside(page: Page) -> str:
    return page.file.removesuffix(".png") + ".json"


def _page_json(atlas: Atlas, number: int, names: list[str]) -> bytes:
    page = atlas.pages[number]
    meta: dict[str, Any] = {
        "app": "tenku",
        "version": __version__,
        "image": page.file,
        "format": "RGBA8888",
        "size": {"w": page.size[0], "h": page.size[1]},
        "scale": "1",
    }
    if len(names) > 1:
        meta["related_multi_packs"] = [name for name in names if name != names[number]]
    # Every page's file knows all animations: a frame of another page is found through its neighbours' files.
    timing = {
        each.name: {"seconds": [round(time, 6) for time in each.seconds], "loop": each.loop}
        for each in atlas.animations
    }
    whole = {
        "frames": {frame.name: _frame(frame) for frame in atlas.on(number)},
        "animations": {each.name: list(each.frames) for each in atlas.animations},
        "meta": meta | ({"timing": timing} if timing else {}),
    }
    return (json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode()


def _frame(frame: Frame) -> dict[str, Any]:
    rect = frame.rect
    return {
        "frame": {"x": rect.x, "y": rect.y, "w": rect.width, "h": rect.height},
        "rotated": False,
        "trimmed": frame.trimmed,
        "spriteSourceSize": {"x": frame.offset[0], "y": frame.offset[1], "w": rect.width, "h": rect.height},
        "sourceSize": {"w": frame.source[0], "h": frame.source[1]},
        "pivot": {"x": frame.pivot.x, "y": frame.pivot.y},
    }
