"""Import files for Unity: the `.meta` of each page, with its sprites (mode Multiple), read by Unity 2019.1 and later.

Unity finds assets by the guid in this file, and sprites by their `internalID`. Both follow from names, so that packing
again with more sprites breaks no reference of a scene; a guid that stands in a `.meta` already is kept.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence

from tenku.base.errors import UsageError
from tenku.studio.sprites.atlas import Atlas, Frame, Page

SPRITE_CLASS = 213
"""Unity's number for sprites."""
CUSTOM = 9
"""The alignment of a pivot that is given by its place."""
GUID = re.compile(r"^guid: ([0-9a-f]{32})\s*$", re.MULTILINE)
SMALLEST_LIMIT = 2048


def unity_files(
    atlas: Atlas, *, place: str, pixels_per_unit: float = 100, there: Mapping[str, str] | None = None
) -> dict[str, bytes]:
    """The `.meta` of each page, by its name.

    Args:
        place: what tells this atlas from others of its name, like the folder it lies in; guids follow from it.
        pixels_per_unit: how many pixels are as long as one unit of a scene.
        there: texts of `.meta` files that are there already, by name.

    Raises:
        UsageError: `pixels_per_unit` is not above 0.
    """
    if not 0 < pixels_per_unit < 1e6:
        raise UsageError(f"{pixels_per_unit} pixels per unit cannot be.", hint="Take a number above 0, like 100.")
    files = {}
    for number, page in enumerate(atlas.pages):
        name = f"{page.file}.meta"
        known = GUID.search((there or {}).get(name, ""))
        guid = known[1] if known else _hex(f"{place}/{page.file}")
        files[name] = _meta(atlas, page, atlas.on(number), guid, pixels_per_unit).encode()
    return files


def sprite_id(guid: str, name: str) -> int:
    """The `internalID` of a sprite: 63 bits, never 0."""
    return int(hashlib.sha256(f"{guid}\n{name}".encode()).hexdigest()[:16], 16) >> 1 or 1


def _meta(atlas: Atlas, page: Page, frames: Sequence[Frame], guid: str, pixels_per_unit: float) -> str:
    ids = {frame.name: sprite_id(guid, frame.name) for frame in frames}
    table = "".join(
        f"  - first:\n      {SPRITE_CLASS}: {ids[frame.name]}\n    second: {_text(frame.name)}\n" for frame in frames
    )
    names = "".join(f"      {_text(frame.name)}: {ids[frame.name]}\n" for frame in frames)
    sprites = "".join(_sprite(frame, page, ids[frame.name], guid) for frame in frames)
    return TEXTURE.format(
        guid=guid,
        table=f"\n{table.rstrip()}" if table else " []",
        filter=0 if atlas.pixel_art else 1,
        units=f"{pixels_per_unit:g}",
        limit=max(SMALLEST_LIMIT, 1 << (max(page.size) - 1).bit_length()),
        sprites=f"\n{sprites.rstrip()}" if sprites else " []",
        names=f"\n{names.rstrip()}" if names else " {}",
    )


def _sprite(frame: Frame, page: Page, number: int, guid: str) -> str:
    """Unity counts rows from below, and wants the pivot as a fraction of what was not trimmed."""
    rect = frame.rect
    x = (frame.pivot.x * frame.source[0] - frame.offset[0]) / rect.width
    y = 1 - (frame.pivot.y * frame.source[1] - frame.offset[1]) / rect.height
    return SPRITE.format(
        name=_text(frame.name),
        x=rect.x,
        y=page.size[1] - rect.bottom,
        width=rect.width,
        height=rect.height,
        alignment=CUSTOM,
        pivot_x=f"{x:.8g}",
        pivot_y=f"{y:.8g}",
        sprite=_hex(f"{guid}\n{frame.name}"),
        number=number,
    )


def _text(name: str) -> str:
    """A name as YAML reads it, whatever it looks like: `1`, `yes` and `a: b` stay texts."""
    return json.dumps(name, ensure_ascii=False)


def _hex(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


SPRITE = """\
    - serializedVersion: 2
      name: {name}
      rect:
        serializedVersion: 2
        x: {x}
        y: {y}
        width: {width}
        height: {height}
      alignment: {alignment}
      pivot: {{x: {pivot_x}, y: {pivot_y}}}
      border: {{x: 0, y: 0, z: 0, w: 0}}
      outline: []
      physicsShape: []
      tessellationDetail: 0
      bones: []
      spriteID: {sprite}
      internalID: {number}
      vertices: []
      indices:
      edges: []
      weights: []
"""

TEXTURE = """\
fileFormatVersion: 2
guid: {guid}
TextureImporter:
  internalIDToNameTable:{table}
  externalObjects: {{}}
  serializedVersion: 11
  mipmaps:
    mipMapMode: 0
    enableMipMap: 0
    sRGBTexture: 1
    linearTexture: 0
    fadeOut: 0
    borderMipMap: 0
  isReadable: 0
  grayScaleToAlpha: 0
  generateCubemap: 6
  seamlessCubemap: 0
  textureFormat: 1
  maxTextureSize: {limit}
  textureSettings:
    serializedVersion: 2
    filterMode: {filter}
    aniso: 1
    mipBias: 0
    wrapU: 1
    wrapV: 1
    wrapW: 1
  nPOTScale: 0
  lightmap: 0
  compressionQuality: 50
  spriteMode: 2
  spriteExtrude: 1
  spriteMeshType: 0
  alignment: 0
  spritePivot: {{x: 0.5, y: 0.5}}
  spritePixelsToUnits: {units}
  spriteBorder: {{x: 0, y: 0, z: 0, w: 0}}
  spriteGenerateFallbackPhysicsShape: 1
  alphaUsage: 1
  alphaIsTransparency: 1
  spriteTessellationDetail: -1
  textureType: 8
  textureShape: 1
  singleChannelComponent: 0
  maxTextureSizeSet: 0
  compressionQualitySet: 0
  textureFormatSet: 0
  platformSettings:
  - serializedVersion: 3
    buildTarget: DefaultTexturePlatform
    maxTextureSize: {limit}
    resizeAlgorithm: 0
    textureFormat: -1
    textureCompression: 0
    compressionQuality: 50
    crunchedCompression: 0
    allowsAlphaSplitting: 0
    overridden: 0
    androidETC2FallbackOverride: 0
    forceMaximumCompressionQuality_BC6H_BC7: 0
  spriteSheet:
    serializedVersion: 2
    sprites:{sprites}
    outline: []
    physicsShape: []
    bones: []
    spriteID:
    internalID: 0
    vertices: []
    indices:
    edges: []
    weights: []
    secondaryTextures: []
    nameFileIdTable:{names}
  spritePackingTag:
  pSDRemoveMatte: 0
  pSDShowRemoveMatteOption: 0
  userData:
  assetBundleName:
  assetBundleVariant:
"""
