"""Runs the checks that are wanted over files: one report for all, and a broken file is a finding like others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tenku.base.errors import TenkuError
from tenku.studio.sprites import checks
from tenku.studio.sprites.findings import Finding, Findings, Verdict
from tenku.studio.sprites.gather import Found, read_stills
from tenku.studio.sprites.palette import Palette
from tenku.studio.sprites.pixels import Pixels


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What pictures have to be."""

    size: checks.SizeRule | None = None
    palette: Palette | None = None
    tile: bool = False
    """They are tiles: they may lie on the border, and have to go on in themselves."""
    loop: bool = False
    """They are one animation that repeats; an animated file is one of its own."""
    border: bool = True
    """A sprite must not lie on the border of its picture."""
    fringe: float = checks.FRINGE_LIMIT
    seam: float = checks.SEAM_LIMIT


def examine(found: Sequence[Found], rules: Rules) -> Findings:
    """Check files. Raises UsageError: the pictures of an animation differ in size."""
    findings: list[Finding] = []
    reel: list[Pixels] = []
    for each in found:
        try:
            stills = [still.pixels for still in read_stills(each.path)]
        except TenkuError as error:
            findings.append(unreadable(str(each.path), error))
            continue
        for number, pixels in enumerate(stills, 1):
            file = str(each.path) if len(stills) == 1 else f"{each.path} ({number})"
            findings += examine_one(pixels, rules, file=file)
        if rules.loop and len(stills) > 1:
            findings.append(checks.check_loop(stills, file=str(each.path)))
        elif rules.loop:
            reel += stills
    if rules.loop and reel:
        findings.append(checks.check_loop(reel, file=_together(found)))
    return Findings(findings)


def examine_one(pixels: Pixels, rules: Rules, *, file: str) -> Iterator[Finding]:
    """Everything about one picture."""
    yield checks.check_empty(pixels, file=file)
    if rules.size is not None:
        yield checks.check_size(pixels, rules.size, file=file)
    if rules.palette is not None:
        yield checks.check_palette(pixels, rules.palette, file=file)
    if rules.tile:
        yield checks.check_seam(pixels, file=file, limit=rules.seam)
    elif rules.border:
        yield checks.check_border(pixels, file=file)
    yield checks.check_fringe(pixels, file=file, limit=rules.fringe)


def unreadable(file: str, error: TenkuError) -> Finding:
    """What is to be said of a file that is no picture."""
    return Finding(file=file, check="readable", verdict=Verdict.FAIL, measured=0, limit=1, sentence=error.sentence())


def _together(found: Sequence[Found]) -> str:
    return str(found[0].path) if len(found) == 1 else f"{found[0].path} … {found[-1].path.name}"
