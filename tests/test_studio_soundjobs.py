"""A silent model's video gets its sound as one job: real models, a real queue, and a file with both streams."""

import json
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from studio_tiny_audio import Tiny, sound_model
from studio_tiny_audio import tiny_sound as tiny_sound
from studio_tiny_wan import TinyWan, wan_model
from studio_tiny_wan import tiny_wan as tiny_wan
from tenku.control.jobs.queue import Jobs
from tenku.studio import registry
from tenku.studio.desk import WorkerDesk
from tenku.studio.inputs import Inputs
from tenku.studio.makers import Makers
from tenku.studio.media.checkvideo import check_video
from tenku.studio.media.readback import read_back
from tenku.studio.model import InstalledModel, Job, JobSpec, Kind, State
from tenku.studio.notes import MemoryNotes
from tenku.studio.pool import Pool
from tenku.studio.results import Results
from tenku.studio.runner import Parts, Runner
from tenku.studio.soundtrack.choice import complete_sound


class Studio:
    """A worker's parts, with these models installed."""

    def __init__(self, folder: Path, *models: InstalledModel) -> None:
        self.models = {model.name: model for model in models}
        self.jobs = Jobs(f"sqlite:///{folder / 'jobs.db'}")
        self.results = Results(folder / "results")
        makers = Makers(self.find)
        pool = Pool(registry.load, budget=1 << 34, clock=time.monotonic)
        parts = Parts(
            queue=self.jobs,
            pool=pool,
            desk=WorkerDesk(Inputs(folder / "inputs"), pool, self.find, notes=MemoryNotes()),
            results=self.results,
            find=self.find,
            maker=makers.maker,
            others=makers.others,
            complete=lambda spec: complete_sound(spec, list(self.models.values())),
            now=time.time,
        )
        self.runner = Runner(parts, worker="w", lease_s=60, stopping=threading.Event())

    def find(self, name: str) -> InstalledModel:
        return self.models[name]

    def made(self, spec: JobSpec) -> Job:
        """Do one job."""
        [job] = self.jobs.submit([spec])
        self.runner.run_next()
        return self.jobs.get(job.id)

    def file(self, job: Job, name: str) -> bytes:
        return self.results.path(job.id, name).read_bytes()


@pytest.fixture
def models(tiny_wan: TinyWan, tiny_sound: Tiny) -> list[InstalledModel]:
    wan = replace(wan_model(tiny_wan("t2v")), name="wan")
    noises = replace(sound_model(tiny_sound("stable-audio"), steps=1), name="noises", hash="1" * 64, licence="MIT")
    return [wan, noises]


def test_a_job_with_sound_uses_the_only_sound_model(tmp_path: Path, models: list[InstalledModel]) -> None:
    studio = Studio(tmp_path, *models)
    spec = JobSpec(
        kind=Kind.VIDEO,
        model="wan",
        prompt="a dragon",
        parameters={"width": 64, "height": 64, "seconds": 0.5, "steps": 1, "sound": "a roar"},
        seed=1,
    )
    job = studio.made(spec)
    assert job.state is State.DONE, job.error
    video = studio.file(job, "video.mp4")
    check_video(video, frames=9, width=64, height=64, fps=16, sound_s=9 / 16)
    found = read_back(video)
    assert abs(found.start_offset_s) <= 1 / 16
    assert abs(found.end_offset_s) <= 1 / 16
    about = studio.results.provenance(job.id, "video.mp4")
    assert about["facts"]["sound"] == "made beside the picture"
    assert about["parameters"]["sound_model"] == "noises"
    assert "MIT" in json.dumps(about)  # the licence of the other model stands there as well

    again = studio.made(replace(spec, team="others"))
    assert studio.file(again, "video.mp4") == video
    assert again.usage is not None
    assert again.usage.seconds < 0.5  # found, not made
    studio.models["noises"] = replace(studio.models["noises"], hash="2" * 64)
    other = studio.made(spec)
    assert other.usage is not None
    assert other.usage.memory > 0  # made anew: another sound model is another result
    studio.jobs.close()


def test_a_job_that_nobody_can_give_sound_fails_with_a_sentence(tmp_path: Path, models: list[InstalledModel]) -> None:
    """It is refused when it is handed in; a model that was removed since is told as well."""
    studio = Studio(tmp_path, models[0])
    job = studio.made(JobSpec(kind=Kind.VIDEO, model="wan", prompt="a dragon", parameters={"sound": "a roar"}))
    assert job.state is State.FAILED
    assert "wan makes silent videos, and no model that makes sound is installed" in job.error
    studio.jobs.close()
