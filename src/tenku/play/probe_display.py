"""`python -m tenku.play.probe_display`: what pixelflux and pcmflux say about themselves, as one line of JSON.

A program of its own: the libraries write to standard output and error as they please, and one that is broken
must not end `tenku doctor`.
"""

import contextlib
import importlib
import json
import os
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any


def probe() -> dict[str, Any]:
    """The fields of `doctor.Compositor`, and `sound` with `version` and `error`."""
    sound: dict[str, str] = {"version": _version("pcmflux"), "error": _load_error("pcmflux")}
    error = _load_error("pixelflux")
    if error:
        return {"version": "", "error": error, "sound": sound}
    pixelflux = importlib.import_module("pixelflux")
    gpu = pixelflux.probe_wayland_gpu()
    return {
        "version": _version("pixelflux"),
        "software": dict(pixelflux.SOFTWARE_ENCODERS),
        "hardware": {codec: str(encoder) for codec, encoder in pixelflux.hardware_encoders().items()},
        "gpu": bool(gpu["gpu"]),
        "accelerated": bool(gpu["accelerated"]),
        "renderer": str(gpu["renderer"]),
        "gpu_error": str(gpu["error"]),
        "sound": sound,
    }


def _load_error(name: str) -> str:
    try:
        importlib.import_module(name)
    except ImportError as error:
        return str(error)
    return ""


def _version(name: str) -> str:
    with contextlib.suppress(PackageNotFoundError):
        return version(name)
    return ""


if __name__ == "__main__":
    # What the libraries print on file descriptor 1 belongs to standard error.
    answer = os.dup(1)
    os.dup2(2, 1)
    text = json.dumps(probe())
    sys.stdout.flush()
    os.write(answer, text.encode() + b"\n")
