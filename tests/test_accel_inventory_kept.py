"""The kept inventories are what the real classes ask for today: an update of a library that changes it is noticed.

Deep models are taken with one and with two rounds of their equal blocks; what a round adds, times the rounds that there
really are, has to give the kept counts to the call. So nothing is compared but what was taken, and all blocks count.
"""

import json
from collections import Counter
from dataclasses import replace

import pytest

from tenku.accel.inventory.model import Call, Inventory
from tenku.accel.inventory.plain import call_to_plain
from tenku.accel.inventory.read import inventory_of, names
from tenku.accel.inventory.record import SUBJECTS, recorded, shallow
from tenku.accel.inventory.subject import Piece, Subject

SHOWN = 5
LONG = {("wan2.1-t2v-1.3b", "vae decode"), ("wan2.2-t2v-a14b", "vae decode")}
"""Seconds each, frame by frame, of the class that tiny-wan has as well; `tools/inventory.py --check` takes all."""


def counts_of(inventory: Inventory, part: str) -> Counter[str]:
    """How often one run of a part makes each call."""
    return Counter({text_of(call): call.counts[part] for call in inventory.calls if part in call.counts})


def text_of(call: Call) -> str:
    return json.dumps(call_to_plain(replace(call, counts={})))


def foretold(model: str, piece: Piece) -> tuple[Counter[str], int]:
    """The calls of a part at its whole depth, and its parameters."""
    subject = Subject(job="", pieces=(piece,))
    once = recorded(model, shallow(subject, 1))
    counts = counts_of(once, piece.name)
    if not piece.blocks:
        return counts, once.parameters
    twice = recorded(model, shallow(subject, 2))
    more, rounds = counts_of(twice, piece.name), piece.blocks // piece.period
    parameters = once.parameters + (twice.parameters - once.parameters) * (rounds - 1)
    return Counter({call: counts[call] + (more[call] - counts[call]) * (rounds - 1) for call in more}), parameters


def changes(kept: Counter[str], now: Counter[str]) -> list[str]:
    """In words: what is asked for today and was not, and the other way round."""
    return [
        f"{kept[call]} times before, {now[call]} now: {call}"
        for call in sorted(kept.keys() | now.keys())
        if kept[call] != now[call]
    ]


def test_every_model_that_can_be_taken_is_kept() -> None:
    assert set(names()) == SUBJECTS.keys()


@pytest.mark.parametrize("model", sorted(SUBJECTS))
def test_it_is_what_the_classes_ask_for_today(model: str) -> None:
    kept, subject = inventory_of(model), SUBJECTS[model]
    found, parameters = [], 0
    for piece in subject.pieces:
        if (model, piece.name) in LONG:
            continue
        now, own = foretold(model, piece)
        parameters += own
        found += [f"{piece.name}: {change}" for change in changes(counts_of(kept, piece.name), now)]
    libraries = recorded(model, Subject(job="", pieces=())).libraries
    assert not found, (
        f"{model} asks for other operators than the kept inventory has: {len(found)} calls differ.\n"
        + "\n".join(found[:SHOWN])
        + f"\nIt was taken with {dict(kept.libraries)}, and here are {dict(libraries)}.\n"
        f"If that is right, take it anew: python tools/inventory.py {model}"
    )
    if not any(name == model for name, _ in LONG):
        assert parameters == kept.parameters
    assert kept.job == subject.job
    assert {part.name: part.runs for part in kept.parts} == {piece.name: piece.runs for piece in subject.pieces}


def test_a_change_is_told_in_words() -> None:
    kept, now = Counter({"a": 2, "b": 1}), Counter({"a": 2, "b": 3, "c": 1})
    assert changes(kept, now) == ["1 times before, 3 now: b", "0 times before, 1 now: c"]


@pytest.mark.parametrize("model", ["tiny-wan", "tiny-qwen3"])
def test_the_tiny_ones_are_equal_to_the_letter(model: str) -> None:
    """Taken whole, without any reckoning; only the libraries' versions may differ."""
    kept = inventory_of(model)
    now = recorded(model, SUBJECTS[model])
    assert replace(now, libraries=kept.libraries) == kept


BILLIONS = {
    # Wan: UMT5-xxl's encoder has 5.68, the VAEs 0.13 and 0.70.
    "wan2.1-t2v-1.3b": (1.42 + 5.68 + 0.13, 0.02),
    "wan2.2-ti2v-5b": (5.0 + 5.68 + 0.70, 0.02),
    "wan2.2-t2v-a14b": (2 * 14.3 + 5.68 + 0.13, 0.05),
    "qwen-image": (20.4 + 8.29 + 0.13, 0.05),
    "ltx-2": (19.0 + 12.2, 3.0),
    "qwen2.5-coder-0.5b": (0.494, 0.001),
    "qwen3-8b": (8.19, 0.01),
}
"""As their makers say it; LTX-2's VAEs and connectors are in nobody's sum."""


@pytest.mark.parametrize("model", sorted(BILLIONS))
def test_models_are_as_large_as_their_makers_say(model: str) -> None:
    expected, within = BILLIONS[model]
    assert inventory_of(model).parameters / 1e9 == pytest.approx(expected, abs=within)
