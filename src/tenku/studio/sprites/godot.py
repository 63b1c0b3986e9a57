"""Import files for Godot: an AtlasTexture a sprite, SpriteFrames for animations, and how each page is to be imported.

Version 4 writes text resources of format 3, version 3 of format 2. Paths are relative to the file they stand in, so the
folder may lie anywhere in a project. A `.png.import` holds the settings that matter; the editor adds the rest.
"""

import json
import math
from collections.abc import Sequence
from typing import Literal

from tenku.studio.sprites.atlas import Animation, Atlas, Frame

Version = Literal[3, 4]


def godot_files(atlas: Atlas, *, version: Version = 4) -> dict[str, bytes]:
    """Files by their path beside the pages: `NAME/SPRITE.tres`, `NAME.frames.tres`, `NAME.png.import`."""
    files = {f"{page.file}.import": _import(atlas, version) for page in atlas.pages}
    for frame in atlas.frames:
        files[f"{atlas.name}/{frame.name}.tres"] = _texture(atlas, frame, version)
    if atlas.animations:
        files[f"{atlas.name}.frames.tres"] = _sprite_frames(atlas, version)
    return {name: text.encode() for name, text in files.items()}


def _texture(atlas: Atlas, frame: Frame, version: Version) -> str:
    up = "../" * (1 + frame.name.count("/"))
    head = _head("AtlasTexture", 2, version)
    page = _external(1, up + atlas.pages[frame.page].file, version)
    return f"{head}\n{page}\n[resource]\n{_atlas_texture(frame, _external_ref(1, version))}"


def _sprite_frames(atlas: Atlas, version: Version) -> str:
    shown = {name for each in atlas.animations for name in each.frames}
    frames = [frame for frame in atlas.frames if frame.name in shown]
    pages = sorted({frame.page for frame in frames})
    parts = [_head("SpriteFrames", len(pages) + len(frames) + 1, version)]
    parts += [_external(page + 1, atlas.pages[page].file, version) for page in pages]
    for number, frame in enumerate(frames, 1):
        name = f"{number}" if version == 3 else f'"{number}"'
        body = _atlas_texture(frame, _external_ref(frame.page + 1, version))
        parts.append(f'[sub_resource type="AtlasTexture" id={name}]\n{body}')
    ids = {frame.name: number for number, frame in enumerate(frames, 1)}
    animations = ", ".join(_animation(each, ids, version) for each in atlas.animations)
    return "\n".join([*parts, f"[resource]\nanimations = [{animations}]\n"])


def _animation(animation: Animation, ids: dict[str, int], version: Version) -> str:
    name = json.dumps(animation.name, ensure_ascii=False)
    if version == 3:
        speed, beats = _beats(animation.seconds)
        # Version 3 knows one speed for all frames: one that lasts longer is there several times.
        timed = zip(animation.frames, beats, strict=True)
        shown = [f"SubResource( {ids[each]} )" for each, beat in timed for _ in range(beat)]
    else:
        speed, name = animation.rate, f"&{name}"
        shown = [
            f'{{\n"duration": {_number(seconds * speed)},\n"texture": SubResource("{ids[each]}")\n}}'
            for each, seconds in zip(animation.frames, animation.seconds, strict=True)
        ]
    loop = "true" if animation.loop else "false"
    return f'{{\n"frames": [{", ".join(shown)}],\n"loop": {loop},\n"name": {name},\n"speed": {_number(speed)}\n}}'


def _beats(seconds: Sequence[float]) -> tuple[float, list[int]]:
    """Beats a second, and how many of them each frame lasts; to hundredths of a second, where they differ."""
    if max(seconds) - min(seconds) < 0.001:
        return 1 / seconds[0], [1] * len(seconds)
    hundredths = [max(1, round(each * 100)) for each in seconds]
    beat = math.gcd(*hundredths)
    return 100 / beat, [each // beat for each in hundredths]


def _atlas_texture(frame: Frame, page: str) -> str:
    """The margin gives back what was trimmed: the texture is as large as its source was."""
    rect, (x, y) = frame.rect, frame.offset
    lines = [f"atlas = {page}", f"region = {_rect(rect.x, rect.y, rect.width, rect.height)}"]
    if frame.trimmed:
        lines.append(f"margin = {_rect(x, y, frame.source[0] - rect.width, frame.source[1] - rect.height)}")
    return "\n".join([*lines, "filter_clip = true", ""])


def _import(atlas: Atlas, version: Version) -> str:
    """Without losses, without smaller versions. Whether version 4 smooths is a setting of the project or the node."""
    if version == 3:
        kind = "StreamTexture"
        settings = [
            "compress/mode=0",
            f"flags/filter={'false' if atlas.pixel_art else 'true'}",
            "flags/mipmaps=false",
            "process/fix_alpha_border=true",
            "process/premult_alpha=false",
            "detect_3d=false",
        ]
    else:
        kind = "CompressedTexture2D"
        settings = [
            "compress/mode=0",
            "mipmaps/generate=false",
            "process/fix_alpha_border=true",
            "process/premult_alpha=false",
            "process/size_limit=0",
            "detect_3d/compress_to=0",
        ]
    return "\n".join(["[remap]", "", 'importer="texture"', f'type="{kind}"', "", "[params]", "", *settings, ""])


def _head(kind: str, steps: int, version: Version) -> str:
    return f'[gd_resource type="{kind}" load_steps={steps} format={2 if version == 3 else 3}]\n'


def _external(number: int, path: str, version: Version) -> str:
    quoted = json.dumps(path, ensure_ascii=False)
    if version == 3:
        return f'[ext_resource path={quoted} type="Texture" id={number}]\n'
    return f'[ext_resource type="Texture2D" path={quoted} id="{number}"]\n'


def _external_ref(number: int, version: Version) -> str:
    return f"ExtResource( {number} )" if version == 3 else f'ExtResource("{number}")'


def _rect(x: int, y: int, width: int, height: int) -> str:
    return f"Rect2({x}, {y}, {width}, {height})"


def _number(value: float) -> str:
    """Six digits, and always a point: without one it would be an integer there."""
    text = f"{value:.6f}".rstrip("0")
    return f"{text}0" if text.endswith(".") else text
