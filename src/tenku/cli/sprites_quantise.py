"""`tenku sprites quantise`: makes pixel art of pictures, all with one palette."""

import argparse
from pathlib import Path

from tenku.base.errors import UsageError
from tenku.cli.amounts import count_text
from tenku.cli.sprites import number
from tenku.cli.studio import print_json, whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku sprites quantise`."""
    parser.usage = "tenku sprites quantise FOLDER|FILES [--out FOLDER] [--pixel N] [--palette FILE | --colours N]"
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="Folders and pictures.")
    parser.add_argument("--out", type=Path, default=Path("pixels"), metavar="FOLDER", help="Where to. Default: pixels.")
    parser.add_argument("--pixel", metavar="N", help="Pixels of the longer side. Default: the picture's own grid.")
    parser.add_argument("--palette", type=Path, metavar="FILE", help="Its colours: .gpl, .hex, .pal or a picture.")
    parser.add_argument("--colours", metavar="N", help="How many are learned from the pictures. Default: 16.")
    parser.add_argument("--dither", default="0", metavar="N", help="Strength of a pattern, 0 to 1. Default: 0.")
    parser.add_argument("--square", action="store_true", help="With --pixel: fill up to N x N.")
    parser.add_argument("--no-clean", action="store_true", help="Keep pixels that stand alone.")


def run(args: argparse.Namespace) -> int:
    """Quantise all of them, or none."""
    from tenku.studio.sprites.gather import find, gather
    from tenku.studio.sprites.names import check_names
    from tenku.studio.sprites.palette import MOST_COLOURS, read_palette
    from tenku.studio.sprites.pixels import encode
    from tenku.studio.sprites.quantise import LARGEST, PixelArt, quantise
    from tenku.studio.sprites.write import put_files

    if args.palette and args.colours:
        raise UsageError("--palette and --colours exclude each other.", hint="Leave one out.")
    how = PixelArt(
        size=whole("--pixel", args.pixel, low=2, high=LARGEST) if args.pixel else 0,
        palette=read_palette(args.palette) if args.palette else None,
        colours=whole("--colours", args.colours or "16", low=2, high=MOST_COLOURS),
        dither=number("--dither", args.dither, low=0, high=1),
        clean=not args.no_clean,
        square=args.square,
    )
    sprites = gather(find(args.paths)).sprites
    check_names([sprite.name for sprite in sprites])
    made = quantise([sprite.pixels for sprite in sprites], how)
    files = {f"{sprite.name}.png": encode(pixels) for sprite, pixels in zip(sprites, made, strict=True)}
    put_files(args.out, files)
    if args.json:
        print_json({"files": [str(args.out / name) for name in files]})
    else:
        print(f"Quantised {count_text(len(files), 'picture')} into {args.out}.")
    return 0
