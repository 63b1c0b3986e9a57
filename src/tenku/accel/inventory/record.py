"""Takes a model's inventory from its real classes. Loads torch, diffusers and transformers, which takes seconds."""

import warnings
from collections.abc import Mapping
from dataclasses import replace

import diffusers
import torch
import transformers

from tenku.accel.inventory import subjects_ltx2, subjects_qwenimage, subjects_text, subjects_wan
from tenku.accel.inventory.model import Inventory, Part
from tenku.accel.inventory.recorder import Recorder
from tenku.accel.inventory.subject import Piece, Run, Subject
from tenku.base.errors import UsageError

SUBJECTS: Mapping[str, Subject] = {
    **subjects_wan.SUBJECTS,
    **subjects_qwenimage.SUBJECTS,
    **subjects_ltx2.SUBJECTS,
    **subjects_text.SUBJECTS,
}
"""What can be recorded, by the catalogue's names."""


def record(model: str) -> Inventory:
    """What a model asks of a device, taken now. Raises UsageError."""
    if model not in SUBJECTS:
        raise UsageError(f"No model {model[:80]!r} can be recorded.", hint=f"There are: {', '.join(sorted(SUBJECTS))}.")
    return recorded(model, SUBJECTS[model])


def recorded(model: str, subject: Subject) -> Inventory:
    """The inventory of a subject."""
    recorder, parameters = Recorder(), 0
    for piece in subject.pieces:
        parameters += _record(piece, recorder)
    return Inventory(
        model=model,
        job=subject.job,
        libraries={
            "torch": torch.__version__.partition("+")[0],
            "diffusers": diffusers.__version__,
            "transformers": transformers.__version__,
        },
        parameters=parameters,
        parts=tuple(Part(name=piece.name, runs=piece.runs) for piece in subject.pieces),
        calls=recorder.calls(),
    )


def shallow(subject: Subject, rounds: int) -> Subject:
    """The same with only so many rounds of the equal blocks, for those who want to know it sooner."""
    return replace(
        subject,
        pieces=tuple(replace(each, blocks=each.period * rounds) if each.blocks else each for each in subject.pieces),
    )


def _record(piece: Piece, recorder: Recorder) -> int:
    """Record one run, and give the number of its weights, as far as they are its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the libraries' remarks are about weights, of which there are none
        run = piece.ready(piece.blocks)
        with torch.no_grad():
            run.before()
        with recorder.part(piece.name):
            run.work()
    return 0 if piece.shared else _weights(run) * piece.copies


def _weights(run: Run) -> int:
    return sum(parameter.numel() for parameter in run.module.parameters())
