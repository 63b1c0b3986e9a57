"""An inventory says what a model asks of a device: the calls, how often, and what each costs at least."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from tenku.accel.inventory.model import DTYPE, Call, Inventory, Part, Tensor
from tenku.accel.inventory.read import DATA, hash_of, inventory_of, names
from tenku.accel.inventory.record import record
from tenku.accel.inventory.recorder import Recorder
from tenku.accel.inventory.subject import built, tensor, tokens
from tenku.accel.inventory.write import text_of, write_inventory
from tenku.base.errors import MachineError, UsageError

WHOLE_PART = "all"


def recorded(work: Callable[[], object]) -> dict[str, Call]:
    """The calls of some work by operator, where each operator comes in one shape."""
    calls = recorded_calls(work)
    assert len({call.operator for call in calls}) == len(calls)
    return {call.operator: call for call in calls}


def recorded_calls(work: Callable[[], object]) -> tuple[Call, ...]:
    recorder = Recorder()
    with recorder.part(WHOLE_PART):
        work()
    return recorder.calls()


def test_a_linear_layer_is_a_product_with_its_cost() -> None:
    layer, given = built(nn.Linear, 8, 16), tensor(4, 8)
    call = recorded(lambda: layer(given))["aten.addmm.default"]
    weight = Tensor(shape=(8, 16), dtype=DTYPE, stride=(1, 8))
    assert call.arguments == (Tensor(shape=(16,), dtype=DTYPE), Tensor(shape=(4, 8), dtype=DTYPE), weight)
    assert call.results == (Tensor(shape=(4, 16), dtype=DTYPE),)
    assert call.flops == 2 * 4 * 8 * 16
    assert call.moved == 2 * (16 + 4 * 8 + 8 * 16 + 4 * 16)


def test_attention_stays_whole() -> None:
    query, key, value = tensor(1, 2, 6, 8), tensor(1, 2, 10, 8), tensor(1, 2, 10, 8)
    calls = recorded(lambda: functional.scaled_dot_product_attention(query, key, value))
    call = calls["aten.scaled_dot_product_attention.default"]
    assert len(calls) == 1
    assert len(call.arguments) == 3
    assert call.flops == 2 * 2 * (2 * 6 * 10 * 8)
    assert call.moved == 2 * (6 * 8 * 2 + 2 * 10 * 8 * 2 + 6 * 8 * 2)


def test_causal_attention_costs_what_is_looked_at() -> None:
    query = tensor(1, 1, 4, 8)
    call = recorded(lambda: functional.scaled_dot_product_attention(query, query, query, is_causal=True))
    assert call["aten.scaled_dot_product_attention.default"].flops == 2 * (1 + 2 + 3 + 4) * (8 + 8)


@pytest.mark.parametrize("heads_first", [True, False])
def test_attention_gives_what_the_processor_gives(*, heads_first: bool) -> None:
    """Shape and layout are those of a real kernel; else the copies behind it would be others than a device's."""

    def laid_out(given: torch.Tensor) -> torch.Tensor:
        return given.view(1, 2, 6, 8) if heads_first else given.view(1, 6, 2, 8).transpose(1, 2)

    on_meta, real = laid_out(tensor(96, dtype=torch.float32)), laid_out(torch.zeros(96))
    made: list[torch.Tensor] = []
    recorded(lambda: made.append(functional.scaled_dot_product_attention(on_meta, on_meta, on_meta)))
    expected = functional.scaled_dot_product_attention(real, real, real)
    assert made[0].shape == expected.shape
    assert made[0].stride() == expected.stride()


def test_a_norm_stays_whole() -> None:
    layer, given = built(nn.RMSNorm, 8, eps=1e-6), tensor(2, 8)
    calls = recorded(lambda: layer(given))
    assert list(calls) == ["aten.rms_norm.default"]
    assert calls["aten.rms_norm.default"].arguments[1] == (8,)


def test_other_number_types_keep_their_names() -> None:
    given = tensor(3)
    call = recorded(lambda: given.float())["aten._to_copy.default"]
    assert call.arguments == (Tensor(shape=(3,), dtype=DTYPE),)
    assert call.keywords == {"dtype": {"dtype": "float32"}}
    assert call.results == (Tensor(shape=(3,), dtype="float32"),)
    assert call.moved == 3 * 2 + 3 * 4
    assert call.flops == 0


