"""The memory that a session's hardware encoder takes, so that jobs on the same device know of it."""

import contextlib
from collections.abc import Iterator, Sequence

from tenku.accel.drivers import Vendor
from tenku.accel.encoderdevice import encoder_device
from tenku.accel.leases import Leases
from tenku.base.errors import MachineError
from tenku.play.display import Encoder
from tenku.play.model import Size

CONTEXT = 256 * 1024 * 1024
"""Bytes that a driver takes for a process before the first frame."""
PICTURES = 24
"""Pictures in memory: those that are predicted from, and those on their way in."""
PIXEL = 4
"""Bytes of a pixel at most."""


def encoder_bytes(size: Size) -> int:
    """Bytes of a device that encoding pictures of this size takes, as a first guess."""
    return CONTEXT + PICTURES * PIXEL * size.width * size.height


@contextlib.contextmanager
def encoding(
    leases: Leases, encoder: Encoder | None, *, game: str, size: Size, vendors: Sequence[Vendor]
) -> Iterator[None]:
    """Hold the encoder's memory until the block ends; where the processor encodes, nothing.

    `vendors`: whose drivers are loaded.
    """
    device = encoder_device(encoder.name, vendors) if encoder is not None and encoder.hardware else None
    with contextlib.ExitStack() as stack:
        # Players do not wait, neither for room nor for a folder that can be written.
        with contextlib.suppress(MachineError):
            if device is not None:
                held = leases.take(device, encoder_bytes(size), who=f"play session {game}", anyway=True)
                stack.enter_context(held).in_use()
        yield
