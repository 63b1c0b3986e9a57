"""Tasks run in a child: whatever happens to it is an answer, and the next task runs."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenku.accel.report.model import Verdict
from tenku.accel.report.supervised import Outcome, Supervised, Task


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervised]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    with Supervised("accel_chips:faulty:0", threads=1) as opened:
        yield opened


def run(device: Supervised, function: str, argument: object = None, *, limit_s: float = 60.0) -> Outcome:
    return device.run(Task(function=f"accel_chips:{function}", argument=argument, limit_s=limit_s))


def test_one_child_does_task_after_task_and_errors_do_not_end_it(device: Supervised) -> None:
    first = run(device, "echo", {"numbers": [1, 2.5, None]})
    assert first.verdict is None
    assert first.answer[:2] == ["faulty", {"numbers": [1, 2.5, None]}]
    assert first.answer[3] == 1, "threads are as many as were asked for"
    for argument, verdict in (("memory", Verdict.LARGE), ("missing", Verdict.MISSING), ("value", Verdict.FAILING)):
        outcome = run(device, "fail", argument)
        assert (outcome.verdict, outcome.message) == (verdict, f"no {argument}")
    assert run(device, "echo").answer[2] == first.answer[2]
    assert device.started == 1


def test_a_child_that_hangs_dies_or_is_spoilt_is_replaced(device: Supervised) -> None:
    first = run(device, "echo").answer[2]
    hung = run(device, "hang", limit_s=0.3)
    assert (hung.verdict, hung.stage) == (Verdict.HUNG, "it waited")
    assert not Path(f"/proc/{first}").exists(), "what hangs is ended"
    died = run(device, "die", int(signal.SIGSEGV))
    assert died.verdict is Verdict.CRASHED
    assert "SIGSEGV" in died.message
    assert "the driver says goodbye" in died.message
    spoilt = run(device, "spoil")
    assert (spoilt.verdict, spoilt.message) == (Verdict.FAILING, "device-side assert triggered")
    assert run(device, "echo", 5).answer[1] == 5
    assert device.started == 4


def test_a_child_whose_parent_is_killed_ends_itself_though_it_hangs() -> None:
    """Nothing keeps a device when the command that asked for it is gone."""
    program = (
        "import sys\n"
        "from tenku.accel.report.supervised import Supervised, Task\n"
        "with Supervised('accel_chips:faulty:0', threads=1) as device:\n"
        "    print(device.run(Task(function='accel_chips:echo', argument=0, limit_s=60)).answer[2], flush=True)\n"
        "    device.run(Task(function='accel_chips:hang', argument=0, limit_s=600))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    watch = os.pidfd_open(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert select.select([watch], [], [], 30)[0], "the child still runs"
    os.close(watch)
