"""Files of an asset set: a folder with each asset finished, a contact sheet, a sheet for an engine, and checks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tenku.base.errors import JobError
from tenku.content.wholefile import write_whole
from tenku.studio.media.poster import poster
from tenku.studio.model import JobId, Kind, State
from tenku.studio.outfolder import Finisher, OutFolder, Seal
from tenku.studio.results import Results
from tenku.studio.sets.contact import SIDE, Tile, contact_sheet
from tenku.studio.sets.finishes import Finishes
from tenku.studio.sets.model import AssetSet, Verdict
from tenku.studio.sprites.checks import check_border, check_empty, check_fringe, check_palette
from tenku.studio.sprites.findings import Finding, Findings
from tenku.studio.sprites.grid import Grid
from tenku.studio.sprites.pixels import blank, decode, encode
from tenku.studio.sprites.sheet import Packing
from tenku.studio.sprites.write import Engine, write_sheet
from tenku.studio.styles.finish import Finish, finish_json, steps_of
from tenku.studio.styles.finishing import finished, palette_of, settled

CONTACT = "contact.png"
SHEET = "sheet"
"""The folder of a sheet and its import files, beside the assets."""
PICTURES = (".png", ".webp", ".jpg")
VIDEOS = (".mp4", ".webm")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What stands for one place."""

    name: str
    state: str
    """Its verdict, or how far its job is."""
    job: JobId | None = None
    files: Sequence[str] = ()
    """Names of outputs of the job, the main one first; empty: there are none yet."""
    kind: Kind = Kind.IMAGE
    style: str = ""
    """A style of its own; empty: the set's."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What lies in the folder now."""

    files: Mapping[str, str]
    """The main file by the name of its place."""
    faults: Mapping[str, str]
    """Why a picture was not finished, by the name of its place."""
    findings: Findings


def shown_of(found: AssetSet) -> list[Shown]:
    """What stands for each place of a set, in their order."""
    return [
        Shown(
            name=place.name,
            state=_state(place.verdict, take.state if take else None),
            job=take.job if take else None,
            files=[each.name for each in take.outputs] if take and take.state is State.DONE else (),
            kind=place.spec.kind,
            style=place.style,
        )
        for place in found.places
        for take in [place.shown]
    ]


def settle(finishes: Finishes, shown: Sequence[Shown], results: Results) -> Finishes:
    """The same; colours that are to be learned are those of the pictures of each style. Raises UsageError, JobError."""

    def of(style: str) -> Finish:
        return _settled(finishes.of(style), [each for each in shown if each.style == style], results)

    return Finishes(usual=of(""), own={style: of(style) for style in finishes.own})


def _settled(finish: Finish, shown: Sequence[Shown], results: Results) -> Finish:
    if not finish.learns:
        return finish
    pictures = [_read(results, each) for each in shown if each.files and each.files[0].endswith(PICTURES)]
    return settled(finish, pictures) if pictures else finish


def finisher(finish: Finish, *, seal: Seal | None = None) -> Finisher | None:
    """What is done with each picture on its way into a folder; None: nothing. `seal`: see `Finisher`."""
    if not finish.any:
        return None
    return Finisher(
        apply=lambda name, data: finished(data, finish, where=name),
        facts={"finish": finish_json(finish)},
        steps=steps_of(finish),
        seal=seal,
    )


def put_shown(
    shown: Sequence[Shown], folder: Path, results: Results, *, finishes: Finishes, seal: Seal | None = None
) -> Exported:
    """Write every asset that is there into a folder, finished and checked. `seal`: see `Finisher`.

    Raises:
        FolderError: the folder cannot be written.
        JobError: a result is not there any more.
    """
    files: dict[str, str] = {}
    faults: dict[str, str] = {}
    found: list[Finding] = []
    for style in dict.fromkeys(["", *(each.style for each in shown)]):
        finish = finishes.of(style)
        out = OutFolder(folder, results, finisher=finisher(finish, seal=seal))
        out.make()
        for each in shown:
            if each.style == style and each.job is not None and each.files:
                out.put_job(each.name, each.job, each.files)
        files, faults = files | out.files, faults | out.faults
        found += check_pictures({name: folder / file for name, file in out.files.items()}, finish).all
    order = {each.name: number for number, each in enumerate(shown)}
    named = {name: files[name] for name in sorted(files, key=lambda name: order[name])}
    return Exported(files=named, faults=faults, findings=Findings(sorted(found, key=lambda each: order[each.file])))


def put_contact(shown: Sequence[Shown], folder: Path, files: Mapping[str, str]) -> Path:
    """Write the contact sheet of what lies in the folder; its path. Raises FolderError, JobError."""
    tiles = [
        Tile(
            name=each.name,
            state=each.state,
            picture=_thumbnail(folder / files[each.name]) if each.name in files else b"",
        )
        for each in shown
    ]
    path = folder / CONTACT
    write_whole(path, contact_sheet(tiles), mode=0o644)
    return path


def put_sheet_of(
    shown: Sequence[Shown],
    folder: Path,
    files: Mapping[str, str],
    *,
    name: str,
    grid: Grid | None,
    engines: Collection[Engine],
    pixel_art: bool,
) -> Sequence[Path]:
    """Write a sheet of a folder's pictures with import files into `sheet/`; what was written.

    In a grid every picture has its cell: one that shows nothing yet is empty, and the others stay where they are.
    Texts, sounds and videos of the same set have none.

    Raises:
        UsageError: pictures cannot be read or do not fit.
        FolderError: it cannot be written.
    """
    nothing = encode(blank(1, 1))
    pieces = [
        (each.name, (folder / files[each.name]).read_bytes() if each.name in files else nothing)
        for each in shown
        if each.kind is Kind.IMAGE and (grid is not None or each.name in files)
    ]
    out = folder / SHEET / f"{name}.png"
    layout = grid or Packing()
    return write_sheet(pieces, out=out, layout=layout, engines=engines, pixel_art=pixel_art).files


def check_pictures(files: Mapping[str, Path], finish: Finish) -> Findings:
    """What the checks say of the finished pictures among files, by the names of their places."""
    palette = palette_of(finish)
    found: list[Finding] = []
    for name, path in files.items():
        if not path.name.endswith(PICTURES):
            continue
        pixels = decode(path.read_bytes(), where=name)
        found.append(check_empty(pixels, file=name))
        if finish.background == "cut":
            found += [check_border(pixels, file=name), check_fringe(pixels, file=name)]
        if palette is not None:
            found.append(check_palette(pixels, palette, file=name))
    return Findings(found)


def only_approved(shown: Sequence[Shown]) -> list[Shown]:
    """The same places; those that nobody approved show nothing."""
    return [each if each.state == Verdict.APPROVED.value else replace(each, files=()) for each in shown]


def _state(verdict: Verdict, state: State | None) -> str:
    """What is said of a place: the verdict where there is one; until then how far its job is."""
    if verdict is not Verdict.OPEN:
        return str(verdict.value)
    return "not made" if state is None else "open" if state is State.DONE else str(state.value)


def _read(results: Results, shown: Shown) -> bytes:
    assert shown.job is not None
    try:
        return results.path(shown.job, shown.files[0]).read_bytes()
    except OSError as error:
        raise JobError(f"The result of {shown.name} cannot be read: {error.strerror}.", hint="Make it again.") from None


def _thumbnail(path: Path) -> bytes:
    if path.suffix in PICTURES:
        return path.read_bytes()
    return poster(path.read_bytes(), longest=SIDE) if path.suffix in VIDEOS else b""
