"""Loads torch, and the packages of vendors that it brings along: a broken one of these must not take torch with it.

By itself `import torch` runs every entry point of the group `torch.backends`, and fails as a whole where one of them
does.
"""

import importlib
import importlib.util
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from tenku.accel.entrypoints import Trouble, answer_of, package_of, points, said

BACKENDS = "torch.backends"
"""The group of entry points that torch runs."""
AUTOLOAD = "TORCH_DEVICE_BACKEND_AUTOLOAD"
"""Torch's own switch; `0` means that none of them runs."""

log = logging.getLogger(__name__)


def load_torch() -> ModuleType | None:
    """Torch; None where it is not installed, or does not load. What is wrong is said once, on standard error."""
    torch, troubles = torch_and_troubles()
    for trouble in troubles:
        log.warning(trouble.sentence())
    return torch


def torch_and_troubles() -> tuple[ModuleType | None, list[Trouble]]:
    """Torch, and what is wrong with it and with what it brings along. Once it is loaded, there is nothing to say."""
    loaded = sys.modules.get("torch")
    if loaded is not None or importlib.util.find_spec("torch") is None:
        return loaded, []
    wanted = os.environ.get(AUTOLOAD, "1") == "1"
    with _without_autoload():
        try:
            torch = importlib.import_module("torch")
        except (ImportError, OSError) as error:  # installed for another machine: its libraries do not load
            return None, [Trouble(package="torch", why=f"does not load: {said(error)}", hint="Install it again.")]
    return torch, list(_run_backends()) if wanted else []


def _run_backends() -> Iterator[Trouble]:
    """Do what torch would have done, one by one."""
    for entry in points(BACKENDS):
        _, why = answer_of(entry)
        if why:
            package = package_of(entry)
            yield Trouble(
                package=package,
                why=f"adds a device to torch, and {why}",
                hint=f"Torch goes on without it. To switch it off set {AUTOLOAD}=0, or run `pip uninstall {package}`.",
            )


@contextmanager
def _without_autoload() -> Iterator[None]:
    before = os.environ.get(AUTOLOAD)
    os.environ[AUTOLOAD] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ[AUTOLOAD]
        else:
            os.environ[AUTOLOAD] = before
