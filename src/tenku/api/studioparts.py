"""What the routes of the studio work with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tenku.api.workerline import WorkerLine
from tenku.base.metrics import Counter, Gauge, Registry
from tenku.studio.inputs import Inputs
from tenku.studio.model import Estimate, InstalledModel, JobSpec
from tenku.studio.outfolder import Seal
from tenku.studio.ports import JobQueue
from tenku.studio.results import Results
from tenku.studio.sets.service import Sets
from tenku.studio.styles.shelf import Shelf


class ServeMetrics:
    """What is counted about the API."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.chats = self.registry.add(Counter("tenku_chats_total", "Chats that were asked for."))
        self.answering = self.registry.add(Gauge("tenku_chats_answering", "Chats that are being answered."))
        self.accepted = self.registry.add(Counter("tenku_jobs_accepted_total", "Jobs that were accepted."))


@dataclass(frozen=True, kw_only=True)
class StudioParts:
    """The parts behind the routes."""

    queue: JobQueue
    results: Results
    line: WorkerLine
    inputs: Inputs
    models: Callable[[], Sequence[InstalledModel]]
    """What is installed right now."""
    sets: Sets
    styles: Shelf
    check: Callable[[JobSpec], None]
    """Finds what is wrong with a job before it is accepted; raises StudioError."""
    expect: Callable[[Sequence[JobSpec]], Estimate]
    """What such jobs would take together."""
    seal: Seal
    """Signs what is finished for a download."""
    metrics: ServeMetrics
    now: Callable[[], float]
    """Seconds since 1970."""
    seed: Callable[[], int]
    """A random seed, where nobody gave one."""
