"""A vendor's package that breaks `import torch` keeps nobody from making assets: it is named, and left out."""

from pathlib import Path

import pytest

from simulated import install, with_path
from studio_assets import install_folder
from studio_house import House
from studio_tiny import Tiny
from studio_tiny_audio import sound_model, tiny_sound
from tenku.accel.torchload import AUTOLOAD, BACKENDS

__all__ = ["tiny_sound"]


@pytest.fixture
def house(tmp_path: Path, tiny_sound: Tiny) -> House:
    """A model that computes with torch, and the broken package."""
    folder = tiny_sound("stable-audio")
    points = {BACKENDS: {"vendorchip": "torch_vendorchip:autoload"}}
    source = "raise ImportError('libvendor.so.3: cannot open shared object file')"
    packages = install(tmp_path / "packages", "torch-vendorchip", points=points, modules={"torch_vendorchip": source})
    house = House(tmp_path)
    house.environment["PYTHONPATH"] = with_path(packages)["PYTHONPATH"]
    install_folder(house, sound_model(folder, name="tiny-sound"), folder)
    return house


def test_a_sound_is_made_and_the_broken_package_is_named(house: House) -> None:
    told = house.run("make", "sound", "a door", "--seconds", "0.5", "--steps", "1", "--format", "flac")
    assert told.returncode == 0, told.stderr
    assert "worker: The package torch-vendorchip adds a device to torch, and does not load: " in told.stderr
    assert f"{AUTOLOAD}=0" in told.stderr
