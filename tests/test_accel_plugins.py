"""Devices that other packages bring: found by their entry points, and named where they are broken."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from simulated import CHIP, install, install_chip, with_path
from tenku.accel.chip import ENTRY_POINTS, Chip
from tenku.accel.finding import chip_of, chips, names
from tenku.accel.plugins import PARTS, name_of, plugged
from tenku.accel.torchload import AUTOLOAD, BACKENDS, torch_and_troubles
from tenku.base.errors import UsageError

USABLE = """
from tenku.accel.devices import Device

class Chip:
    driver = "1"
    def __init__(self, kind="{kind}", index=0):
        self.device = Device(kind, index, "a chip", 10, 5)
    def dtypes(self): return ["float32"]
    def put(self, tensor): return tensor
    def get(self, value): return value
    def call(self, operator, arguments, keywords): raise NotImplementedError
    def seconds(self, work): return 1.0
    def fallbacks(self, work): return frozenset()
    def free(self): return 5
    def close(self): {close}
"""


@pytest.fixture
def simulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The simulated chip is installed."""
    monkeypatch.syspath_prepend(install_chip(tmp_path / "chip"))
    return tmp_path / "chip"


def brings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, source: str, *, function: str = "chips") -> None:
    """Install a package of this name with one module and an entry point."""
    module = name.replace("-", "_")
    points = {ENTRY_POINTS: {name: f"{module}:{function}"}}
    monkeypatch.syspath_prepend(install(tmp_path / name, name, points=points, modules={module: source}))
    monkeypatch.delitem(sys.modules, module, raising=False)


@pytest.mark.usefixtures("simulated")
def test_an_installed_package_brings_its_device() -> None:
    found, troubles = plugged()
    assert [(each.package, each.version, name_of(each.chip)) for each in found] == [
        ("tenku-simulated-chip", "1.4.0", "sim:0")
    ]
    assert troubles == []
    assert "sim:0" in names()


def test_the_protocol_has_no_part_that_nobody_asks_for() -> None:
    told = {name for name in (*vars(Chip), *Chip.__annotations__) if not name.startswith("_")}
    assert told == set(PARTS)


def test_a_child_process_finds_it_as_well(simulated: Path) -> None:
    program = "from tenku.accel.finding import chip_of; print(chip_of('sim:1').device.index)"
    environment = with_path(simulated, SIMULATED_CHIP_COUNT="2")
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True, text=True)
    assert done.stdout == "1\n"


