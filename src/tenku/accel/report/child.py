"""The process that has the device: `python -m tenku.accel.report.child CHIP`, a task a line in, its answer a line out.

Its standard output belongs to the lines; what libraries print there goes to standard error.
"""

import importlib
import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import IO, Any

from tenku.accel.chip import Chip, MissingOperatorError
from tenku.accel.finding import chip_of
from tenku.accel.report.model import Verdict
from tenku.base.errors import TenkuError

Stage = Callable[[str], None]
"""Tells what is done now, `timed`, as in "it hung while timed"; the time limit starts again."""
GRACE_S = 5.0
"""Until a child that nobody listens to any more ends itself, whatever it is about."""
_LONGEST = 600
"""Of a message: some drivers append whole stacks."""


def main() -> None:
    """Open the device, do what comes in, and give the device back."""
    out, inbox = _lines()
    try:
        chip = opened(sys.argv[1])
    except Exception as error:  # noqa: BLE001 - here a device is supervised: whatever it says is the result
        _say(out, {"cannot": said(error)})
        return
    _say(out, {"ready": True})
    while (line := inbox.get()) is not None:
        answer = done(chip, json.loads(line), lambda stage: _say(out, {"stage": stage}))
        _say(out, answer)
    chip.close()


def opened(name: str) -> Chip:
    """A device by name. `module:function:0` is the first of a maker that is not installed, as its author tries it."""
    module, _, rest = name.partition(":")
    maker, _, index = rest.partition(":")
    if not index:
        return chip_of(name)
    chips = getattr(importlib.import_module(module), maker)()
    chip: Chip = chips[int(index)]
    return chip


def done(chip: Chip, task: Mapping[str, Any], stage: Stage) -> dict[str, Any]:
    """Do a task; what to say of it."""
    module, _, name = task["function"].partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
        stage("")  # everything is loaded: from here on it is the function's time
        answer = function(chip, task["argument"], stage)
    except Exception as error:  # noqa: BLE001 - as above
        return {"verdict": verdict_of(error), "message": said(error), "fit": healthy(chip)}
    return {"answer": answer, "fit": True}


def verdict_of(error: BaseException) -> Verdict:
    """What an error says of the device."""
    if isinstance(error, MissingOperatorError):
        return Verdict.MISSING
    return Verdict.LARGE if isinstance(error, MemoryError) else Verdict.FAILING


def said(error: BaseException) -> str:
    """An error as one line; its first paragraph, as stacks of the driver's own code follow it."""
    text = error.sentence() if isinstance(error, TenkuError) else str(error)
    paragraph = " ".join(text.strip().split("\n\n")[0].split())
    return (paragraph or type(error).__name__)[:_LONGEST]


def healthy(chip: Chip) -> bool:
    """Whether the device still does what it is told: after some errors it does nothing right in this process."""
    torch = importlib.import_module("torch")
    numbers = torch.arange(16, dtype=torch.float32)
    try:
        return bool(torch.equal(chip.get(chip.put(numbers)), numbers))
    except Exception:  # noqa: BLE001 - as above
        return False


def _lines() -> tuple[IO[str], "queue.Queue[str | None]"]:
    """Where answers go, and where tasks come from; None comes last."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    inbox: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_listen, args=(inbox,), daemon=True).start()
    return out, inbox


def _listen(inbox: "queue.Queue[str | None]") -> None:
    """Pass lines on. When whoever sent them has gone, this process ends as well, though it be in a call that hangs."""
    for line in sys.stdin:
        inbox.put(line)
    inbox.put(None)
    time.sleep(GRACE_S)
    os._exit(1)


def _say(out: IO[str], line: Mapping[str, Any]) -> None:
    out.write(json.dumps(line) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
