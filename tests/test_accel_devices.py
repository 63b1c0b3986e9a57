"""What `tenku devices` says of a machine: its devices, drivers, models, holders, and what is odd."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from simulated import install, install_chip, with_path
from tenku.accel.devices import ACCELERATORS, Device, accelerators
from tenku.accel.drivers import VENDORS, Vendor, built_for, driver_of, loaded_drivers, nvidia_driver
from tenku.accel.entrypoints import Trouble
from tenku.accel.lease import ALL, Lease, Stage
from tenku.accel.leases import Leases
from tenku.accel.listing import Facts, hints, rows
from tenku.accel.look import look
from tenku.accel.torchload import AUTOLOAD, BACKENDS
from tenku.cli.devices import fitting, report

GB = 1_000_000_000
CUDA, XPU, NPU, MUSA, MPS = ACCELERATORS
PROCESSOR = Device("cpu", 0, "a processor", 32 * GB, 20 * GB, 8)
GPU = Device(CUDA, 0, "a GPU", 24 * GB, 23 * GB)
NVIDIA, AMD, INTEL, ASCEND, MOORE = VENDORS


def lease(who: str, *, kind: str, stage: Stage = Stage.IN_USE) -> Lease:
    return Lease(who=who, pid=12, kind=kind, index=0, bytes=GB, since=1000.0, stage=stage)


def test_rows_are_accelerators_the_processor_and_what_packages_bring() -> None:
    facts = Facts(devices=(GPU, PROCESSOR), drivers={"cuda:0": "570.86, CUDA 12.8"})
    assert [(row.name, row.device, row.driver, row.package) for row in rows(facts)] == [
        ("cuda:0", "a GPU", "570.86, CUDA 12.8", ""),
        ("cpu", "a processor", "", ""),
    ]


def test_each_row_says_who_holds_it() -> None:
    """Players hold every device; who only waits holds none."""
    holders = (lease("a worker", kind=CUDA), lease("players", kind=ALL), lease("late", kind=CUDA, stage=Stage.WAITING))
    gpu, main = rows(Facts(devices=(GPU, PROCESSOR), holders=holders))
    assert [each.who for each in gpu.holders] == ["a worker", "players"]
    assert [each.who for each in main.holders] == ["players"]


@pytest.mark.parametrize(
    ("vendor", "torch", "built", "said"),
    [
        (
            NVIDIA,
            "",
            frozenset(),
            "but torch, which finds devices, is not installed. Run `pip install 'tenku[studio]'`",
        ),
        (NVIDIA, "2.13.0+cpu", frozenset(), "but torch 2.13.0+cpu is not built for CUDA. https://pytorch.org"),
        (AMD, "2.13.0+cu128", frozenset({"CUDA"}), "but torch 2.13.0+cu128 is not built for ROCm"),
        (NVIDIA, "2.13.0", frozenset({"CUDA"}), "but torch 2.13.0 finds no device. Is this user, or this container"),
        (ASCEND, "2.13.0", frozenset(), "but the package torch_npu, which brings its devices to torch, is not there"),
    ],
)
def test_a_driver_without_its_device_is_odd(vendor: Vendor, torch: str, built: frozenset[str], said: str) -> None:
    facts = Facts(devices=(PROCESSOR,), loaded=(vendor,), torch=torch, built=built)
    (hint,) = hints(facts)
    assert hint.startswith(f"A driver of {vendor.name} is loaded, {said}")
    shown = replace(facts, devices=(Device(vendor.kind, 0, "", GB, GB), PROCESSOR))
    assert hints(shown) == []


def test_troubles_and_devices_without_memory_are_odd() -> None:
    trouble = Trouble(package="some-chip", why="does not load: OSError", hint="Update it.")
    facts = Facts(devices=(replace(GPU, memory=0, free=0), PROCESSOR), troubles=(trouble,))
    assert hints(facts)[0] == "The package some-chip does not load: OSError. Update it."
    assert hints(facts)[1].startswith("cuda:0 does not say how much memory it has")


def test_drivers_are_known_by_their_files_in_dev(tmp_path: Path) -> None:
    dev, sys_folder = tmp_path / "dev", tmp_path / "sys"
    assert loaded_drivers(dev, sys_folder) == []
    (dev / "dri").mkdir(parents=True)
    for name in ("nvidia0", "nvidiactl", "kfd", "davinci0", "davinci_manager", "mtgpu.0"):
        (dev / name).touch()
    assert loaded_drivers(dev, sys_folder) == [NVIDIA, AMD, ASCEND, MOORE]


@pytest.mark.parametrize(("told", "is_intel"), [("0x8086\n", True), ("0x1af4\n", False), (None, False)])
def test_a_render_node_is_intels_where_the_card_says_so(tmp_path: Path, told: str | None, is_intel: bool) -> None:
    """Every virtual machine with a screen has one."""
    node = tmp_path / "dev" / "dri" / "renderD128"
    node.parent.mkdir(parents=True)
    node.touch()
    card = tmp_path / "sys" / "class" / "drm" / "renderD128" / "device"
    card.mkdir(parents=True)
    if told is not None:
        (card / "vendor").write_text(told, encoding="ascii")
    assert loaded_drivers(tmp_path / "dev", tmp_path / "sys") == ([INTEL] if is_intel else [])


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024\nGCC version: 12",
            "535.183.01",
        ),
        (
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build  (dvs-builder@U16)\n",
            "570.86.15",
        ),
        ("something else", ""),
    ],
)
def test_the_driver_of_nvidia_says_its_version(tmp_path: Path, text: str, number: str) -> None:
    path = tmp_path / "version"
    assert nvidia_driver(path) == ""
    path.write_text(text, encoding="ascii")
    assert nvidia_driver(path) == number


class Build:
    """What torch says of itself when it was built for one kind of device."""

    def __init__(self, **numbers: str | None) -> None:
        self.version = type("Version", (), numbers)


def test_a_driver_is_told_by_torch_where_it_knows() -> None:
    assert driver_of(Build(hip="6.4.2"), GPU) == "ROCm 6.4.2"
    assert driver_of(Build(cuda="12.8", hip=None), GPU).endswith("CUDA 12.8")
    assert driver_of(Build(), Device(NPU, 0, "an NPU", GB, GB)) == ""
    assert driver_of(None, GPU) == driver_of(Build(cuda="12.8"), PROCESSOR) == ""
    assert built_for(Build(hip="6.4.2")) == {"ROCm"}
    assert built_for(Build(cuda="12.8", xpu="20250101")) == {"CUDA", "XPU"}
    assert built_for(None) == frozenset()


class Backend:
    """A device of torch's; `broken`: one that somebody else has for himself."""

    def __init__(self, *, broken: bool = False, away: bool = False) -> None:
        self._broken, self._away = broken, away

    def is_available(self) -> bool:
        if self._away:
            raise RuntimeError("the driver is too old")
        return True

    def device_count(self) -> int:
        return 2

    def get_device_name(self, index: int) -> str:
        return f"chip {index}"

    def mem_get_info(self, index: int) -> tuple[int, int]:
        if self._broken and index == 0:
            raise RuntimeError("device is busy or unavailable")
        return 5, 10


