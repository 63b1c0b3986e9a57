"""What bubblewrap inherits: made-up files, its status, and the gate that holds the game until its limits hold."""

import json
import os
from collections.abc import Mapping
from contextlib import ExitStack

from tenku.unit.sandbox import Handles
from tenku.unit.seccomp import program


class Inherited:
    """The open descriptors of one sandbox, on both sides. `close` them all."""

    def __init__(self, files: Mapping[str, bytes], *, seccomp: bool) -> None:
        self._theirs = ExitStack()
        self._ours = ExitStack()
        self.status, status = self._pipe()
        block, self._gate = self._pipe()
        self._theirs.callback(os.close, status)
        self._ours.callback(os.close, self.status)
        self._theirs.callback(os.close, block)
        self._ours.callback(os.close, self._gate)
        self.handles = Handles(
            files={path: self._memory(data) for path, data in files.items()},
            status=status,
            block=block,
            seccomp=self._memory(program()) if seccomp else None,
        )

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Those that bubblewrap must inherit."""
        filters = () if self.handles.seccomp is None else (self.handles.seccomp,)
        return (*self.handles.files.values(), self.handles.status, self.handles.block, *filters)

    def given(self) -> None:
        """Bubblewrap runs and has its own copies."""
        self._theirs.close()

    def open_gate(self) -> None:
        """Let the game start."""
        os.write(self._gate, b"!")

    def close(self) -> None:
        self._theirs.close()
        self._ours.close()

    def _pipe(self) -> tuple[int, int]:
        return os.pipe2(os.O_CLOEXEC)

    def _memory(self, data: bytes) -> int:
        """A descriptor that reads as `data`, without a file anywhere."""
        descriptor = os.memfd_create("tenku", os.MFD_CLOEXEC)
        self._theirs.callback(os.close, descriptor)
        os.write(descriptor, data)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor


def first_process(status: bytes) -> int | None:
    """Number of the sandbox's first process, from what bubblewrap has written so far."""
    for line in status.splitlines(keepends=True):
        if line.endswith(b"\n") and "child-pid" in (document := json.loads(line)):
            return int(document["child-pid"])
    return None
