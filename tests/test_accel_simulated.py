"""The simulated chip does what a Chip has to do, as torch's processor does, and has the faults that it says."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from simulated import install_chip, with_path
from tenku.accel.chip import Chip, MissingOperatorError
from tenku.accel.finding import chip_of


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(install_chip(tmp_path))
    return tmp_path


@pytest.fixture
def chip(folder: Path) -> Iterator[Chip]:
    assert folder.is_dir()
    chip = chip_of("sim:0")
    yield chip
    chip.close()


def check_values_come_back_as_they_went(chip: Chip) -> None:
    """Also views, with their strides; what is put is a copy."""
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    for tensor in (base, base.t(), base[1:3, ::2], base[:1].expand(5, 6), base.bfloat16(), base > 3, base[:0]):
        value = chip.put(tensor)
        assert torch.equal(chip.get(value), tensor)
    value = chip.put(base)
    before = base.clone()
    base.zero_()
    assert torch.equal(chip.get(value), before)


def check_operators_compute(chip: Chip) -> None:
    """Tensors, numbers, lists of tensors, several results, views and work in place."""
    left, right = torch.randn(3, 4), torch.randn(3, 4)
    a, b = chip.put(left), chip.put(right)
    assert torch.allclose(chip.get(chip.call("aten.add.Tensor", (a, b), {"alpha": 2})), left + 2 * right)
    assert torch.equal(chip.get(chip.call("aten.stack.default", ((a, b),), {})), torch.stack((left, right)))
    values, places = chip.call("aten.max.dim", (a, 1), {})
    assert torch.equal(chip.get(values), left.max(1)[0])
    assert torch.equal(chip.get(places), left.max(1)[1])
    flat = chip.call("aten.view.default", (a, [12]), {})
    chip.call("aten.mul_.Tensor", (flat, b_scalar := 2.0), {})
    assert torch.equal(chip.get(a), left * b_scalar)


def check_it_has_a_clock_and_memory(chip: Chip) -> None:
    """Work takes time; memory is bytes; there is a number type to compute in."""
    value = chip.put(torch.randn(64, 64))
    assert chip.seconds(lambda: chip.get(chip.call("aten.mm.default", (value, value), {}))) > 0
    assert 0 < chip.free() <= chip.device.memory
    assert "float32" in chip.dtypes()
    assert chip.fallbacks(lambda: chip.call("aten.mm.default", (value, value), {})) == frozenset()


def check_it_says_what_it_does_not_have(chip: Chip) -> None:
    with pytest.raises(MissingOperatorError):
        chip.call("aten.there_is_no_such_thing.default", (), {})


@pytest.mark.parametrize("name", ["sim:0", "cpu"])
@pytest.mark.parametrize(
    "check",
    [
        check_values_come_back_as_they_went,
        check_operators_compute,
        check_it_has_a_clock_and_memory,
        check_it_says_what_it_does_not_have,
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_chip_does_what_the_protocol_says(name: str, check: Any) -> None:
    chip = chip_of(name)
    check(chip)
    chip.close()


def test_its_number_types_are_those_of_models_without_fp8(chip: Chip) -> None:
    assert set(chip.dtypes()) == {"bfloat16", "float16", "float32"}
    for dtype in (torch.float64, torch.float8_e4m3fn):
        with pytest.raises(TypeError, match=f"has no numbers of the type {str(dtype).removeprefix('torch.')}"):
            chip.put(torch.ones(3).to(dtype))


def test_missing_operators_are_named(chip: Chip) -> None:
    picture = chip.put(torch.ones(1, 1, 2, 2))
    with pytest.raises(MissingOperatorError, match="upsample_nearest2d"):
        chip.call("aten.upsample_nearest2d.default", (picture, [4, 4]), {})


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_imprecise_operator_is_further_off_than_its_rounding(chip: Chip, dtype: torch.dtype) -> None:
    given = torch.randn(4096).to(dtype)
    right = torch.nn.functional.silu(given.double())
    got = chip.get(chip.call("aten.silu.default", (chip.put(given),), {})).double()
    rounded = right.to(dtype).double()
    error, rounding = ((each - right).norm() / right.norm() for each in (got, rounded))
    assert 0.005 < error < 0.03
    assert error > 4 * rounding


def test_the_undefined_operator_gives_nan_where_none_is(chip: Chip) -> None:
    got = chip.get(chip.call("aten.rsqrt.default", (chip.put(torch.ones(8)),), {}))
    assert got.isnan().tolist() == [True] + [False] * 7


def test_the_unwritten_part_shows_what_lay_there_before(chip: Chip) -> None:
    poison = chip.put(torch.full((16,), 7.5))
    del poison  # its memory is used for the next of this size
    ones = chip.put(torch.ones(8))
    got = chip.get(chip.call("aten.cat.default", ([ones, ones],), {}))
    assert got.tolist() == [1.0] * 12 + [7.5] * 4


def test_a_fallback_is_told_and_takes_its_time(chip: Chip) -> None:
    value = chip.put(torch.ones(1 << 20))

    def work() -> None:
        chip.call("aten.cos.default", (value,), {})
        chip.call("aten.neg.default", (value,), {})

    assert chip.fallbacks(work) == {"aten.cos.default"}
    slow = chip.seconds(lambda: chip.call("aten.cos.default", (value,), {}))
    assert slow > 20 * chip.seconds(lambda: chip.call("aten.neg.default", (value,), {}))


def test_its_clock_follows_the_roofline_and_is_the_same_each_time(chip: Chip) -> None:
    large, small = chip.put(torch.ones(512, 512)), chip.put(torch.ones(512, 512).bfloat16())

    def product(value: Any) -> float:
        return chip.seconds(lambda: chip.call("aten.mm.default", (value, value), {}))

    assert product(large) == pytest.approx(4e-6 + 2 * 512**3 / 20e12)
    assert product(small) < product(large)
    assert product(large) == pytest.approx(product(large), rel=1e-6)
    layer = chip.seconds(lambda: chip.call("aten.native_layer_norm.default", (large, [512], None, None, 1e-5), {}))
    assert layer > 10 * chip.seconds(lambda: chip.call("aten.add.Tensor", (large, large), {}))


@pytest.mark.usefixtures("folder")
def test_its_memory_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMULATED_CHIP_MEMORY", "4096")
    chip = chip_of("sim:0")
    held = chip.put(torch.ones(512))
    assert chip.free() == 2048
    chip.call("aten.view.default", (held, [2, 256]), {})  # takes none
    with pytest.raises(MemoryError, match="4096 bytes were asked for, 2048 of 4096 are free"):
        chip.put(torch.ones(1024))
    with pytest.raises(MemoryError):
        chip.call("aten.cat.default", ([held, held],), {})
    del held
    assert chip.free() == 4096


def test_a_tensor_of_the_processor_is_refused(chip: Chip) -> None:
    with pytest.raises(TypeError, match="put there first"):
        chip.call("aten.neg.default", (torch.ones(2),), {})


PROGRAM = (
    "import torch\nfrom tenku.accel.finding import chip_of\nchip = chip_of('sim:0')\nvalue = chip.put(torch.ones(2))\n"
    "print('ready', flush=True)\nchip.call('aten.neg.default', (value,), {})\nprint('done', flush=True)"
)


def test_it_takes_its_process_with_it_where_it_is_told_to(folder: Path) -> None:
    environment = with_path(folder, SIMULATED_CHIP_CRASHES="aten.exp.default,aten.neg.default")
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGSEGV, "ready\n")


def test_it_hangs_where_it_is_told_to(folder: Path) -> None:
    environment = with_path(folder, SIMULATED_CHIP_HANGS="aten.neg.default")
    child = subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    with child, child.stdout:
        assert child.stdout.readline() == "ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(1)
        child.kill()
        assert child.stdout.read() == ""