@pytest.mark.skipif(
    not (find_spec("pip") and find_spec("setuptools")), reason="pip and setuptools, which build it, are not installed"
)
def test_pip_installs_the_example_and_it_is_found(tmp_path: Path) -> None:
    """What pyproject.toml says is right: built and installed for real, and not only read."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    for file in CHIP.glob("*.*"):  # building writes beside the source
        (source / file.name).write_bytes(file.read_bytes())
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--disable-pip-version-check", "--target", target, source], check=True, capture_output=True)
    program = "from tenku.accel.plugins import plugged; print([each.package for each in plugged()[0]])"
    done = subprocess.run(
        [sys.executable, "-c", program], env=with_path(target), capture_output=True, check=True, text=True
    )
    assert done.stdout == "['tenku-simulated-chip']\n"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("import a_library_that_is_not_there", "does not load: ModuleNotFoundError: No module named"),
        ("raise OSError('libchip.so.2: cannot open')", "does not load: OSError: libchip.so.2: cannot open"),
        ("def other(): return []", "does not load: AttributeError"),
        ("import sys; sys.exit('no licence')", "does not load: SystemExit: no licence"),
        (
            "def chips(): raise RuntimeError('driver is\\n too old')",
            "fails in broken_chip:chips: RuntimeError: driver is",
        ),
        ("def chips(): return 7", "gives int and no list of devices"),
        ("def chips(): return [7]", "brings a device without device, driver, dtypes"),
        (USABLE.format(kind="cuda", close="pass") + "\ndef chips(): return [Chip()]", "no Device whose kind is a word"),
        (USABLE.format(kind="A B", close="pass") + "\ndef chips(): return [Chip()]", "no Device whose kind is a word"),
        (USABLE.format(kind="twin", close="pass") + "\ndef chips(): return [Chip(), Chip()]", "brings twin:0, which"),
    ],
)
@pytest.mark.usefixtures("simulated")
def test_a_broken_package_is_named_and_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, why: str
) -> None:
    brings(tmp_path, monkeypatch, "broken-chip", source)
    found, troubles = plugged()
    assert "sim:0" in [name_of(each.chip) for each in found]
    assert len(troubles) == 1
    assert troubles[0].package == "broken-chip"
    assert troubles[0].why.startswith(why) or why in troubles[0].why
    assert "pip uninstall broken-chip" in troubles[0].sentence()
    assert "\n" not in troubles[0].sentence()


def test_what_a_package_prints_is_no_part_of_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    brings(tmp_path, monkeypatch, "chatty-chip", "print('loading')\ndef chips():\n    print('asking')\n    return []")
    assert plugged() == ([], [])
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "loading\nasking\n")


@pytest.mark.usefixtures("simulated")
def test_a_device_is_picked_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMULATED_CHIP_COUNT", "2")
    assert [chip_of(name).device.index for name in ("sim", "sim:0", "sim:1")] == [0, 0, 1]
    assert chip_of("cpu").device.kind == "cpu"
    assert [name_of(chip) for chip in chips()] == names() == ["cpu", "sim:0", "sim:1"]


def test_a_device_that_nobody_wants_and_that_does_not_close_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = USABLE.format(kind="stuck", close="raise RuntimeError('it does not close')")
    brings(tmp_path, monkeypatch, "stuck-chip", source + "\ndef chips(): return [Chip(), Chip(index=1)]")
    assert chip_of("stuck:1").device.index == 1


@pytest.mark.parametrize("name", ["sim:7", "tpu", "cpu:1", "CPU", "sim:", "sim:-1", "", "sim:0:0", "../sim"])
@pytest.mark.usefixtures("simulated")
def test_an_unknown_device_lists_what_there_is(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        chip_of(name)
    assert repr(name) in str(caught.value)
    assert caught.value.hint == "There is cpu, sim:0."
    assert caught.value.exit_code == 2


def test_an_unknown_device_says_which_package_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    brings(tmp_path, monkeypatch, "lost-chip", "raise OSError('liblost.so is gone')")
    with pytest.raises(UsageError) as caught:
        chip_of("lost:0")
    assert "The package lost-chip does not load: OSError: liblost.so is gone." in caught.value.sentence()


BROKEN_BACKENDS = {
    "does not load": "raise ImportError('libbroken.so.3: cannot open shared object file')",
    "fails in torch_brokenchip:autoload": "def autoload(): raise RuntimeError('libbroken.so.3 is of another torch')",
}


@pytest.mark.parametrize("why", BROKEN_BACKENDS)
def test_a_package_that_breaks_torch_is_named_and_torch_goes_on(tmp_path: Path, why: str) -> None:
    """Also where `import torch` stands in somebody else's file, as long as torch was loaded by us first."""
    folder = broken_backend(tmp_path, BROKEN_BACKENDS[why])
    alone = subprocess.run(
        [sys.executable, "-c", "import torch"], env=with_path(folder), capture_output=True, check=False
    )
    assert alone.returncode != 0  # else this test says nothing
    program = "from tenku.accel.torchload import load_torch; load_torch(); import torch; print(torch.ones(2).sum())"
    done = subprocess.run(
        [sys.executable, "-c", program], env=with_path(folder), capture_output=True, check=True, text=True
    )
    assert done.stdout == "tensor(2.)\n"
    assert done.stderr.startswith(f"The package torch-brokenchip adds a device to torch, and {why}: ")
    assert "libbroken.so.3" in done.stderr
    assert f"set {AUTOLOAD}=0, or run `pip uninstall torch-brokenchip`" in done.stderr


def test_a_package_that_is_switched_off_is_not_loaded(tmp_path: Path) -> None:
    folder = broken_backend(tmp_path, "raise ImportError('never')")
    program = (
        "import os, sys\nfrom tenku.accel.torchload import torch_and_troubles\n"
        "print(torch_and_troubles()[1], 'torch_brokenchip' in sys.modules, os.environ[sys.argv[1]])"
    )
    environment = with_path(folder, **{AUTOLOAD: "0"})
    done = subprocess.run(
        [sys.executable, "-c", program, AUTOLOAD], env=environment, capture_output=True, check=True, text=True
    )
    assert done.stdout == "[] False 0\n"


def test_a_package_that_works_is_loaded_as_torch_would_have(tmp_path: Path) -> None:
    folder = broken_backend(tmp_path, "def autoload():\n    import torch\n    torch.brought = True")
    program = (
        "import os\nfrom tenku.accel.torchload import torch_and_troubles\ntorch, troubles = torch_and_troubles()\n"
        f"print(troubles, torch.brought, {AUTOLOAD!r} in os.environ)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=with_path(folder), capture_output=True, check=True, text=True
    )
    assert done.stdout == "[] True False\n"


def test_torch_that_is_there_already_is_left_as_it_is() -> None:
    import torch

    assert torch_and_troubles() == (torch, [])


def broken_backend(tmp_path: Path, source: str) -> Path:
    """A vendor's package that torch runs as it is imported."""
    points = {BACKENDS: {"brokenchip": "torch_brokenchip:autoload"}}
    return install(tmp_path, "torch-brokenchip", points=points, modules={"torch_brokenchip": source})
