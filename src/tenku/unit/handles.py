"""What bubblewrap inherits: made-up files, its status, and the gate that holds the game until its limits hold."""

import json
import os
from collections.abc import Mapping
from contextlib import ExitStack, suppress

from tenku.unit.sandbox import Handles
from tenku.unit.seccomp import program


class Inherited:
    """The open descriptors of one sandbox, on both sides. `close` them all."""

    def __init__(self, files: Mapping[str, bytes], *, seccomp: bool) -> None:
        self._theirs = ExitStack()
        self._gates = ExitStack()
        self._ours = ExitStack()
        self.status, status = os.pipe2(os.O_CLOEXEC)
        block, self._block_gate = os.pipe2(os.O_CLOEXEC)
        self.input, self._word_gate = os.pipe2(os.O_CLOEXEC)
        """What the game waits for its word on; bubblewrap's standard input."""
        for descriptor in (status, block, self.input):
            self._theirs.callback(os.close, descriptor)
        for descriptor in (self._block_gate, self._word_gate):
            self._gates.callback(os.close, descriptor)
        self._ours.callback(os.close, self.status)
        self.handles = Handles(
            files={path: self._memory(data) for path, data in files.items()},
            status=status,
            block=block,
            seccomp=self._memory(program()) if seccomp else None,
        )
        self.abandoned = False

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Those that bubblewrap must inherit, besides its input."""
        filters = () if self.handles.seccomp is None else (self.handles.seccomp,)
        return (*self.handles.files.values(), self.handles.status, self.handles.block, *filters)

    def given(self) -> None:
        """Bubblewrap runs and has its own copies."""
        self._theirs.close()

    def let_build(self) -> None:
        """Let bubblewrap build the walls: the limits hold."""
        self._write(self._block_gate)

    def let_play(self) -> None:
        """Let the game start: all of the tree is tied to Tenku."""
        self._write(self._word_gate)

    def abandon(self) -> None:
        """Let everything end that still waits."""
        self.abandoned = True
        self._gates.close()

    def close(self) -> None:
        self._theirs.close()
        self.abandon()
        self._ours.close()

    def _write(self, gate: int) -> None:
        if not self.abandoned:
            with suppress(BrokenPipeError):  # nobody waits any more
                os.write(gate, b"\n")

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
