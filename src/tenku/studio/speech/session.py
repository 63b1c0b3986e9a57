"""A network in ONNX's form on the processor: loaded, and run so that it can be left in the middle."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as native

from tenku.base.errors import CancelledJob, JobError, ModelError

LOOK_S = 0.02
"""How often one who waits asks whether to go on."""
Array = npt.NDArray[Any]
FAULTS: tuple[type[Exception], ...] = (
    *(each for each in vars(native).values() if isinstance(each, type) and issubclass(each, Exception)),
    RuntimeError,
    ValueError,
    OSError,
    MemoryError,
)
"""What onnxruntime raises: its own errors have nothing in common."""
SILENT = 3
"""It warns of every node that it cannot make faster; errors are raised anyway."""


class Session:
    """One network in memory."""

    def __init__(self, file: Path, *, threads: int) -> None:
        """Raises ModelError: it is no network that can be loaded."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = SILENT
        # Threads that spin while they wait take cores from games.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session: Any = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        except FAULTS as error:
            raise ModelError(
                f"{file} is broken, or no network in ONNX's form: {_short(error)}.", hint="Bring it again."
            ) from error

    @property
    def inputs(self) -> Mapping[str, str]:
        """The types of its inputs, like `tensor(int64)`, by name."""
        return {each.name: each.type for each in self._session.get_inputs()}

    def run(self, given: Mapping[str, Array], *, stop: Callable[[], bool]) -> Array:
        """Its first output; see `run_all`."""
        return self.run_all(given, stop=stop)[0]

    def run_all(self, given: Mapping[str, Array], *, stop: Callable[[], bool]) -> list[Array]:
        """Its outputs.

        Raises:
            CancelledJob: `stop` said so, also in the middle.
            JobError: it cannot be computed.
        """
        options = onnxruntime.RunOptions()
        options.log_severity_level = SILENT
        work = _Work(lambda: self._session.run(None, dict(given), options))
        work.start()
        stopped = False
        while not work.over.wait(LOOK_S):
            if not stopped and stop():
                options.terminate = stopped = True  # it ends at its next node
        work.join()
        if stopped:
            raise CancelledJob("The job was ended.")
        if work.error is not None:
            raise JobError(f"The model failed: {_short(work.error)}.", hint="Try a shorter text.") from work.error
        return [np.asarray(each) for each in work.made]


class _Work(threading.Thread):
    """Computes beside whoever looks whether it is still wanted."""

    def __init__(self, compute: Callable[[], Any]) -> None:
        super().__init__(name="speech", daemon=True)
        self._compute = compute
        self.over = threading.Event()
        self.made: Any = None
        self.error: Exception | None = None

    def run(self) -> None:
        """Compute."""
        try:
            self.made = self._compute()
        except FAULTS as error:
            self.error = error
        finally:
            self.over.set()


def _short(error: Exception) -> str:
    """The first line of what it says, without its codes and the file's name."""
    said = str(error).rpartition(" : ")[2].strip().split("\n")[0]
    return said.rpartition("failed:")[2].strip().rstrip(".")[:300] or type(error).__name__