def test_a_device_that_does_not_answer_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    torch = type("Torch", (), {CUDA: Backend(broken=True), XPU: Backend(away=True)})
    assert accelerators(torch) == [Device(CUDA, 0, "chip 0", 0, 0), Device(CUDA, 1, "chip 1", 10, 5)]
    assert "cuda:0 does not say what memory it has: RuntimeError: device is busy" in caplog.text
    assert "torch cannot use xpu: RuntimeError: the driver is too old" in caplog.text


def test_what_fits_is_what_tenku_models_says() -> None:
    small = Device("sim", 0, "a chip", 2 * GB, 2 * GB)
    fits = fitting([GPU, PROCESSOR, small])
    assert "qwen3-8b" in fits["cuda:0"].whole
    assert "qwen3-8b" not in fits["sim:0"].whole
    assert "wan2.1-t2v-1.3b" in fits["cuda:0"].whole
    assert "wan2.2-ti2v-5b" in fits["cuda:0"].parts
    assert "wan2.2-ti2v-5b" not in fits["cuda:0"].whole
    assert "smollm2-135m" in fits["cpu"].whole
    assert fits["cpu"].parts == ()


def test_the_table_says_everything() -> None:
    facts = Facts(devices=(GPU, PROCESSOR), drivers={"cuda:0": "CUDA 12.8"}, holders=(lease("a worker", kind=CUDA),))
    encoders = {"h264": "nvenc", "av1": "vaapi"}
    text = "\n".join(report(rows(facts), fitting(facts.devices), encoders=encoders, hints=["Odd."], now=1065.0))
    lines = text.splitlines()
    assert lines[0].split() == ["NAME", "DEVICE", "MEMORY", "FREE", "DRIVER", "FITS"]
    assert lines[1].split()[:8] == ["cuda:0", "a", "GPU", "24.0", "GB", "23.0", "GB", "CUDA"]
    assert "\ncuda:0 in parts: " in text
    assert "\nEncoders of videos: h264 by NVENC, av1 by VA-API\n" in text
    assert "\ncuda:0 is held by a worker (process 12) for 1 min 5 s: 1.0 GB\n" in text
    assert lines[-1] == "! Odd."
    assert max(map(len, lines)) <= 120


