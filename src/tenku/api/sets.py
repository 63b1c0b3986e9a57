"""/api/sets: what was made together; approve, reject, vary."""

import asyncio
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from tenku.api.handin import hand_in_takes
from tenku.api.problem import Refused, answers
from tenku.api.studioparts import StudioParts
from tenku.api.teams import of_team, team_of
from tenku.api.wire import JobIn, OutputOut, ProgressOut
from tenku.studio.model import JobSpec, Json, Kind, State
from tenku.studio.recipes.image import styled
from tenku.studio.sets.model import AssetSet, Place, SetRow, Take, Verdict
from tenku.studio.sets.service import Sets
from tenku.studio.styles.finish import finish_json
from tenku.studio.styles.style import Style

MOST_PLACES = 10_000


class _Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SetIn(_Wanted):
    """A set that is to be made: one place a job, in their order."""

    name: str
    style: str = ""
    jobs: list[JobIn] = Field(min_length=1, max_length=MOST_PLACES)
    names: list[str] = []
    """What the places are called; none: by their number."""


class RowsIn(_Wanted):
    """Places, by their rows."""

    rows: list[int] = Field(min_length=1, max_length=MOST_PLACES)


class ApproveIn(RowsIn):
    """Places that are good."""

    take: int = Field(default=0, ge=0)
    """Which take of theirs; 0: the one that is shown."""


class VaryIn(_Wanted):
    """New takes of one place."""

    row: int
    count: int = Field(default=4, ge=1, le=64)
    prompt: str = ""
    near: float = Field(default=0, ge=0, lt=1, allow_inf_nan=False)
    """How much of the shown picture is kept; 0: only the seed is new."""


class RemakeIn(_Wanted):
    """New takes of rejected places."""

    rows: list[int] = Field(default=[], max_length=MOST_PLACES)
    """None: of all that are rejected."""


class TakeOut(BaseModel):
    """One attempt at a place."""

    number: int
    job: str
    seed: int
    state: State
    progress: ProgressOut
    outputs: list[OutputOut]
    error: str


class PlaceOut(BaseModel):
    """One asset of a set."""

    row: int
    name: str
    prompt: str
    verdict: Verdict
    chosen: int
    """The take that was approved; 0: none."""
    style: str
    """A style of its own; empty: the set's."""
    shown: int
    """The take that stands for the place; 0: there is none."""
    takes: list[TakeOut]


class SetOut(BaseModel):
    """A set with its places."""

    name: str
    team: str
    style: str
    created: float
    changed: float
    places: list[PlaceOut]


class SetRowOut(BaseModel):
    """A set in the list."""

    name: str
    team: str
    style: str
    created: float
    changed: float
    open: int
    approved: int
    rejected: int
    unended: int
    """Jobs of it that are queued or at work."""


class SetsOut(BaseModel):
    """Sets, the one that changed last first."""

    sets: list[SetRowOut]


class StyleOut(BaseModel):
    """A style profile."""

    name: str
    about: str


class StylesOut(BaseModel):
    """Style profiles that can be used, by name."""

    styles: list[StyleOut]


def styles_router(parts: StudioParts) -> APIRouter:
    """The route of style profiles."""
    router = APIRouter(prefix="/api/styles", tags=["Sets"])

    @router.get("", summary="List style profiles", responses=answers(401))
    def list_styles() -> StylesOut:
        found = [each for each in parts.styles.list() if each.style is not None]
        return StylesOut(styles=[StyleOut(name=each.name, about=each.style.about) for each in found if each.style])

    return router