def test_the_ends_of_the_number_type_are_named() -> None:
    given, mask = tensor(3), tensor(3, dtype=torch.bool)
    call = recorded(lambda: given.masked_fill(mask, torch.finfo(given.dtype).min))["aten.masked_fill.Scalar"]
    assert call.arguments[2] == {"limit": "lowest"}


def test_arguments_that_are_equal_and_not_the_same_are_told_apart() -> None:
    given = tensor(3, dtype=torch.int64)
    calls = recorded_calls(lambda: (given + 1, given + 1.0, given + True, given + 1))
    assert [type(call.arguments[1]) for call in calls] == [int, float, bool]
    assert [call.counts[WHOLE_PART] for call in calls] == [2, 1, 1]


def test_views_move_nothing_and_a_copy_does() -> None:
    given = tensor(4, 6)
    calls = recorded(lambda: given.transpose(0, 1).contiguous())
    assert calls["aten.transpose.int"].moved == 0
    assert calls["aten.clone.default"].moved == 2 * 2 * 24


def test_a_number_that_is_shown_many_times_is_read_once() -> None:
    given, wide = tensor(4, 1), tensor(4, 6)
    calls = recorded(lambda: wide * given.expand(4, 6))
    assert calls["aten.mul.Tensor"].moved == 2 * (24 + 4 + 24)
    assert calls["aten.mul.Tensor"].flops == 24


def test_a_table_is_read_where_it_is_asked() -> None:
    layer, ids = built(nn.Embedding, 1000, 8), tokens(3)
    assert recorded(lambda: layer(ids))["aten.embedding.default"].moved == 2 * 2 * 3 * 8 + 3 * 8


def test_what_the_processor_does_for_itself_is_left_out() -> None:
    given = tensor(2)
    calls = recorded(lambda: given + torch.ones(2).sum().to("meta"))
    assert list(calls) == ["aten.add.Tensor"]


def test_a_question_of_the_processor_is_answered_and_counted() -> None:
    """Models ask whether a mask hides something; here it does, as in a usual job."""
    mask = tensor(3, dtype=torch.bool)
    answers: list[bool] = []
    calls = recorded(lambda: answers.append(bool(mask.all())))
    assert answers == [False]
    assert calls["aten._local_scalar_dense.default"].results == ()


def test_a_call_counts_in_each_part() -> None:
    given, recorder = tensor(2), Recorder()
    for part, times in (("one", 1), ("two", 2)):
        with recorder.part(part):
            for _ in range(times):
                given.cos()
    assert [call.counts for call in recorder.calls()] == [{"one": 1, "two": 2}]


def small() -> Inventory:
    call = Call(
        operator="aten.full.default",
        arguments=((2, 3), float("-inf"), None, "tanh", True, 1.0, (Tensor(shape=(2,), dtype="int64"),)),
        keywords={"dtype": {"dtype": DTYPE}},
        results=(Tensor(shape=(2, 3), dtype=DTYPE, stride=(1, 2)),),
        counts={"prefill": 3},
        flops=5,
        moved=12,
    )
    parts = (Part(name="prefill", runs=1),)
    return Inventory(model="a", job="b", libraries={"torch": "1"}, parameters=7, parts=parts, calls=(call,))


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    write_inventory(small(), tmp_path)
    assert names(tmp_path) == ("a",)
    assert inventory_of("a", tmp_path) == small()


def test_each_call_has_a_line() -> None:
    assert sum("aten.full" in line for line in text_of(small()).splitlines()) == 1


@pytest.mark.parametrize("model", names())
def test_kept_inventories_are_written_as_they_are_read(model: str) -> None:
    assert text_of(inventory_of(model)) == (DATA / f"{model}.json").read_text(encoding="utf-8")


def test_hashes_are_of_the_calls() -> None:
    inventory = small()
    assert hash_of(replace(inventory, libraries={"torch": "2"})) == hash_of(inventory)
    other = replace(inventory, calls=(replace(inventory.calls[0], arguments=()),))
    assert hash_of(other) != hash_of(inventory)


def test_an_unknown_model_names_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"no inventory of a model 'wan9'") as error:
        inventory_of("wan9")
    assert "tiny-wan, wan2.1-t2v-1.3b" in error.value.hint
    with pytest.raises(UsageError, match="No model 'wan9' can be recorded"):
        record("wan9")


@pytest.mark.parametrize("text", ["", "[]", '{"model": "x"}', '{"calls": 3}'])
def test_a_broken_file_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(MachineError, match=r"x\.json cannot be read"):
        inventory_of("x", tmp_path)
