"""Which device a hardware encoder of videos is part of."""

from collections.abc import Sequence

from tenku.accel.devices import Device
from tenku.accel.drivers import Vendor

NVIDIA = "NVIDIA"


def encoder_device(encoder: str, vendors: Sequence[Vendor]) -> Device | None:
    """The first device of the vendor whose encoder it is; None: no driver that is loaded has it.

    Args:
        encoder: as the display library calls it: `nvenc`, or `vaapi`, which all others speak.
        vendors: whose drivers are loaded.
    """
    for vendor in vendors:
        if (vendor.name == NVIDIA) == (encoder.lower() == "nvenc"):
            return Device(vendor.kind, 0, vendor.name, memory=0, free=0)
    return None
