"""What makes up a speech model on the disk: a network in ONNX's form, and the voices beside it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tenku.base.errors import MachineError, ModelError
from tenku.studio.speech.alphabet import NUMBERS

if TYPE_CHECKING:
    from tenku.studio.speech.spoken import SpeechModel

NETWORK = ".onnx"
VOICES = (".bin", ".npz")
RATE = 24_000
PACKAGED = "package:hibari-tts"
"""A source of weights: the voice that comes with the library."""
LIBRARIES = ("onnxruntime", "hibari", "numpy", "av")
LARGEST_CONFIG = 1 << 20
SMALL = 32 * 1024 * 1024
"""Bytes of a network below which one thread is quicker than two: with 8 MB, twice as quick."""


@dataclass(frozen=True)
class SpeechFiles:
    """Where the parts of a speech model lie."""

    network: Path
    voices: Sequence[Path]
    """Files with Kokoro's voices; none: the network is one voice by itself."""


def is_speech(path: Path) -> bool:
    """Whether this looks like a speech model: a network in ONNX's form, or a folder with one and no other weights."""
    if path.is_dir():
        others = any(path.glob("*.safetensors")) or (path / "model_index.json").exists()
        return not others and bool(_networks(path))
    return path.suffix.lower() == NETWORK


def speech_files(path: Path) -> SpeechFiles:
    """The parts of a model, a file or a folder, checked as far as one can without loading it.

    Raises:
        ModelError: there is no network or there are several, no voices, pickles, or a config that is another model's.
    """
    if not path.exists():
        raise ModelError(f"{path} is not there.", hint="Look at its name.")
    if not path.is_dir():
        return SpeechFiles(path, ())
    networks = _networks(path)
    if len(networks) != 1:
        names = ", ".join(str(each.relative_to(path)) for each in networks)[:300] or "none"
        raise ModelError(f"{path} has to have one network ({NETWORK}); it has {names}.", hint="Keep the one you want.")
    _check_config(path)
    found = [each for ending in VOICES for each in (*path.glob(f"*{ending}"), *path.glob(f"voices/*{ending}"))]
    if not found and (pickled := [*path.glob("voices/*.pt"), *path.glob("*.pt")]):
        raise ModelError(
            f"The voices of {path} are pickles ({pickled[0].name}), which can run any code.",
            hint="Bring them as voices-v1.0.bin, or voices/*.bin.",
        )
    return SpeechFiles(networks[0], sorted(found))


def read_model(path: Path, *, threads: int) -> "SpeechModel":
    """Load a speech model. Raises ModelError: it cannot be used, and why; MachineError: a library is missing."""
    need_libraries()
    from tenku.studio.speech import hibari, kokoro
    from tenku.studio.speech.session import Session
    from tenku.studio.speech.styles import read_styles

    parts = speech_files(path)
    session = Session(parts.network, threads=1 if parts.network.stat().st_size < SMALL else threads)
    if kokoro.is_kokoro(session.inputs):
        return kokoro.Kokoro(session, read_styles(parts.voices))
    if hibari.is_hibari(session.inputs):
        return hibari.Hibari(session, voice_name(parts.network))
    names = ", ".join(session.inputs)[:200]
    raise ModelError(
        f"{parts.network} is no speech model that is known here: its inputs are {names}.",
        hint="Kokoro-82M and Hibari's voices are; see docs/speech.md.",
    )


def voice_name(network: Path) -> str:
    """The one voice of a network: `bf_emma` for bf_emma.int8.onnx."""
    name = network.name.partition(".")[0]
    return "heart" if name == "hibari" else name


def packaged() -> Path:
    """The network that comes with the library hibari-tts. Raises MachineError: it is not installed."""
    need_libraries()
    with as_file(files("hibari") / "assets" / "hibari.onnx") as path:
        return path


def need_libraries() -> None:
    """Raises MachineError: a library that speaks is not installed."""
    for name in LIBRARIES:
        if find_spec(name) is None:
            raise MachineError(
                f"Speech on this machine needs {name}, which is not installed.",
                hint="Run `pip install 'tenku[studio]'`.",
            )


def _networks(folder: Path) -> list[Path]:
    return sorted((*folder.glob(f"*{NETWORK}"), *folder.glob(f"onnx/*{NETWORK}")))


def _check_config(folder: Path) -> None:
    """A config.json that lies beside the network has to be of the same model."""
    file = folder / "config.json"
    if not file.is_file():
        return
    try:
        read = json.loads(file.read_bytes()[:LARGEST_CONFIG])
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{file} cannot be read: {error}.", hint="Bring it again, or leave it out.") from error
    config: Mapping[str, object] = read if isinstance(read, Mapping) else {}
    rate = config.get("sample_rate", RATE)
    if rate != RATE:
        raise ModelError(f"{file} says {str(rate)[:40]} samples a second; Kokoro has {RATE}.", hint="Is it Kokoro's?")
    vocab = config.get("vocab")
    if isinstance(vocab, Mapping) and vocab != NUMBERS:
        raise ModelError(f"{file} has other phonemes than Kokoro v1.0.", hint="Bring Kokoro-82M, version 1.0.")
