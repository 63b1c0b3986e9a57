"""How well jobs are estimated after ten of them: the estimate that each job was accepted with, beside what it took.

python -m benchmarks.studio.estimator MODEL.gguf [--picture FOLDER] [--rounds 3]
"""

import argparse
import json
import random
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from tenku.base.convert import Secret
from tenku.control.reception import reception
from tenku.control.settings import ControlSettings
from tenku.studio import registry
from tenku.studio.desk import EmptyDesk
from tenku.studio.makers import Makers
from tenku.studio.memory import Memory
from tenku.studio.model import InstalledModel, Job, JobSpec, Json, Kind, State
from tenku.studio.models import Models
from tenku.studio.pool import Pool
from tenku.studio.results import Results
from tenku.studio.runner import Parts, Runner
from tenku.studio.settings import StudioSettings

HISTORY = 10
"""Jobs that are done before errors count."""
JUDGED = 10
"""Jobs a round whose errors count."""
TEXT, PICTURE = "text", "picture"
ITEM: dict[str, Json] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 3, "maxLength": 40},
        "damage": {"type": "integer", "minimum": 1, "maximum": 99},
        "rarity": {"enum": ["common", "rare", "epic"]},
    },
    "required": ["name", "damage", "rarity"],
    "additionalProperties": False,
}
THINGS = ("a fire sword", "a healing potion", "a shield of ice", "an old map", "a thief's ring")


@dataclass(frozen=True)
class Judged:
    """One job whose estimate counts."""

    expected: float
    low: float
    high: float
    actual: float

    @property
    def error(self) -> float:
        """As a share of what it took."""
        return abs(self.expected - self.actual) / self.actual


def measure(model: Path, *, picture: Path | None = None, rounds: int) -> dict[str, Any]:
    """Median absolute error and hits of the spread, by what is made.

    Args:
        model: a GGUF file.
        picture: a folder of a model of pictures; None: texts alone.
        rounds: each on an empty history.
    """
    found: dict[str, list[Judged]] = {}
    for number in range(rounds):
        chance = random.Random(number)
        found.setdefault(TEXT, []).extend(_round(_text_model(model), partial(text_job, chance)))
        if picture is not None:
            found.setdefault(PICTURE, []).extend(_round(_picture_model(picture), partial(picture_job, chance)))
    return {kind: summary(judged) for kind, judged in found.items()}


def summary(judged: Sequence[Judged]) -> dict[str, float]:
    """What the errors come to; shares of 1."""
    errors = [each.error for each in judged]
    inside = sum(each.low <= each.actual <= each.high for each in judged)
    return {
        "jobs": len(judged),
        "median_error": round(median(errors), 3),
        "worst_error": round(max(errors), 3),
        "inside": round(inside / len(judged), 3),
        "median_seconds": round(median(each.actual for each in judged), 3),
    }


def text_job(chance: random.Random) -> JobSpec:
    """What a studio asks for: items of a schema, lists of them, and short texts."""
    thing, count = chance.choice(THINGS), chance.choice((1, 1, 2, 4))
    items: dict[str, Json] = {"type": "array", "items": ITEM, "minItems": count, "maxItems": count}
    parameters: dict[str, Json] = {"schema": ITEM if count == 1 else items, "max_tokens": 400, "temperature": 0.8}
    if chance.random() < 0.3:
        parameters = {"max_tokens": chance.choice((16, 32, 64))}
    prompt = f"Describe {thing} of a game at length." if "schema" not in parameters else f"Make {thing}."
    return JobSpec(kind=Kind.TEXT, model=TEXT, prompt=prompt, parameters=parameters, seed=chance.randrange(2**31))


def picture_job(chance: random.Random) -> JobSpec:
    """Pictures of several sizes."""
    side, steps = chance.choice((64, 128, 192, 256)), chance.choice((4, 8, 20))
    parameters: dict[str, Json] = {"width": side, "height": side, "steps": steps}
    return JobSpec(
        kind=Kind.IMAGE, model=PICTURE, prompt="a potion", parameters=parameters, seed=chance.randrange(2**31)
    )


def _round(model: InstalledModel, job: Callable[[], JobSpec]) -> list[Judged]:
    with tempfile.TemporaryDirectory(prefix="tenku-bench-") as folder:
        root = Path(folder)
        Models(root).put(replace(model, path="", size=0), Path(model.path))
        installed = Models(root).find(model.name)
        studio = StudioSettings(folder=root)
        control = ControlSettings(database=Secret(f"sqlite:///{root / 'jobs.db'}"))
        with reception(control, studio).jobs as jobs:
            pool = Pool(registry.load, budget=Memory(0).budget, clock=time.monotonic)
            runner = Runner(
                Parts(
                    queue=jobs,
                    pool=pool,
                    desk=EmptyDesk(),
                    results=Results(root / "results"),
                    find=lambda _: installed,
                    maker=Makers(Models(root).find).maker,
                    now=time.time,
                ),
                worker="bench",
                lease_s=600,
                stopping=threading.Event(),
            )
            done = [_done(jobs.submit([job()])[0], jobs.get, runner) for _ in range(HISTORY + JUDGED)]
            pool.close()
        return [_judged(each) for each in done[HISTORY:]]


def _done(job: Job, get: Callable[..., Job], runner: Runner) -> Job:
    runner.run_next()
    ended = get(job.id)
    if ended.state is not State.DONE:
        raise RuntimeError(ended.error)
    return ended


def _judged(job: Job) -> Judged:
    assert job.estimate is not None
    assert job.usage is not None
    return Judged(job.estimate.seconds, job.estimate.low, job.estimate.high, job.usage.seconds)


def _text_model(path: Path) -> InstalledModel:
    parameters: dict[str, Json] = {"threads": 1, "context": 1024, "slots": 1}
    return InstalledModel(
        name=TEXT,
        kind=Kind.TEXT,
        engine="llama",
        path=str(path),
        hash="",
        size=0,
        licence="Apache-2.0",
        parameters=parameters,
    )


def _picture_model(path: Path) -> InstalledModel:
    return InstalledModel(
        name=PICTURE, kind=Kind.IMAGE, engine="qwenimage", path=str(path), hash="", size=0, licence="Apache-2.0"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("model", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.model, picture=arguments.picture, rounds=arguments.rounds), indent=1))


if __name__ == "__main__":
    main()
