"""GET /api/sets/{name}/files: what was approved, with its sheet and import files, as one ZIP."""

import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from tenku.api.problem import answers
from tenku.api.studioparts import StudioParts
from tenku.studio.sets.model import AssetSet
from tenku.studio.sets.service import Sets

if TYPE_CHECKING:
    from tenku.studio.sets.sheetplan import SheetPlan

ZIP: dict[int | str, dict[str, Any]] = {200: {"description": "The files", "content": {"application/zip": {}}}}


def set_files_router(parts: StudioParts, own: Callable[[Request], Sets]) -> APIRouter:
    """The route of a set's files. `own`: the sets that a request may see."""
    router = APIRouter(prefix="/api/sets", tags=["Sets"])

    @router.get(
        "/{name}/files",
        summary="Download what was approved, with sheet and import files, as a ZIP",
        response_class=FileResponse,
        responses=answers(401, 404, 422) | ZIP,
    )
    def files(
        request: Request,
        name: str,
        *,
        sheet: Annotated[str, Query(description="Columns and rows of a sheet, like 4x4.")] = "",
        godot: Annotated[bool, Query(description="Import files for Godot 4.")] = False,
        unity: Annotated[bool, Query(description="Import files for Unity.")] = False,
        every: Annotated[bool, Query(description="Also what nobody approved.")] = False,
    ) -> FileResponse:
        found = own(request).get(name)
        plan = _plan(found, sheet=sheet, godot=godot, unity=unity)
        place = tempfile.TemporaryDirectory(prefix="tenku-set-")
        try:
            packed = _packed(parts, found, Path(place.name), plan, every=every)
        except BaseException:
            place.cleanup()
            raise
        headers = {"Cache-Control": "no-store"}
        sent = BackgroundTask(place.cleanup)
        return FileResponse(
            packed, media_type="application/zip", filename=packed.name, headers=headers, background=sent
        )

    return router


def _plan(found: AssetSet, *, sheet: str, godot: bool, unity: bool) -> "SheetPlan | None":
    """The sheet that was asked for; None: those that the set has. Raises UsageError."""
    # Pictures are read and written where they are needed alone.
    from tenku.studio.sets.sheetplan import SheetPlan, sheet_name
    from tenku.studio.sprites.grid import parse_grid
    from tenku.studio.sprites.write import Engine

    if not (sheet or godot or unity):
        return None
    return SheetPlan(
        name=sheet_name(found),
        grid=parse_grid(sheet) if sheet else None,
        engines=tuple(engine for engine, wanted in ((Engine.GODOT, godot), (Engine.UNITY, unity)) if wanted),
    )


def _packed(parts: StudioParts, found: AssetSet, place: Path, plan: "SheetPlan | None", *, every: bool) -> Path:
    """A ZIP of what the command would write; its path. Raises UsageError, FolderError, JobError."""
    from tenku.studio.sets.folder import write_set

    folder, packed = place / found.name, place / f"{found.name}.zip"
    write_set(found, folder, parts.results, every=every, plan=plan, seal=parts.seal)
    # Pictures do not become smaller: nothing is compressed.
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            archive.write(path, path.relative_to(place))
    return packed
