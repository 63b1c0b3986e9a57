"""Asset sets, as the command, the API and the page use them.

    sets = Sets(book, results=results, inputs=inputs, check=workshop.check)
    sets.approve("icons", [3])
    sets.vary("icons", 4, count=4)

Every call is one transaction and blocks for milliseconds; jobs that it hands in are made by whoever works.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tenku.base.errors import JobError, UnknownSet, UsageError
from tenku.studio.inputs import Inputs
from tenku.studio.model import JobId, JobSpec, Json, Kind, State
from tenku.studio.ports import Known
from tenku.studio.results import Results
from tenku.studio.sets.model import AssetSet, Place, SetRow, Take, Verdict, check_place_names, check_set_name
from tenku.studio.sets.ports import SetBook
from tenku.studio.sets.variations import nearby, new_take

MOST = 64
"""Variations of one call."""

# Inside the class `list` is the method.
Rows = list[SetRow]
Takes = list[Take]
Places = list[Place]
Specs = list[JobSpec]


class Sets:
    """The verbs of asset sets.

    Args:
        check: finds what is wrong with a job before it is handed in; raises StudioError.
        team: only this team's sets are seen, and its share is used; empty: all.
    """

    def __init__(
        self,
        book: SetBook,
        *,
        results: Results,
        inputs: Inputs,
        check: Callable[[JobSpec], None],
        team: str = "",
    ) -> None:
        self._book = book
        self._results = results
        self._inputs = inputs
        self._check = check
        self._team = team

    def of(self, team: str) -> "Sets":
        """The same, for one team."""
        return Sets(self._book, results=self._results, inputs=self._inputs, check=self._check, team=team)

    def list(self, *, limit: int = 100) -> Rows:
        """All sets, the ones that changed last first."""
        return self._book.list(limit=limit, team=self._team)

    def get(self, name: str) -> AssetSet:
        """A set with its places, and their takes as they are now. Raises UnknownSet."""
        found = self._book.get(name)
        if self._team and found.team != self._team:
            # As if it were not there: whether another team has it is not this one's business.
            raise UnknownSet(f"There is no set {name}.", hint="tenku sets lists those that there are.")
        return found

    def record(
        self,
        name: str,
        places: Sequence[tuple[str, JobSpec]],
        *,
        style: str = "",
        folder: str = "",
        finish: Mapping[str, Json] | None = None,
        styles: Mapping[str, Mapping[str, Json]] | None = None,
        sheets: Sequence[Mapping[str, Json]] = (),
        worn: Mapping[str, str] | None = None,
    ) -> AssetSet:
        """Write down what is to be made: names and specifications, whose `row` says the place.

        Args:
            styles: finishes of styles that only some places have.
            worn: which place has which of them, by its name.

        Raises:
            UsageError: a name that cannot be a file's; another folder's set, or another team's, has the name.
        """
        check_set_name(name)
        check_place_names([each for each, _ in places])
        team = self._team or (places[0][1].team if places else "studio")
        there = self._known(name)
        if there is not None and (there.team != team or (folder and there.folder and there.folder != folder)):
            where = f", of the folder {there.folder}" if there.folder else ""
            raise UsageError(f"There is a set {name} already{where}.", hint="Name this one with --set NAME.")
        new = AssetSet(
            name=name,
            team=team,
            style=style,
            folder=folder,
            finish=finish or {},
            styles=styles or {},
            sheets=sheets,
            places=[
                Place(row=spec.row, name=each, spec=spec, style=(worn or {}).get(each, "")) for each, spec in places
            ],
        )
        return self._book.put(new)

    def approve(self, name: str, rows: Sequence[int], *, take: int = 0) -> AssetSet:
        """These places are good, with their take of this number; 0: the one that is shown.

        Raises:
            UnknownSet: no such set, place or take.
            UsageError: a place has nothing that is done.
        """
        choice: dict[int, int] = {}
        for place in self._places(name, rows):
            chosen = place.take(take) if take else place.shown
            if chosen is None and take:
                raise UnknownSet(f"{name} has no take {take} in row {place.row}, {place.name}.")
            if chosen is None or chosen.state is not State.DONE:
                raise UsageError(f"Row {place.row} of {name}, {place.name}, is not made yet.", hint="Wait for it.")
            choice[place.row] = chosen.number
        self._book.judge(name, Verdict.APPROVED, choice)
        return self.get(name)

    def reject(self, name: str, rows: Sequence[int]) -> AssetSet:
        """These places need something else; they keep their rows, and `remake` makes them anew. Raises UnknownSet."""
        self._places(name, rows)
        self._book.judge(name, Verdict.REJECTED, dict.fromkeys(rows, 0))
        return self.get(name)

    def reopen(self, name: str, rows: Sequence[int]) -> AssetSet:
        """Take verdicts back. Raises UnknownSet."""
        self._places(name, rows)
        self._book.judge(name, Verdict.OPEN, dict.fromkeys(rows, 0))
        return self.get(name)

    def vary(self, name: str, row: int, *, count: int = 4, prompt: str = "", near: float = 0.0) -> Takes:
        """Hand in so many new takes of one place, with seeds of their own; what is there stays.

        Raises as `variations`, and StudioError: a job cannot be made.
        """
        return self.hand_in(name, self.variations(name, row, count=count, prompt=prompt, near=near))

    def variations(self, name: str, row: int, *, count: int = 4, prompt: str = "", near: float = 0.0) -> Specs:
        """What `vary` hands in.

        Args:
            prompt: another one; empty: the same.
            near: 0: only the seed is new. Up to 1: begin from the shown picture, and keep so much of it.

        Raises:
            UnknownSet: no such set or place.
            UsageError: too many, or `near` where there is no picture.
        """
        if not 1 <= count <= MOST:
            raise UsageError(f"{count} variations are asked for.", hint=f"It is a whole number from 1 to {MOST}.")
        [place] = self._places(name, [row])
        base = replace(place.spec, prompt=prompt or place.spec.prompt)
        if near:
            base = nearby(base, self._begin(name, place), near=near)
        return [self._own(name, new_take(base, len(place.takes) + number)) for number in range(count)]

    def remake(self, name: str, rows: Sequence[int] = ()) -> Takes:
        """Hand in one new take for each rejected place, or each of these; they are open again.

        Raises UnknownSet, StudioError.
        """
        return self.hand_in(name, self.replacements(name, rows))

    def replacements(self, name: str, rows: Sequence[int] = ()) -> Specs:
        """What `remake` hands in. Raises UnknownSet."""
        places = self._places(name, rows) if rows else self.get(name).of(Verdict.REJECTED)
        return [self._own(name, new_take(each.spec, len(each.takes))) for each in places]

    def missing(self, name: str) -> Specs:
        """What nobody made or makes: a job for each place that has no take, or failed ones alone. Raises UnknownSet."""
        lost = (State.FAILED, State.CANCELLED)
        places = [place for place in self.get(name).places if all(take.state in lost for take in place.takes)]
        return [self._own(name, new_take(each.spec, len(each.takes))) for each in places]

    def hand_in(self, name: str, specs: Sequence[JobSpec], *, known: Sequence[Known | None] = ()) -> Takes:
        """Hand in new takes: what one of the above says. `known`: see `JobQueue.submit`.

        Raises UnknownSet, StudioError.
        """
        self.get(name)
        for each in specs:
            self._check(each)
        ids = {job.id for job in self._book.submit(name, specs, known=known)} if specs else set()
        return [take for place in self.get(name).places for take in place.takes if take.job in ids]

    def file(self, name: str, row: int, *, take: int = 0) -> Path:
        """The main file of a take as the engine made it; 0: of the one that is shown. Raises UnknownSet, UsageError."""
        [place] = self._places(name, [row])
        found = place.take(take) if take else place.shown
        if found is None or found.state is not State.DONE or not found.outputs:
            raise UsageError(f"Row {row} of {name}, {place.name}, is not made yet.", hint="Wait for it.")
        return self._results.path(found.job, found.outputs[0].name)

    def found(self, name: str, row: int, job: JobId) -> None:
        """A job that was done before is a take of this place. Raises UnknownSet, UnknownJob."""
        self._book.found(name, row, job)

    def plan(self, name: str, sheets: Sequence[Mapping[str, Json]]) -> AssetSet:
        """From now on the set has these sheets; see `AssetSet.sheets`. Raises UnknownSet."""
        self.get(name)
        self._book.plan(name, sheets)
        return self.get(name)

    def forget(self, name: str) -> None:
        """Forget a set; what was made stays. Raises UnknownSet."""
        self.get(name)
        self._book.forget(name)

    def _known(self, name: str) -> AssetSet | None:
        try:
            return self._book.get(name)
        except UnknownSet:
            return None

    def _places(self, name: str, rows: Sequence[int]) -> Places:
        by_row = {each.row: each for each in self.get(name).places}
        for row in rows:
            if row not in by_row:
                raise UnknownSet(f"{name} has no row {row}.", hint=f"It has {len(by_row)} places: tenku sets show.")
        return [by_row[row] for row in rows]

    def _begin(self, name: str, place: Place) -> str:
        """The shown picture as an input of new jobs; its name."""
        if place.spec.kind is not Kind.IMAGE:
            raise UsageError(f"Row {place.row} of {name} is no picture.", hint="Leave --near out.")
        try:
            return self._inputs.put(self.file(name, place.row).read_bytes())
        except OSError as error:
            raise JobError(f"The picture of {place.name} cannot be read: {error.strerror}.") from error

    def _own(self, name: str, spec: JobSpec) -> JobSpec:
        return replace(spec, team=self._team or spec.team, batch=f"set-{name}")
