"""Installed models: a folder for each, with its weights and `model.json`."""

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tenku.base.errors import ModelError
from tenku.content.hashes import file_hash, hash_bytes
from tenku.studio.model import InstalledModel, Kind

RECORD = "model.json"
FOLDER = "weights"
"""What a model's folder is called here, whatever it was called before."""
PIECE = 16 * 1024 * 1024
"""Bytes that are hashed at a time; part of what a model's hash means."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Unreadable:
    """An installed model whose record cannot be read."""

    name: str
    why: str


class Models:
    """The models below a folder; safe to use from several processes, as each model appears and goes whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "models"

    def list(self) -> Sequence[InstalledModel]:
        """All that can be used, by name; see `unreadable` for others."""
        return [each for each in self._all() if isinstance(each, InstalledModel)]

    def unreadable(self) -> Sequence[Unreadable]:
        """Those whose record is broken: they have to be added again."""
        return [each for each in self._all() if isinstance(each, Unreadable)]

    def find(self, name: str) -> InstalledModel:
        """Raises ModelError: it is not installed, or its record is broken."""
        check_name(name)
        try:
            return self._read(name)
        except FileNotFoundError:
            names = ", ".join(each.name for each in self.list())
            raise ModelError(
                f"There is no model {name} on this machine.",
                hint=f"There are {names}." if names else "Add one: tenku models add NAME --from FILE.gguf",
            ) from None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ModelError(f"The record of the model {name} cannot be read: {error}", hint="Add it again.") from error

    def has(self, name: str) -> bool:
        """Whether a model of this name is here."""
        return (self.folder / check_name(name)).exists()

    def remove(self, name: str) -> int:
        """Delete a model; the bytes that its weights had. Raises ModelError."""
        target = self.folder / check_name(name)
        if not target.is_dir():
            self.find(name)  # says what there is
        size = sum(each.stat().st_size for each in target.rglob("*") if each.is_file())
        try:
            with tempfile.TemporaryDirectory(prefix=".gone-", dir=self.folder) as gone:
                target.rename(Path(gone) / name)
        except OSError as error:
            raise ModelError(f"{target} cannot be removed: {error.strerror}.") from error
        return size

    def accept(self, name: str) -> InstalledModel:
        """Write down that somebody read the licence and accepts it. Raises ModelError."""
        model = replace(self.find(name), accepted=True)
        self._write(model, self.folder / name)
        return model

    def put(
        self, model: InstalledModel, weights: Path | None, *, advance: Callable[[int], None] = lambda _: None
    ) -> InstalledModel:
        """Install a model: its weights are linked or else copied, and hashed. It is there whole, or not at all.

        Args:
            weights: a file, or a folder, of which everything but hidden files is taken; None: they are elsewhere.
            advance: told how many bytes were hashed.

        Raises:
            ModelError: it is installed already, or the folder cannot be written or is full.
        """
        target = self.folder / check_name(model.name)
        if self.has(model.name):
            raise ModelError(f"The model {model.name} is installed already.", hint=f"tenku models remove {model.name}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".new-", dir=self.folder) as folder:
                new = Path(folder) / "model"
                new.mkdir()
                if weights is not None:
                    name = FOLDER if weights.is_dir() else weights.name
                    hash, size = _take(weights, new / name, advance)
                    model = replace(model, path=str(target / name), hash=hash, size=size)
                self._write(model, new)
                new.rename(target)
        except OSError as error:
            raise ModelError(
                f"The model {model.name} cannot be installed in {self.folder}: {error.strerror or error}.",
                hint="Is the disk full, or the folder another user's?",
            ) from error
        return model

    def _all(self) -> Iterator[InstalledModel | Unreadable]:
        names = sorted(each.name for each in self.folder.iterdir()) if self.folder.is_dir() else []
        for name in filter(_NAME.fullmatch, names):
            try:
                yield self._read(name)
            except FileNotFoundError:
                continue  # removed at this moment
            except (OSError, ValueError, TypeError, KeyError) as error:
                yield Unreadable(name, str(error))

    def _read(self, name: str) -> InstalledModel:
        record: dict[str, Any] = json.loads((self.folder / name / RECORD).read_text(encoding="utf-8"))
        path = record["path"]
        if record["hash"] != "remote":
            # Beside the record, wherever the folder was moved to since.
            path = str(self.folder / name / Path(path).name)
        return InstalledModel(**{**record, "name": name, "kind": Kind(record["kind"]), "path": path})

    def _write(self, model: InstalledModel, folder: Path) -> None:
        record = {**asdict(model), "kind": model.kind.value}
        part = folder / f"{RECORD}.part"
        part.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        part.replace(folder / RECORD)


def check_name(name: str) -> str:
    """A model's name, if it can be one. Raises ModelError."""
    if not _NAME.fullmatch(name):
        raise ModelError(
            f"{name[:80]!r} cannot be a model's name.", hint="It has small letters, digits, dots, dashes: qwen3-8b."
        )
    return name


def link_or_copy(source: Path, target: Path) -> None:
    """The same file a second time, without its bytes where the file system allows it. Raises OSError."""
    try:
        target.hardlink_to(source.resolve())
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


def folder_files(folder: Path) -> Sequence[Path]:
    """The files of a model's folder that belong to it, in order; hidden ones are somebody's tools'."""
    return sorted(
        file
        for file in folder.rglob("*")
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )


def hash_folder(folder: Path, *, advance: Callable[[int], None]) -> tuple[str, int]:
    """BLAKE3 over the paths and hashes of a folder's files, and their size in bytes. Raises OSError."""
    lines, whole = [], 0
    for file in folder_files(folder):
        hash, size = hash_weights(file, advance=advance)
        lines.append(f"{hash} {file.relative_to(folder).as_posix()}\n")
        whole += size
    return hash_bytes("".join(lines).encode()).hex(), whole


def hash_weights(file: Path, *, advance: Callable[[int], None]) -> tuple[str, int]:
    """BLAKE3 over the hashes of the file's pieces, and its size in bytes. Raises OSError."""
    size = 0

    def pieces() -> Any:
        nonlocal size
        with file.open("rb") as weights:
            while piece := weights.read(PIECE):
                size += len(piece)
                advance(len(piece))
                yield hash_bytes(piece)

    return file_hash(pieces()).hex(), size


def _take(weights: Path, target: Path, advance: Callable[[int], None]) -> tuple[str, int]:
    """Link or copy a file or a folder; its hash and size. Raises OSError."""
    if not weights.is_dir():
        link_or_copy(weights, target)
        return hash_weights(target, advance=advance)
    for file in folder_files(weights):
        own = target / file.relative_to(weights)
        own.parent.mkdir(parents=True, exist_ok=True)
        link_or_copy(file, own)
    return hash_folder(target, advance=advance)
