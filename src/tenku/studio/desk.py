"""What lies around an engine while it works: files that came with the job, and the other models of this machine."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from tenku.base.errors import JobError
from tenku.studio.inputs import Inputs
from tenku.studio.model import InstalledModel
from tenku.studio.notes import MemoryNotes
from tenku.studio.pool import Pool
from tenku.studio.ports import Engine, Notes


class WorkerDesk:
    """Implements `Desk` for jobs of a worker."""

    def __init__(self, inputs: Inputs, pool: Pool, find: Callable[[str], InstalledModel], *, notes: Notes) -> None:
        self._inputs = inputs
        self.notes = notes
        self._pool = pool
        self._find = find

    def input(self, name: str) -> bytes:
        """See `Desk`."""
        return self._inputs.get(name)

    def use(self, model: str) -> AbstractContextManager[Engine]:
        """See `Desk`."""
        return self._pool.use(self._find(model))


class EmptyDesk:
    """Implements `Desk` where there is nothing: for engines that are used by themselves."""

    def __init__(self) -> None:
        self.notes: Notes = MemoryNotes()

    def input(self, name: str) -> bytes:
        """See `Desk`."""
        raise JobError(f"There is no input file {name[:12]}.", hint="Hand it in first.")

    def use(self, model: str) -> AbstractContextManager[Engine]:
        """See `Desk`."""
        raise JobError(f"The model {model} cannot be used from here.", hint="Make this by a job of the studio.")
