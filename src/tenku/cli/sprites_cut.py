"""`tenku sprites cut`: makes the plain background of pictures transparent."""

import argparse
import sys
from pathlib import Path

from tenku.base.errors import UsageError
from tenku.cli.amounts import count_text
from tenku.cli.sprites import number
from tenku.cli.studio import print_json, whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku sprites cut`."""
    parser.usage = "tenku sprites cut FOLDER|FILES [--out FOLDER] [--tolerance N] [--soft N] [--holes]"
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="Folders and pictures.")
    parser.add_argument("--out", type=Path, default=Path("cut"), metavar="FOLDER", help="Where to. Default: cut.")
    parser.add_argument("--tolerance", default="0.06", metavar="N", help="How far from its colour. Default: 0.06.")
    parser.add_argument("--soft", default="2", metavar="N", help="Width of soft edges in pixels. Default: 2.")
    parser.add_argument("--holes", action="store_true", help="Also what the sprite encloses, like a ring's inside.")
    parser.add_argument(
        "--unpremultiply", action="store_true", help="They are transparent already, their colours multiplied by it."
    )


def run(args: argparse.Namespace) -> int:
    """Cut out; 1 where a picture could not be. The others are written."""
    from tenku.studio.sprites.alpha import cut, unpremultiply
    from tenku.studio.sprites.gather import find
    from tenku.studio.sprites.names import check_names
    from tenku.studio.sprites.pixels import decode, encode, read_file
    from tenku.studio.sprites.write import put_files

    tolerance = number("--tolerance", args.tolerance, low=0.001, high=1)
    soft = whole("--soft", args.soft, low=0, high=8)
    found = find(args.paths)
    check_names([each.name for each in found])
    files, failed = {}, {}
    for each in found:
        try:
            pixels = decode(read_file(each.path), where=str(each.path))
            if args.unpremultiply:
                pixels = unpremultiply(pixels)
            else:
                pixels = cut(pixels, where=str(each.path), tolerance=tolerance, soft=soft, holes=args.holes).pixels
            files[f"{each.name}.png"] = encode(pixels)
        except UsageError as error:
            failed[str(each.path)] = error.sentence()
    put_files(args.out, files)
    if args.json:
        print_json({"files": [str(args.out / name) for name in files], "failed": failed})
    else:
        for sentence in failed.values():
            print(f"tenku: {sentence}", file=sys.stderr)
        print(f"Cut out {count_text(len(files), 'picture')} into {args.out}.")
    return 1 if failed else 0
