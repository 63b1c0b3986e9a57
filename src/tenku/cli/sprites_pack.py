"""`tenku sprites pack`: pictures into an atlas or a grid, with import files for engines."""

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from tenku.base.errors import UsageError
from tenku.cli.amounts import count_text
from tenku.cli.sprites import number
from tenku.cli.studio import print_json, whole

if TYPE_CHECKING:
    from tenku.studio.sprites.atlas import Point
    from tenku.studio.sprites.gather import Gathered
    from tenku.studio.sprites.grid import Grid
    from tenku.studio.sprites.sheet import Packing, Sprite
    from tenku.studio.sprites.write import Engine, Written


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku sprites pack`."""
    parser.usage = "tenku sprites pack FOLDER|FILES --out FILE.png [--godot] [--unity] [OPTIONS]"
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="Folders and pictures; GIF, WebP and videos are animations."
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="The first page, like atlas.png.")
    parser.add_argument("--godot", action="store_true", help="Write .tres and .import files for Godot 4.")
    parser.add_argument("--godot3", action="store_true", help="Write .tres and .import files for Godot 3.")
    parser.add_argument("--unity", action="store_true", help="Write .meta files for Unity.")
    parser.add_argument("--grid", default="", metavar="CxR", help="Equal cells, like 4x4, instead of packing.")
    parser.add_argument("--size", default="2048", metavar="N", help="Pixels of a page's side at most. Default: 2048.")
    parser.add_argument("--padding", metavar="N", help="Free pixels between sprites. Default: 2; in a grid 0.")
    parser.add_argument("--extrude", default="1", metavar="N", help="How often edges are repeated. Default: 1.")
    parser.add_argument("--no-trim", action="store_true", help="Keep transparent borders.")
    parser.add_argument("--power-of-two", action="store_true", help="Pages of 256, 512, 1024, … pixels.")
    parser.add_argument(
        "--animation",
        action="append",
        default=[],
        metavar="NAME=PATTERN@FPS",
        help="An animation of the pictures with such names, like 'walk=hero/walk_*@12'; ',once' does not loop.",
    )
    parser.add_argument("--pivot", default="0.5,0.5", metavar="X,Y", help="What sprites turn around. Default: 0.5,0.5.")
    parser.add_argument("--units", default="100", metavar="N", help="Unity: pixels per unit. Default: 100.")
    parser.add_argument("--pixel-art", action="store_true", help="Engines show it without smoothing.")
    parser.add_argument("--pixel", metavar="N", help="Quantise to N x N pixels first; implies --pixel-art.")
    parser.add_argument("--palette", type=Path, metavar="FILE", help="With --pixel: .gpl, .hex, .pal or a picture.")


def run(args: argparse.Namespace) -> int:
    """Pack."""
    from tenku.studio.sprites.gather import animate, find, gather, parse_animation
    from tenku.studio.sprites.sheet import make_sheet
    from tenku.studio.sprites.write import page_stem, put_sheet

    rules = [parse_animation(text) for text in args.animation]
    layout, stem = _layout(args), page_stem(args.out)
    engines, units = _engines(args), number("--units", args.units, low=0.001, high=100_000)
    if args.palette and not args.pixel:
        raise UsageError("--palette needs --pixel.", hint="Or use `tenku sprites quantise`.")
    gathered = gather(find(args.paths, but=args.out), pivot=_pivot(args.pivot))
    sprites = _quantised(args, gathered) if args.pixel else gathered.sprites
    sheet = make_sheet(
        stem,
        sprites,
        layout=layout,
        animations=[*gathered.animations, *animate(rules, [sprite.name for sprite in sprites])],
        pixel_art=args.pixel_art or bool(args.pixel),
    )
    tell(args, put_sheet(sheet, folder=args.out.parent, engines=engines, pixels_per_unit=units))
    return 0


def tell(args: argparse.Namespace, written: "Written") -> None:
    """Say what was packed where."""
    atlas = written.atlas
    filled = sum(rect.width * rect.height for _, rect in {(frame.page, frame.rect) for frame in atlas.frames})
    whole_area = sum(page.size[0] * page.size[1] for page in atlas.pages)
    if args.json:
        print_json(
            {
                "sprites": len(atlas.frames),
                "animations": [each.name for each in atlas.animations],
                "pages": [{"file": page.file, "width": page.size[0], "height": page.size[1]} for page in atlas.pages],
                "files": [str(path) for path in written.files],
            }
        )
        return
    sizes = ", ".join(f"{page.file} {page.size[0]}x{page.size[1]}" for page in atlas.pages)
    animations = f", {count_text(len(atlas.animations), 'animation')}" if atlas.animations else ""
    print(f"Packed {count_text(len(atlas.frames), 'sprite')}{animations}: {sizes}, {filled / whole_area:.0%} used.")
    print(f"Wrote {count_text(len(written.files), 'file')} to {args.out.parent}.")


def _layout(args: argparse.Namespace) -> "Packing | Grid":
    from tenku.studio.sprites.grid import Grid, parse_grid
    from tenku.studio.sprites.sheet import LARGEST_PAGE, Packing

    padding = whole("--padding", args.padding or ("0" if args.grid else "2"), low=0, high=64)
    if args.grid:
        grid = parse_grid(args.grid)
        return Grid(grid.columns, grid.rows, padding)
    return Packing(
        size=whole("--size", args.size, low=1, high=LARGEST_PAGE),
        padding=padding,
        extrude=whole("--extrude", args.extrude, low=0, high=16),
        trim=not args.no_trim,
        power_of_two=args.power_of_two,
    )


def _engines(args: argparse.Namespace) -> "list[Engine]":
    from tenku.studio.sprites.write import Engine

    return [engine for engine in Engine if vars(args)[engine.value]]


def _pivot(text: str) -> "Point":
    from tenku.studio.sprites.atlas import Point

    x, comma, y = text.partition(",")
    if not comma:
        raise UsageError(f"--pivot: {text!r} cannot be used.", hint="Write two numbers, like 0.5,1 for the feet.")
    return Point(number("--pivot", x, low=-10, high=10), number("--pivot", y, low=-10, high=10))


def _quantised(args: argparse.Namespace, gathered: "Gathered") -> "list[Sprite]":
    from tenku.studio.sprites.palette import read_palette
    from tenku.studio.sprites.quantise import LARGEST, PixelArt, quantise

    how = PixelArt(
        size=whole("--pixel", args.pixel, low=2, high=LARGEST),
        palette=read_palette(args.palette) if args.palette else None,
        square=True,
    )
    made = quantise([sprite.pixels for sprite in gathered.sprites], how)
    return [dataclasses.replace(one, pixels=pixels) for one, pixels in zip(gathered.sprites, made, strict=True)]
