"""Whole reports, by the command: of the processor, and of a chip with faults whose report has to name each of them."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from accel_reports import report
from simulated import install_chip, with_path
from tenku.accel.inventory.read import inventory_of, names
from tenku.accel.report.file import read
from tenku.accel.report.make import Facts, smaller_than, too_large
from tenku.accel.report.model import Report, Verdict
from tenku.accel.report.summary import totals
from tenku.cli.main import main

pytestmark = pytest.mark.timeout(600)  # each is a hundred times what it takes on a machine that does nothing else
BLOCKING = {f"aten.{name}.default" for name in ("_upsample_nearest_exact2d", "cat", "rsqrt", "silu")}
TENKU = [sys.executable, "-m", "tenku.cli.main", "devices", "report"]


def tenku(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [*TENKU, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, subprocess.CompletedProcess[str], Path]:
    """The whole report of the simulated chip, which has faults of most kinds; its memory is small."""
    folder = tmp_path_factory.mktemp("simulated")
    environment = with_path(install_chip(folder), SIMULATED_CHIP_MEMORY="60000000")
    out = folder / "out" / "sim.html"
    done = tenku(
        "--model", "tiny-wan", "--device", "sim:0", "--dtype", "bfloat16", "--out", str(out), environment=environment
    )
    assert out.with_suffix(".json").is_file(), done.stderr
    return read(out.with_suffix(".json")), done, out


def verdicts(made: Report, operator: str) -> set[Verdict]:
    return {each.verdict for each in made.findings if each.operator == operator}


def test_every_fault_of_the_simulated_chip_is_found(
    simulated: tuple[Report, subprocess.CompletedProcess[str], Path],
) -> None:
    made, done, out = simulated
    asked = {each.operator for each in made.findings}
    assert verdicts(made, "aten._upsample_nearest_exact2d.default") == {Verdict.MISSING}
    assert Verdict.WRONG in verdicts(made, "aten.silu.default")
    assert Verdict.WRONG in verdicts(made, "aten.cat.default")
    for operator in {"aten.cos.default", "aten.sin.default", "aten.embedding.default"} & asked:
        assert verdicts(made, operator) == {Verdict.FALLBACK}, operator
    assert verdicts(made, "aten.addmm.default") == {Verdict.NATIVE}
    assert done.returncode == 1  # the model does not run on it
    assert "No." in done.stdout
    first = [line.operator for line in totals(made)[0].first]
    assert set(first[:4]) == BLOCKING, "what nothing runs without"
    assert first[4] == "aten.native_layer_norm.default", (
        "then what saves most: it is forty times as slow as it could be"
    )
    assert "Mend first, in bfloat16:" in done.stdout
    assert f"The page: {out}" in done.stdout


def test_the_report_says_what_it_is_about(
    simulated: tuple[Report, subprocess.CompletedProcess[str], Path],
) -> None:
    made, _, out = simulated
    assert (made.device.kind, made.device.driver, made.dtypes) == ("sim", "1.4.0", ("bfloat16",))
    assert made.software["tenku-simulated-chip"] == "1.4.0"
    assert made.parts["transformer"] > 0
    assert made.peaks[0].flops > 0
    assert made.copy > 0
    assert made.blocks
    assert made.fits
    assert "<title>tiny-wan on Simulated chip</title>" in out.read_text(encoding="utf-8")
    assert sorted(each.name for each in out.parent.iterdir()) == ["sim.html", "sim.json"]


def test_the_processor_runs_a_tiny_model(tmp_path: Path) -> None:
    done = tenku("--model", "tiny-qwen3", "--device", "cpu", "--quick", "--json", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["dtypes"][0]["dtype"] == "float32"
    assert told["dtypes"][0]["runs"] is True
    made = read(Path(told["report"]))
    assert {each.verdict for each in made.findings} == {Verdict.NATIVE}
    assert sorted(each.name for each in tmp_path.iterdir()) == ["tiny-qwen3-cpu.html", "tiny-qwen3-cpu.json"]
    assert main(["devices", "diff", told["report"], told["report"]]) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_it_leaves_no_child_and_no_file(tmp_path: Path, number: signal.Signals) -> None:
    """Its child is busy with the device, and would hear of nothing for a minute."""
    environment = with_path(
        install_chip(tmp_path), SIMULATED_CHIP_HANGS="aten.embedding.default", TENKU_MARK=str(tmp_path)
    )
    out = tmp_path / "out"
    command = [*TENKU, "--model", "tiny-wan", "--device", "sim:0", "--dtype", "bfloat16", "--out", str(out)]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    assert running.stderr is not None
    while not (line := running.stderr.readline()).startswith("Operators"):
        assert line, "it ended before it began"
    assert children(running.pid)
    mine = children(running.pid)
    running.send_signal(number)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert said.endswith("tenku: Stopped. Nothing was written, and nothing runs on the device any more.\n")
    assert [pid for pid in mine if Path(f"/proc/{pid}").exists()] == []
    assert list(out.iterdir()) == []


def children(pid: int) -> list[int]:
    """Processes that a process has started, as soon as there is one."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
        if found:
            return found
        os.sched_yield()
    return []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--model", "gpt-9"), r"There is no inventory of a model 'gpt-9'\. There are: .*tiny-wan"),
        (
            ("--model", "tiny-wan", "--device", "moon:3"),
            r"There is no device 'moon:3' on this machine\. There is .*cpu",
        ),
        (
            ("--model", "tiny-wan", "--device", "cpu", "--dtype", "int3"),
            r"cpu has no numbers of type 'int3'\. It has .*float32",
        ),
        (("--model", "tiny-wan", "--time-limit", "soon"), "--time-limit: 'soon' cannot be used: a stretch of time is"),
        (
            ("--model", "tiny-wan", "--out", "report.pdf"),
            "--out: 'report.pdf' cannot be used. It is a folder, FILE.json",
        ),
        (("--model", "tiny-wan", "--out", "/proc/none"), "/proc/none cannot be made"),
        ((), "The following arguments are required: --model"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert main(["devices", "report", *arguments]) == 2
    error = capsys.readouterr().err
    assert re.search(f"^tenku: .*{said}", error, re.MULTILINE), error
    assert "Traceback" not in error


def test_a_model_that_does_not_fit_is_said_before_and_what_would() -> None:
    large, chip = inventory_of("wan2.2-t2v-a14b"), report().device
    facts = Facts(device=chip, free=4_000_000_000, dtypes=("bfloat16",))
    said = too_large(large, facts, ("bfloat16",), others=smaller_than(large, facts))
    assert re.match(
        r"wan2\.2-t2v-a14b does not fit whole: its weights need \d+\.?\d* GB, and Made-up chip has 4 GB", said
    )
    assert "What would: " in said
    assert "qwen2.5-coder-0.5b" in said
    roomy = Facts(device=chip, free=10**13, dtypes=("bfloat16",))
    assert too_large(large, roomy, ("bfloat16",), others=()) == ""


def test_every_model_has_a_job_that_can_be_summed_up() -> None:
    for name in names():
        inventory = inventory_of(name)
        assert {part for call in inventory.calls for part in call.counts} <= {part.name for part in inventory.parts}
