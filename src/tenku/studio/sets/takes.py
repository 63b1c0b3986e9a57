"""The takes of one set, as a run of a recipe hands them in."""

from collections.abc import Sequence
from dataclasses import replace

from tenku.base.errors import UnknownJob
from tenku.studio.model import Job, JobId, JobSpec, State
from tenku.studio.sets.model import Take
from tenku.studio.sets.ports import SetBook


class SetTakes:
    """Implements `making.TakeBook` for one set."""

    def __init__(self, book: SetBook, name: str) -> None:
        self._book = book
        self._name = name

    def submit(self, specs: Sequence[JobSpec]) -> Sequence[Job]:
        """See `TakeBook`."""
        return self._book.submit(self._name, specs)

    def found(self, spec: JobSpec, job: JobId) -> bool:
        """See `TakeBook`. Results may outlive the database that knew their jobs: then one is handed in, once."""
        try:
            self._book.found(self._name, spec.row, job)
        except UnknownJob:
            return any(_is(take, spec) for place in self._book.get(self._name).places for take in place.takes)
        return True


def _is(take: Take, spec: JobSpec) -> bool:
    return take.state is State.DONE and replace(take.spec, batch=spec.batch) == spec
