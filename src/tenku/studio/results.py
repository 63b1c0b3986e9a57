"""What jobs made, on the disk: a folder a job, written whole or not at all, each file with its provenance beside it.

ROOT/JOB/NAME                   an output
ROOT/JOB/NAME.provenance.json   what made it, from what, under which licence
ROOT/keys/KEY                   the job that has the result of this key
ROOT/previews/JOB               what a running job shows of itself
ROOT/.new-…                     being written; nobody reads it
"""

import errno
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tenku.base.errors import JobError
from tenku.studio.model import JobId, Json, Output, StoredOutput
from tenku.studio.previews import Previews

PROVENANCE = ".provenance.json"
KEYS = "keys"
PREVIEWS = "previews"
NEW = ".new-"
OLD_S = 86400.0
"""After so long what was never finished is left over from a process that was killed."""


class Results:
    """A folder of results; several processes may share it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.previews = Previews(root / PREVIEWS)

    def preview(self, job: JobId) -> bytes | None:
        """What a running job shows: a PNG, or the text so far in UTF-8; None: nothing, or it is not at work."""
        return self.previews.find(job)

    def path(self, job: JobId, name: str) -> Path:
        """Where an output lies. Raises JobError: such a name cannot be."""
        return self._folder(job) / _safe(name)

    def provenance(self, job: JobId, name: str) -> Mapping[str, Any]:
        """What stands beside an output. Raises OSError, ValueError."""
        read: Mapping[str, Any] = json.loads(self.path(job, name + PROVENANCE).read_text(encoding="utf-8"))
        return read

    def write(
        self, job: JobId, outputs: Sequence[Output], *, key: str, provenance: Mapping[str, Json]
    ) -> list[StoredOutput]:
        """Write a job's outputs: all of them are there afterwards, or none.

        Args:
            key: under which other jobs find them; empty: under none.

        Raises:
            JobError: an output that cannot be used, or the disk does not take it.
        """
        stored = [_stored(each) for each in outputs]
        try:
            with _NewFolder(self._root) as new:
                for output, each in zip(outputs, stored, strict=True):
                    _write(new / each.name, output.data)
                    _write(new / (each.name + PROVENANCE), _sidecar(each, key, provenance))
                _sync(new)
                self._publish(new, job)
            if key:
                self._point(key, job, stored)
        except OSError as error:
            raise _disk_error(error, self._root) from error
        return stored

    def find(self, key: str, *, job: JobId) -> list[StoredOutput] | None:
        """Give this job the outputs that another one made under the same key; None: nobody did, or they are gone."""
        known = self.known(key)
        if known is None:
            return None
        other, stored = known
        return stored if self.give(other, stored, job=job) else None

    def give(self, other: JobId, stored: Sequence[StoredOutput], *, job: JobId) -> bool:
        """Give a job the outputs of another one, on the disk when this returns; False: they are gone, or no room."""
        try:
            if other != job:
                self._share(other, job, stored)
        except OSError:
            return False
        return True

    def known(self, key: str) -> tuple[JobId, list[StoredOutput]] | None:
        """The job that has the result of a key, and its outputs, all of them whole; None: there is none."""
        if not key:
            return None
        try:
            entry = json.loads((self._root / KEYS / key).read_text(encoding="utf-8"))
            job = JobId(entry["job"])
            stored = [StoredOutput(**each) for each in entry["outputs"]]
            whole = all(_is_whole(self.path(job, each.name), each) for each in stored)
            if whole:
                os.utime(self._folder(job))  # used again: it is not pruned as old
            return (job, stored) if whole else None
        except (OSError, ValueError, KeyError, TypeError, JobError):
            # A cache that cannot be read is no cache: the job is done again, and writes it anew.
            return None

    def sweep(self, *, now: float) -> None:
        """Remove what processes that were killed left half-written. `now`: seconds since 1970."""
        for folder in self._root.glob(NEW + "*"):
            with suppress(OSError):
                if now - folder.stat().st_mtime > OLD_S:
                    shutil.rmtree(folder)
        self.previews.sweep(before=now - OLD_S)

    def prune(self, *, before: float, keep: Collection[str], dry: bool = False) -> tuple[int, int]:
        """Delete the outputs of jobs that nobody used since `before`, seconds since 1970, except those of `keep`.

        How many jobs' they were, and the bytes that this frees; `dry`: would free.
        """
        old = [each for each in self._root.glob("*") if self._is_old(each, before) and each.name not in keep]
        size = sum(_freed(folder) for folder in old)
        if not dry:
            for folder in old:
                shutil.rmtree(folder, ignore_errors=True)
            self._forget_keys()
            self.previews.sweep(before=before)
        return len(old), size

    def _is_old(self, folder: Path, before: float) -> bool:
        try:
            about = folder.stat()
        except OSError:
            return False
        # A job's folder and nothing else: its name is an id.
        named = folder.name.isalnum() and folder.name not in (KEYS, PREVIEWS)
        return named and stat.S_ISDIR(about.st_mode) and about.st_mtime < before

    def _forget_keys(self) -> None:
        """Results that are gone are not looked for any more."""
        for key in (self._root / KEYS).glob("*"):
            with suppress(OSError, ValueError, KeyError, TypeError, JobError):
                if not self._folder(JobId(json.loads(key.read_text(encoding="utf-8"))["job"])).exists():
                    key.unlink()

    def _folder(self, job: JobId) -> Path:
        if not job.isalnum() or job in (KEYS, PREVIEWS):
            raise JobError(f"{job!r} is no id of a job.")
        return self._root / job

    def _share(self, other: JobId, job: JobId, stored: Sequence[StoredOutput]) -> None:
        with _NewFolder(self._root) as new:
            for each in stored:
                for name in (each.name, each.name + PROVENANCE):
                    # A second name of the same bytes: a hit costs no disk, and outlives the job that made it.
                    os.link(self.path(other, name), new / name)
            _sync(new)
            self._publish(new, job)

    def _publish(self, new: Path, job: JobId) -> None:
        folder = self._folder(job)
        if folder.exists():
            # An attempt of this job that was killed between writing and saying so; its outputs are replaced whole.
            shutil.rmtree(folder)
        new.rename(folder)
        _sync(self._root)

    def _point(self, key: str, job: JobId, stored: Sequence[StoredOutput]) -> None:
        keys = self._root / KEYS
        keys.mkdir(exist_ok=True)
        entry = json.dumps({"job": job, "outputs": [asdict(each) for each in stored]})
        with _NewFolder(self._root) as new:
            _write(new / key, entry.encode())
            (new / key).replace(keys / key)
            _sync(keys)


class _NewFolder:
    """A folder that is gone after the block, unless it was renamed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __enter__(self) -> Path:
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = Path(tempfile.mkdtemp(prefix=NEW, dir=self._root))
        return self._path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._path, ignore_errors=True)