def devices(*arguments: str, environment: dict[str, str], loading: bool = False) -> Any:
    """Run `tenku devices` in a process of its own. `loading`: as on a machine with a driver, where torch is asked."""
    nodes = "import tenku.accel.devices\ntenku.accel.devices.NODES = ('null',)\n" if loading else ""
    program = f"{nodes}import sys\nfrom tenku.cli.main import main\nsys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, *(arguments or ("devices",))]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_command_lists_devices_and_what_packages_bring(tmp_path: Path) -> None:
    done = devices("devices", "--json", environment=with_path(install_chip(tmp_path)))
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    chip = told["devices"][-1]
    assert (chip["name"], chip["package"], chip["driver"]) == ("sim:0", "tenku-simulated-chip 1.4.0", "1.4.0")
    assert set(chip["dtypes"]) == {"bfloat16", "float16", "float32"}
    assert "cpu" in [each["name"] for each in told["devices"]]
    assert any("tenku devices report --device sim:0" in hint for hint in told["hints"])


def test_the_command_says_who_holds_what(tmp_path: Path) -> None:
    folder = tmp_path / "tenku"
    folder.mkdir(mode=0o700)
    with Leases(folder).take(look().devices[-1], 1000, who="a test", anyway=True):
        done = devices(environment={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)})
    assert f"\ncpu is held by a test (process {os.getpid()}) for " in done.stdout


def test_a_broken_package_is_named_and_the_rest_is_listed(tmp_path: Path) -> None:
    points = {"tenku.devices": {"lost": "lost_chip:chips"}}
    folder = install(tmp_path, "lost-chip", points=points, modules={"lost_chip": "raise OSError('liblost.so is gone')"})
    done = devices("devices", "--json", environment=with_path(folder))
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["devices"][-1]["name"] == "cpu"
    assert told["hints"] == [
        "The package lost-chip does not load: OSError: liblost.so is gone. Its devices are left out; update it, "
        "or run `pip uninstall lost-chip`."
    ]


def broken_backend(tmp_path: Path) -> Path:
    """A vendor's package that breaks `import torch`."""
    points = {BACKENDS: {"vendorchip": "torch_vendorchip:autoload"}}
    source = "raise ImportError('libvendor.so.3: cannot open shared object file')"
    return install(tmp_path, "torch-vendorchip", points=points, modules={"torch_vendorchip": source})


def test_a_package_that_breaks_torch_is_named_by_the_command(tmp_path: Path) -> None:
    done = devices("devices", "--json", environment=with_path(broken_backend(tmp_path)), loading=True)
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["devices"][-1]["name"] == "cpu"
    assert told["hints"][0].startswith("The package torch-vendorchip adds a device to torch, and does not load: ")
    assert f"{AUTOLOAD}=0" in told["hints"][0]


def test_other_commands_start_and_name_it_too(tmp_path: Path) -> None:
    """`tenku models` asks for devices, as `tenku make` and `tenku serve` do."""
    arguments = ("models", "--kind", "sound", "--folder", str(tmp_path / "studio"))
    done = devices(*arguments, environment=with_path(broken_backend(tmp_path)), loading=True)
    assert done.returncode == 0
    assert "stable-audio-open" in done.stdout
    assert done.stderr.startswith("The package torch-vendorchip adds a device to torch, and does not load: ")
    assert f"{AUTOLOAD}=0" in done.stderr


def test_an_engine_loads_beside_it(tmp_path: Path) -> None:
    """A job's worker imports torch as well: it goes on, and says why a device is not there."""
    program = "from tenku.studio.registry import loader; print(loader('audio').__name__)"
    environment = with_path(broken_backend(tmp_path))
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "load\n"
    assert "The package torch-vendorchip adds a device to torch, and does not load: " in done.stderr


@pytest.mark.skipif(any(Path("/dev").glob("nvidia*")), reason="a driver is loaded: torch has to be asked")
def test_a_machine_without_a_driver_answers_without_torch() -> None:
    program = "import sys\nfrom tenku.cli.main import main\nmain(['devices'])\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")
