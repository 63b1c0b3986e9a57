"""Pulls or publishes in a process of its own, which a test kills: `python content_child.py ORDER`.

ORDER is JSON: `verb`, `stores`, `folder`; `rate` in bytes a second; `small`, the bytes of a range or pack; and `die`,
the name of a step before or after which the process kills itself, like `after exchange`.
"""

import asyncio
import functools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tenku.content.fill
import tenku.content.pack
import tenku.content.staging
from content_trees import publish_to, pull
from tenku.base.errors import ContentError
from tenku.content.ranges import join
from tenku.content.staging import Staging
from tenku.content.stores.patience import Patience


def child(**order: Any) -> "subprocess.Popen[bytes]":
    """Start one."""
    text = json.dumps(order, default=str)
    return subprocess.Popen([sys.executable, __file__, text], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(process: "subprocess.Popen[bytes]") -> int:
    """Wait for its end; minus the signal that ended it. Its own errors fail the test. Raises AssertionError."""
    said, error = process.communicate(timeout=60)
    assert process.returncode in (0, -signal.SIGKILL), error.decode()
    assert not said, said.decode()
    return process.returncode


def complaint(*before: str, **order: Any) -> str:
    """What one says that cannot do its work: the error's kind and sentence; empty where it can.

    Args:
        before: a command that runs it, such as one that takes rights away.
    """
    command = [*before, sys.executable, __file__, json.dumps(order, default=str)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def _dying(function: Callable[..., Any], when: str) -> Callable[..., Any]:
    """The function, with an end like that of a power cut before or after it."""

    @functools.wraps(function)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapped


def _arm(die: str) -> None:
    when, _, step = die.partition(" ")
    if step == "between":  # the two renames of file systems that cannot exchange
        setattr(tenku.content.staging, "exchange", lambda *_: False)  # noqa: B010
        Path.rename = _dying(Path.rename, when)  # type: ignore[method-assign]
    elif hasattr(Staging, step):
        setattr(Staging, step, _dying(getattr(Staging, step), when))
    else:
        setattr(tenku.content.staging, step, _dying(getattr(tenku.content.staging, step), when))


def _main(order: dict[str, Any]) -> None:
    if "die" in order:
        _arm(order["die"])
    if "small" in order:
        few = functools.partial(join, most=order["small"])
        setattr(tenku.content.fill, "join", few)  # noqa: B010
        tenku.content.pack.PACK_BYTES = order["small"]
    folder = Path(order["folder"])
    if order["verb"] == "publish":
        publish_to(Path(order["stores"][0]), folder)
    else:
        few_requests = {"rate": order.get("rate"), "in_flight": order.get("in_flight", 4)}
        asyncio.run(pull(order["stores"], folder, patience=Patience(), **few_requests))


if __name__ == "__main__":
    try:
        _main(json.loads(sys.argv[1]))
    except ContentError as error:
        print(f"{type(error).__name__}: {error.sentence()}")
