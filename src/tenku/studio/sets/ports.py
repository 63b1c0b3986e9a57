"""Where asset sets are written down."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from tenku.studio.model import Job, JobId, JobSpec, Json
from tenku.studio.ports import Known
from tenku.studio.sets.model import AssetSet, SetRow, Verdict

# Inside the class `list` is the method.
Rows = list[SetRow]
Jobs = list[Job]


class SetBook(Protocol):
    """Sets on the disk. Every call is one transaction; what it returned from survives a kill -9."""

    def list(self, *, limit: int = 100, team: str = "") -> Rows:
        """The ones that changed last first; `team`: only its sets."""

    def get(self, name: str) -> AssetSet:
        """With the jobs of its takes as they are now. Raises UnknownSet."""

    def put(self, new: AssetSet) -> AssetSet:
        """Write a set down. One of this name that is there is brought to these places.

        A place of the same name and wish keeps its takes and its verdict, in whichever row; one that is another has
        none.
        """

    def submit(self, name: str, specs: Sequence[JobSpec], *, known: Sequence[Known | None] = ()) -> Jobs:
        """Hand in jobs, each a new take of the place `spec.row`: all jobs and takes are there, or none.

        A rejected place is open again.

        Args:
            known: see `JobQueue.submit`.

        Raises:
            UnknownSet, JobError: no such set or place; a job cannot be accepted.
        """

    def found(self, name: str, row: int, job: JobId) -> None:
        """A job that was done before is a take of this place, if it is none yet. Raises UnknownSet, UnknownJob."""

    def plan(self, name: str, sheets: Sequence[Mapping[str, Json]]) -> None:
        """Write down which sheets the set has, as `AssetSet.sheets`. Raises UnknownSet."""

    def judge(self, name: str, verdict: Verdict, chosen: Mapping[int, int]) -> None:
        """Write a verdict down for these rows, and which take each has chosen; 0: none. Raises UnknownSet."""

    def forget(self, name: str) -> None:
        """Forget the set; jobs and files stay. Raises UnknownSet."""