def _stored(output: Output) -> StoredOutput:
    if output.media_type == "application/json":
        _check_json(output)
    return StoredOutput(
        name=_safe(output.name),
        media_type=output.media_type,
        size=len(output.data),
        sha256=hashlib.sha256(output.data).hexdigest(),
    )


def _check_json(output: Output) -> None:
    def refuse(word: str) -> None:
        raise ValueError(f"it contains {word}, which is no number of JSON")

    try:
        json.loads(output.data, parse_constant=refuse)
    except ValueError as error:
        raise JobError(
            f"The engine made {output.name}, which is no JSON: {error}.", hint="Try another seed."
        ) from error


def _safe(name: str) -> str:
    if not name or name.startswith(".") or "/" in name or "\0" in name or len(name.encode()) > 200:
        raise JobError(f"{name!r} cannot be the name of an output: a file name without folders.")
    return name


def _sidecar(stored: StoredOutput, key: str, provenance: Mapping[str, Json]) -> bytes:
    whole = {"output": asdict(stored), "key": key, **provenance}
    return (json.dumps(whole, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _is_whole(path: Path, stored: StoredOutput) -> bool:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == stored.sha256


def _freed(folder: Path) -> int:
    """Bytes that go with a folder: not those of files that another job has as well."""
    sizes = [about.st_size for about in map(_about, folder.glob("*")) if about is not None and about.st_nlink == 1]
    return sum(sizes)


def _about(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """A rename is on the disk when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _disk_error(error: OSError, root: Path) -> JobError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return JobError(f"The disk of {root} is full; nothing of this job was kept.", hint="Free space, submit again.")
    return JobError(f"The result cannot be written to {root}: {error.strerror or error}.", hint="Look at the folder.")
