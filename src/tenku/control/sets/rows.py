"""Sets into rows, and rows into sets."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from tenku.control.jobs.accept import spec_text
from tenku.control.jobs.rows import Row, job_of
from tenku.studio.model import JobSpec, Kind
from tenku.studio.sets.model import AssetSet, Place, SetRow, Take, Verdict


def place_row(name: str, place: Place) -> dict[str, Any]:
    """The row of a place that nothing was made for yet. Raises JobError: it cannot be written down."""
    return {
        "set_name": name,
        "row": place.row,
        "name": place.name,
        "spec": spec_text(place.spec),
        "verdict": Verdict.OPEN.value,
        "chosen": 0,
        "style": place.style,
    }


def set_plain(new: AssetSet) -> dict[str, Any]:
    """What of a set may change when it is written down again."""
    return {
        "style": new.style,
        "folder": new.folder,
        "finish": json.dumps(dict(new.finish)),
        "styles": json.dumps({style: dict(finish) for style, finish in new.styles.items()}),
        "sheets": json.dumps(list(new.sheets)),
    }


def set_row(row: Row, verdicts: Mapping[str, int], unended: int) -> SetRow:
    """A set in a list."""
    return SetRow(
        name=row["name"],
        team=row["team"],
        style=row["style"],
        created=row["created"],
        changed=row["changed"],
        counts={verdict: verdicts.get(verdict.value, 0) for verdict in Verdict},
        unended=unended,
    )


def asset_set(row: Row, places: Sequence[Row], takes: Sequence[Row]) -> AssetSet:
    """A whole set. `takes`: rows of jobs with `take_of`, a place's name, and `take` besides, in their order."""
    by_place: dict[str, list[Take]] = defaultdict(list)
    for each in takes:
        by_place[each["take_of"]].append(_take(each))
    return AssetSet(
        name=row["name"],
        team=row["team"],
        style=row["style"],
        folder=row["folder"],
        finish=json.loads(row["finish"]),
        styles=json.loads(row["styles"]),
        sheets=json.loads(row["sheets"]),
        created=row["created"],
        changed=row["changed"],
        places=[_place(each, by_place[each["name"]]) for each in places],
    )


def same_wish(left: str, right: str) -> bool:
    """Whether two specifications, as rows have them, ask for the same, wherever it stands in its set."""
    return {**json.loads(left), "row": 0} == {**json.loads(right), "row": 0}


def _place(row: Row, takes: Sequence[Take]) -> Place:
    plain = json.loads(row["spec"])
    return Place(
        row=row["row"],
        name=row["name"],
        spec=JobSpec(**plain | {"kind": Kind(plain["kind"])}),
        verdict=Verdict(row["verdict"]),
        chosen=row["chosen"],
        style=row["style"],
        takes=tuple(takes),
    )


def _take(row: Row) -> Take:
    job = job_of(row)
    return Take(
        number=row["take"],
        job=job.id,
        spec=job.spec,
        state=job.state,
        progress=job.progress,
        outputs=job.outputs,
        error=job.error,
    )