def sets_router(parts: StudioParts) -> APIRouter:
    """The routes of asset sets. Without `async` they run in threads: the database blocks for milliseconds."""
    router = APIRouter(prefix="/api/sets", tags=["Sets"])

    own = partial(own_sets, parts)

    @router.get("", summary="List asset sets", responses=answers(401))
    def list_sets(request: Request) -> SetsOut:
        return SetsOut(sets=[_row(each) for each in own(request).list()])

    @router.post("", status_code=201, summary="Have a set made", responses=answers(401, 413, 422))
    async def create(request: Request, wanted: SetIn) -> SetOut:
        specs = of_team(request, [replace(job.spec(), row=row) for row, job in enumerate(wanted.jobs)])
        sets = own(request)
        missing = await asyncio.to_thread(_record, parts, sets, wanted, specs)
        return _set(await hand_in_takes(parts, sets, wanted.name, missing))

    @router.get("/{name}", summary="Look at a set", responses=answers(401, 404))
    def get_set(request: Request, name: str) -> SetOut:
        return _set(own(request).get(name))

    @router.delete("/{name}", status_code=204, summary="Forget a set; what was made stays", responses=answers(401, 404))
    def forget(request: Request, name: str) -> None:
        own(request).forget(name)

    @router.post("/{name}/approve", summary="These are good", responses=answers(401, 404, 422))
    def approve(request: Request, name: str, wanted: ApproveIn) -> SetOut:
        return _set(own(request).approve(name, wanted.rows, take=wanted.take))

    @router.post("/{name}/reject", summary="These need something else", responses=answers(401, 404, 422))
    def reject(request: Request, name: str, wanted: RowsIn) -> SetOut:
        return _set(own(request).reject(name, wanted.rows))

    @router.post("/{name}/reopen", summary="Take verdicts back", responses=answers(401, 404, 422))
    def reopen(request: Request, name: str, wanted: RowsIn) -> SetOut:
        return _set(own(request).reopen(name, wanted.rows))

    @router.post("/{name}/vary", summary="Make new takes of one place", responses=answers(401, 404, 422))
    async def vary(request: Request, name: str, wanted: VaryIn) -> SetOut:
        sets, more = own(request), wanted.model_dump(exclude={"row"})
        specs = await asyncio.to_thread(sets.variations, name, wanted.row, **more)
        return _set(await hand_in_takes(parts, sets, name, specs))

    @router.post("/{name}/remake", summary="Make what was rejected anew", responses=answers(401, 404, 422))
    async def remake(request: Request, name: str, wanted: RemakeIn) -> SetOut:
        sets = own(request)
        specs = await asyncio.to_thread(sets.replacements, name, wanted.rows)
        return _set(await hand_in_takes(parts, sets, name, specs))

    return router


def own_sets(parts: StudioParts, request: Request) -> Sets:
    """What the token may see: a team's token its sets alone."""
    team = team_of(request)
    return parts.sets.of(team) if team else parts.sets


def _record(parts: StudioParts, sets: Sets, wanted: SetIn, specs: list[JobSpec]) -> list[JobSpec]:
    """Write the set down; the jobs that it lacks. One that is there already is not made a second time."""
    finish: dict[str, Json] = {}
    if wanted.style:
        style = _style(parts, wanted.style)
        references = [_reference(parts, path) for path in style.references]
        specs = [styled(spec, style, references) if spec.kind is Kind.IMAGE else spec for spec in specs]
        finish = finish_json(style.finish)
    names = [*wanted.names, *(f"{number:04}" for number in range(len(wanted.names) + 1, len(specs) + 1))]
    for spec in specs:
        parts.check(spec)
    sets.record(wanted.name, list(zip(names, specs, strict=False)), style=wanted.style, finish=finish)
    return sets.missing(wanted.name)


def _reference(parts: StudioParts, path: Path) -> str:
    """A picture of a style as an input. Raises Refused."""
    try:
        return parts.inputs.put(path.read_bytes())
    except OSError as error:
        raise Refused(422, f"The style's picture {path.name} cannot be read: {error.strerror}.") from None


def _style(parts: StudioParts, name: str) -> Style:
    """A style by its name alone: whoever has a token is not to read files of this machine by their paths."""
    styles = {each.name: each.style for each in parts.styles.list() if each.style is not None}
    if name not in styles:
        raise Refused(422, f"There is no style {name[:80]!r} here.", hint=f"There are {', '.join(sorted(styles))}.")
    return styles[name]


def _row(each: SetRow) -> SetRowOut:
    return SetRowOut(
        name=each.name,
        team=each.team,
        style=each.style,
        created=each.created,
        changed=each.changed,
        open=each.counts[Verdict.OPEN],
        approved=each.counts[Verdict.APPROVED],
        rejected=each.counts[Verdict.REJECTED],
        unended=each.unended,
    )


def _set(each: AssetSet) -> SetOut:
    return SetOut(
        name=each.name,
        team=each.team,
        style=each.style,
        created=each.created,
        changed=each.changed,
        places=[_place(place) for place in each.places],
    )


def _place(place: Place) -> PlaceOut:
    shown = place.shown
    return PlaceOut(
        row=place.row,
        name=place.name,
        prompt=place.spec.prompt,
        verdict=place.verdict,
        chosen=place.chosen,
        style=place.style,
        shown=shown.number if shown else 0,
        takes=[_take(take) for take in place.takes],
    )


def _take(take: Take) -> TakeOut:
    outputs = [{**asdict(each), "url": f"/api/jobs/{take.job}/outputs/{each.name}"} for each in take.outputs]
    return TakeOut(
        number=take.number,
        job=take.job,
        seed=take.spec.seed,
        state=take.state,
        progress=ProgressOut(**asdict(take.progress)),
        outputs=[OutputOut(**each) for each in outputs],
        error=take.error,
    )
