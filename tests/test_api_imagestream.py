"""Pictures on their way are sent evenly over the steps."""

import pytest

from tenku.api.v1.imagestream import is_due
from tenku.studio.model import Job, JobId, JobSpec, Kind, Progress, State


@pytest.mark.parametrize(
    ("done", "total", "sent", "partial", "due"),
    [
        (0, 20, 0, 2, False),
        (6, 20, 0, 2, False),
        (7, 20, 0, 2, True),
        (7, 20, 1, 2, False),
        (14, 20, 1, 2, True),
        (20, 20, 2, 2, False),
        (20, 20, 0, 0, False),
        (0, 0, 0, 3, False),
    ],
)
def test_the_next_picture_is_due_after_its_part_of_the_steps(
    done: int, total: int, sent: int, partial: int, due: bool
) -> None:
    spec = JobSpec(kind=Kind.IMAGE, model="m", prompt="x")
    job = Job(id=JobId("a"), spec=spec, state=State.RUNNING, accepted=0.0, progress=Progress(done, total))
    assert is_due(job, sent=sent, partial=partial) is due
