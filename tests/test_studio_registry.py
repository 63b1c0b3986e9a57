"""Engines by name, loaded when they are needed; devices in one place."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tenku.accel.devices import (
    ACCELERATORS,
    devices,
    free_cores,
    may_have_accelerators,
    processor,
    usable_cores,
)
from tenku.base.errors import MachineError, ModelError
from tenku.studio import registry

PACKAGE = Path(__file__).parents[1] / "src" / "tenku"


def test_knowing_the_engines_and_devices_loads_no_library() -> None:
    program = (
        "import sys\n"
        "from tenku.studio import registry\n"
        "from tenku.accel.devices import devices\n"
        "registry.ENGINES, devices()\n"
        "print({name.partition('.')[0] for name in sys.modules} & {'xllamacpp', 'diffusers', 'jsonschema', 'http'})\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "set()"


def test_every_engine_loads_and_has_a_version() -> None:
    for name in registry.ENGINES:
        assert callable(registry.loader(name))
        assert registry.engine_version(name)


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(ModelError, match="no engine 'warp'"):
        registry.loader("warp")


def test_an_engine_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)  # as Python itself marks what cannot be imported
    monkeypatch.delitem(sys.modules, "tenku.studio.engines.llama", raising=False)
    with pytest.raises(MachineError, match="xllamacpp") as caught:
        registry.loader("llama")
    assert "tenku[studio]" in caught.value.hint


def test_the_processor_is_always_there() -> None:
    cpu = devices()[-1]
    assert (cpu.kind, cpu.index) == ("cpu", 0)
    assert 0 < cpu.free <= cpu.memory
    assert 1 <= free_cores() <= usable_cores() == cpu.cores


def test_a_control_group_limits_the_memory(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:       8000000 kB\nMemAvailable:   6000000 kB\n", encoding="ascii")
    free = processor(meminfo, tmp_path)
    assert (free.memory, free.free) == (8_000_000 * 1024, 6_000_000 * 1024)
    (tmp_path / "memory.max").write_text("1000000\n", encoding="ascii")
    (tmp_path / "memory.current").write_text("400000\n", encoding="ascii")
    held = processor(meminfo, tmp_path)
    assert (held.memory, held.free) == (1_000_000, 600_000)
    (tmp_path / "memory.max").write_text("max\n", encoding="ascii")
    assert processor(meminfo, tmp_path).memory == 8_000_000 * 1024


@pytest.mark.skipif(sys.platform == "darwin", reason="every Mac has one")
def test_torch_is_asked_only_where_a_driver_is_loaded(tmp_path: Path) -> None:
    """Loading torch takes seconds: a command on a plain machine does without."""
    (tmp_path / "null").touch()
    assert not may_have_accelerators(tmp_path)
    (tmp_path / "nvidiactl").touch()
    assert may_have_accelerators(tmp_path)


def named_accelerators(source: str) -> list[int]:
    """Lines where a text that is a value names an accelerator; docstrings may explain what they like."""
    tree = ast.parse(source)
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in prose
        and node.value.partition(":")[0] in ACCELERATORS
    ]


def test_accelerators_are_named_in_one_file_only() -> None:
    found = {
        file.relative_to(PACKAGE).as_posix()
        for file in PACKAGE.rglob("*.py")
        if named_accelerators(file.read_text(encoding="utf-8"))
    }
    assert found == {"accel/devices.py"}


def test_a_named_accelerator_is_found() -> None:
    assert named_accelerators('"""cuda"""\nx = "cuda:0"\ny = "cpu"\n') == [2]
