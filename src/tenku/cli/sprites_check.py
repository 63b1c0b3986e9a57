"""`tenku sprites check`: what is wrong with pictures, with numbers and places; exit code 1 where anything is."""

import argparse
from pathlib import Path

from tenku.cli.sprites import number
from tenku.cli.studio import print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku sprites check`."""
    parser.usage = "tenku sprites check FOLDER|FILES [--tile] [--palette FILE] [--size WxH] [--loop] [OPTIONS]"
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="Folders and pictures.")
    parser.add_argument("--tile", action="store_true", help="They are tiles: each has to go on in itself.")
    parser.add_argument(
        "--palette", type=Path, metavar="FILE", help="Colours they may have: .gpl, .hex, .pal, picture."
    )
    parser.add_argument("--size", default="", metavar="WxH", help="Their size, like 32x32; 16: multiples of 16.")
    parser.add_argument("--loop", action="store_true", help="They are the pictures of one animation that repeats.")
    parser.add_argument("--border-ok", action="store_true", help="Sprites may lie on the border of their picture.")
    parser.add_argument("--fringe", metavar="N", help="How far edges may differ in colour, 0 to 1. Default: 0.04.")
    parser.add_argument("--seam", metavar="N", help="How much a tile may change across its edge. Default: 1.5.")


def run(args: argparse.Namespace) -> int:
    """Check; 1 where a picture failed."""
    from tenku.studio.sprites.checks import FRINGE_LIMIT, SEAM_LIMIT, parse_size_rule
    from tenku.studio.sprites.examine import Rules, examine
    from tenku.studio.sprites.gather import find
    from tenku.studio.sprites.palette import read_palette

    rules = Rules(
        size=parse_size_rule(args.size) if args.size else None,
        palette=read_palette(args.palette) if args.palette else None,
        tile=args.tile,
        loop=args.loop,
        border=not args.border_ok,
        fringe=number("--fringe", args.fringe, low=0, high=1) if args.fringe else FRINGE_LIMIT,
        seam=number("--seam", args.seam, low=0, high=100) if args.seam else SEAM_LIMIT,
    )
    findings = examine(find(args.paths), rules)
    if args.json:
        print_json(findings.json())
    else:
        print(findings.text())
    return findings.exit_code
