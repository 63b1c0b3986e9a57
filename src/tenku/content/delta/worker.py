"""The program that encodes patches, away from the publisher: `python -m tenku.content.delta.worker`.

Native code that encodes cannot be interrupted, takes much memory and might crash. Here it can be ended from outside
and takes nobody along. Jobs come on standard input, answers leave on standard output; the end of the input ends it.
"""

import struct
import sys
from typing import BinaryIO

from hdiffpatch import HDiffPatchError

from tenku.content.delta.encode import Patch, encode

JOB = struct.Struct("<IIQ")
"""Length of the old bytes, of the new bytes, and what their chunks cost; then the old bytes, then the new ones."""

ANSWER = struct.Struct("<BI")
"""The method, 0 for no patch, and the patch's length; then the patch."""


def serve(jobs: BinaryIO, answers: BinaryIO) -> None:
    """Answer jobs until there are no more."""
    while head := jobs.read(JOB.size):
        old_length, new_length, cost = JOB.unpack(head)
        patch = _encode(jobs.read(old_length), jobs.read(new_length), cost)
        if patch is None:
            answers.write(ANSWER.pack(0, 0))
        else:
            answers.write(ANSWER.pack(patch.method, len(patch.payload)) + patch.payload)
        answers.flush()


def _encode(old: bytes, new: bytes, cost: int) -> Patch | None:
    try:
        return encode(old, new, cost=cost)
    except (MemoryError, HDiffPatchError):
        return None  # chunks it is, then


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
