"""Which sheets a set has, so that they can be made anew whenever something else is shown; as plain data, too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tenku.studio.model import Json
from tenku.studio.sets.model import AssetSet
from tenku.studio.sprites.grid import Grid
from tenku.studio.sprites.write import Engine


@dataclass(frozen=True, kw_only=True)
class SheetPlan:
    """A sheet that was asked for."""

    name: str
    """What its files begin with: a game that has imported them finds the new ones under the same names."""
    grid: Grid | None = None
    """None: packed tightly."""
    engines: tuple[Engine, ...] = ()
    places: tuple[str, ...] = ()
    """Names of those that are on it; none: all that have no sheet of their own."""


def plans_json(plans: Sequence[SheetPlan]) -> list[dict[str, Json]]:
    """Plans as plain data."""
    return [
        {
            "name": plan.name,
            "grid": f"{plan.grid.columns}x{plan.grid.rows}" if plan.grid else "",
            "engines": [each.value for each in plan.engines],
            "places": list(plan.places),
        }
        for plan in plans
    ]


def plans_from(plain: Sequence[Mapping[str, Json]]) -> list[SheetPlan]:
    """What `plans_json` made. Raises KeyError, TypeError, ValueError: it is something else."""
    return [_plan(each) for each in plain]


def sheet_name(found: AssetSet) -> str:
    """What a sheet of a whole set is called: as the one that it has, so that its files are replaced."""
    return next((plan.name for plan in plans_from(found.sheets) if not plan.places), found.name)


def _plan(plain: Mapping[str, Json]) -> SheetPlan:
    engines, places = plain["engines"], plain["places"]
    assert isinstance(engines, list)
    assert isinstance(places, list)
    columns, _, rows = str(plain["grid"]).partition("x")
    return SheetPlan(
        name=str(plain["name"]),
        grid=Grid(int(columns), int(rows)) if columns else None,
        engines=tuple(Engine(each) for each in engines),
        places=tuple(str(each) for each in places),
    )
