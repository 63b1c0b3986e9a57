"""The folder of a set, written whole: its assets, the contact sheet, and the sheets that a game loads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tenku.base.errors import UsageError
from tenku.studio.model import Kind
from tenku.studio.outfolder import Seal
from tenku.studio.results import Results
from tenku.studio.sets.export import (
    SHEET,
    Exported,
    Shown,
    only_approved,
    put_contact,
    put_sheet_of,
    put_shown,
    settle,
    shown_of,
)
from tenku.studio.sets.finishes import Finishes, finishes_of
from tenku.studio.sets.model import AssetSet
from tenku.studio.sets.sheetplan import SheetPlan, plans_from


@dataclass(frozen=True, kw_only=True)
class Written:
    """What lies in the folder now."""

    exported: Exported
    contact: Path
    sheets: Sequence[Path] = ()
    """The first page of each."""


def refresh_folder(found: AssetSet, results: Results, *, seal: Seal | None = None) -> Written | None:
    """Bring the set's own folder to what is shown now; None: it has none.

    What is gone stays gone, the folder as well as the sheets in it.

    Raises:
        FolderError, JobError, UsageError: as `write_set`.
    """
    folder = Path(found.folder) if found.folder else None
    if folder is None or not folder.is_dir():
        return None
    plans = plans_from(found.sheets) if (folder / SHEET).is_dir() else []
    return _written(found, shown_of(found), folder, results, plans=plans, seal=seal)


def write_set(
    found: AssetSet,
    folder: Path,
    results: Results,
    *,
    every: bool = False,
    plan: SheetPlan | None = None,
    seal: Seal | None = None,
) -> Written:
    """Write what is approved into a folder; `every`: also what nobody approved. `seal`: see `Finisher`.

    Args:
        plan: of one sheet; None: those that the set has.

    Raises:
        UsageError: there is nothing yet, or the sheet has too few places.
        FolderError: the folder cannot be written.
        JobError: a result is not there any more.
    """
    check_places(found, plan)
    shown = shown_of(found) if every else only_approved(shown_of(found))
    if not any(each.files for each in shown):
        raise UsageError(
            f"Nothing of {found.name} is {'made' if every else 'approved'} yet.",
            hint=f"tenku sets {'show' if every else 'approve'} {found.name}" + ("" if every else " all"),
        )
    plans = [plan] if plan is not None else plans_from(found.sheets)
    return _written(found, shown, folder, results, plans=plans, seal=seal)


def check_places(found: AssetSet, plan: SheetPlan | None) -> None:
    """A grid that was asked for has a cell for every picture. Raises UsageError."""
    if plan is None or plan.grid is None:
        return
    cells = plan.grid.columns * plan.grid.rows
    pictures = sum(place.spec.kind is Kind.IMAGE for place in found.places)
    if cells < pictures:
        raise UsageError(
            f"A sheet of {plan.grid.columns}x{plan.grid.rows} has {cells} places, and {found.name} has {pictures}.",
            hint="Give more columns or rows.",
        )


def put_plans(
    plans: Sequence[SheetPlan], shown: Sequence[Shown], folder: Path, files: Mapping[str, str], *, finishes: Finishes
) -> list[Path]:
    """Write the sheets of plans into `sheet/`; the first page of each. One that would have no picture is not written.

    Raises UsageError, FolderError: as `put_sheet_of`.
    """
    pages: list[Path] = []
    for plan in plans:
        wanted = [each for each in _on(plan, plans, shown) if each.kind is Kind.IMAGE]
        if not any(each.name in files for each in wanted):
            continue
        art = all(finishes.of(each.style).pixels for each in wanted)
        pages += put_sheet_of(
            wanted, folder, files, name=plan.name, grid=plan.grid, engines=plan.engines, pixel_art=art
        )[:1]
    return pages


def _on(plan: SheetPlan, plans: Sequence[SheetPlan], shown: Sequence[Shown]) -> list[Shown]:
    """What is on a sheet: what it names, or all that no other one names."""
    if plan.places:
        return [each for each in shown if each.name in plan.places]
    elsewhere = {name for other in plans for name in other.places}
    return [each for each in shown if each.name not in elsewhere]


def _written(
    found: AssetSet,
    shown: Sequence[Shown],
    folder: Path,
    results: Results,
    *,
    plans: Sequence[SheetPlan],
    seal: Seal | None,
) -> Written:
    finishes = settle(finishes_of(found), shown, results)
    exported = put_shown(shown, folder, results, finishes=finishes, seal=seal)
    contact = put_contact(shown, folder, exported.files)
    sheets = put_plans(plans, shown, folder, exported.files, finishes=finishes)
    return Written(exported=exported, contact=contact, sheets=sheets)
