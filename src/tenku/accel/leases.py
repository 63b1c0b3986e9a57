"""Who holds which device, and how much of its memory.

A lease is a small JSON file in the folder that programs of one user share while they run. Its holder keeps it locked,
and the kernel frees the lock however the holder ends: a file that nobody has locked is gone, and whoever sees it first
removes it. Everything happens under the lock of one more file, so that reading, freeing and taking never meet.

    leases = Leases(run_base(os.environ))
    with leases.take(device, 12_000_000_000, who="studio worker, model qwen-image"):
        ...

Locks are flock(2)'s: a child that was forked, and not started anew, holds its parent's leases as well.
"""

import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from tenku.accel.claim import claim_path
from tenku.accel.claimants import claimants
from tenku.accel.devices import Device
from tenku.accel.lease import Lease, Stage, device_name, in_the_way, read, room, room_behind, sentence, written
from tenku.base.errors import MachineError, TakenError

PREFIX, SUFFIX = "lease-", ".json"
TURN = "leases"
"""The file whose lock makes one at a time read or write leases."""
LONGEST = 4096
"""Bytes of a lease's file."""


class Leases:
    """The leases of one user on one machine.

    Args:
        folder: the one that games and workers of this user share. Files lie in it directly: folders in it are swept.
        now: seconds since 1970.
    """

    def __init__(self, folder: Path, *, now: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._now = now

    def holders(self) -> list[Lease]:
        """Who holds something now, with sessions that are played; nobody where the folder cannot be read."""
        with contextlib.suppress(OSError, MachineError):
            return [*in_the_way(self._all()), *claimants(claim_path(self._folder))]
        return []

    def waiting(self, *, but: Collection["Held"] = ()) -> list[Lease]:
        """Who would like to have something, besides those that are named; the one that waited longest first."""
        with contextlib.suppress(OSError, MachineError):
            own = {each.lease.name for each in but}
            found = [each for each in self._all() if each.stage is Stage.WAITING and each.name not in own]
            return sorted(found, key=lambda lease: (lease.since, lease.name))
        return []

    def take(
        self,
        device: Device,
        size: int,
        *,
        who: str,
        most: int | None = None,
        instead: Collection["Held"] = (),
        anyway: bool = False,
    ) -> "Held":
        """Hold so many bytes of a device, until it is closed or this process ends.

        Args:
            device: as it is now; what it counts as free is believed.
            most: bytes of it that may be promised in all; its memory unless given.
            instead: own wishes that this is the end of: they do not go first.
            anyway: also where there is no room; everybody sees it.

        Raises:
            TakenError: there is no room; it says who holds what.
            MachineError: the lease cannot be written.
        """
        lease = self._lease(device, size, who=who, stage=Stage.LOADING)
        with self._turn():
            if not anyway:
                since = min([lease.since, *(each.lease.since for each in instead)])
                self._check(device, size, most=most, since=since, but={each.lease.name for each in instead})
            return self._made(lease)

    def wish(self, device: Device, size: int, *, who: str, since: float | None = None) -> "Held":
        """Say that so many bytes are wanted: who has them idle frees them, and who comes later goes after us.

        `since`: for how long already, seconds since 1970. Raises MachineError: it cannot be written.
        """
        lease = self._lease(device, size, who=who, stage=Stage.WAITING)
        with self._turn():
            return self._made(lease if since is None else replace(lease, since=since))

    def has_room(self, device: Device, wish: Lease, *, most: int | None = None) -> bool:
        """Whether to wait for a wish no more: there is room now, or nobody whose end could bring some.

        Raises MachineError: the leases cannot be read.
        """
        try:
            with self._turn():
                self._check(device, wish.bytes, most=most, since=wish.since, but={wish.name})
        except TakenError as error:
            return not error.waits
        return True

    def room(self, device: Device) -> int:
        """Bytes of a device, as it is now, that can still be promised. Raises MachineError."""
        about = [each for each in self._all() if (each.kind, each.index) == (device.kind, device.index)]
        return room(about, memory=device.memory, free=device.free)

    def _check(self, device: Device, need: int, *, most: int | None, since: float, but: Collection[str]) -> None:
        """Under the lock. `but`: names of leases that do not count. Raises TakenError."""
        about = [each for each in self._read() if (each.kind, each.index) == (device.kind, device.index)]
        others = [each for each in about if each.name not in but]
        memory = device.memory if most is None else min(most, device.memory)
        left = room_behind(others, since=since, memory=memory, free=device.free)
        if need > left:
            raise TakenError(
                sentence(others, device=device_name(device.kind, device.index), need=need, left=left),
                hint="Wait until they are done, or take something smaller.",
                room=left,
                waits=bool(others),
            )

    def _all(self) -> list[Lease]:
        # A folder in which nobody ever held anything is not written to: looking leaves nothing behind.
        if not any(self._files()):
            return []
        with self._turn():
            return self._read()

    def _read(self) -> list[Lease]:
        """Under the lock: all leases, after those of the dead were removed."""
        found = (_look(path) for path in self._files())
        return [lease for lease in found if lease is not None]

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob(f"{PREFIX}*{SUFFIX}"))

    def _lease(self, device: Device, size: int, *, who: str, stage: Stage) -> Lease:
        return Lease(
            who=who,
            pid=os.getpid(),
            kind=device.kind,
            index=device.index,
            bytes=size,
            since=self._now(),
            stage=stage,
            name=f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}",
        )

    def _made(self, lease: Lease) -> "Held":
        """Under the lock: the file, locked and written."""
        path = self._folder / lease.name
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _write(file, lease)
            except OSError:
                path.unlink(missing_ok=True)
                os.close(file)
                raise
        except OSError as error:
            raise _unwritten(path, error) from error
        return Held(self, lease, path, file)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """One at a time reads or writes leases. Raises MachineError."""
        path = self._folder / TURN
        try:
            turn = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise _unwritten(path, error) from error
        try:
            fcntl.flock(turn, fcntl.LOCK_EX)
            yield
        finally:
            os.close(turn)


class Held:
    """One lease or wish of this process; a context, which gives it back. Safe to close twice."""

    def __init__(self, leases: Leases, lease: Lease, path: Path, file: int) -> None:
        self._leases = leases
        self._path = path
        self._file: int | None = file
        self.lease = lease

    def grow(self, by: int, device: Device, *, most: int | None = None) -> None:
        """Hold so many bytes more. `device`: as it is now. Raises TakenError: there is no room; all stays as it was."""
        with self._leases._turn():
            self._leases._check(device, by, most=most, since=self._leases._now(), but=())
            # The device does not count the new part as used: until somebody says so, none of it is.
            self._put(replace(self.lease, bytes=self.lease.bytes + by, stage=Stage.LOADING))

    def shrink(self, by: int) -> None:
        """Hold so many bytes less; at least none. Raises MachineError."""
        with self._leases._turn():
            self._put(replace(self.lease, bytes=max(0, self.lease.bytes - by)))

    def in_use(self) -> None:
        """From now on the device counts it as used. Raises MachineError."""
        with self._leases._turn():
            self._put(replace(self.lease, stage=Stage.IN_USE))

    def close(self) -> None:
        """Give it back."""
        if self._file is None:
            return
        # The file goes before its lock: the other way round, its name could be read by who comes between.
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        os.close(self._file)
        self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _put(self, lease: Lease) -> None:
        if self._file is None:
            return
        try:
            _write(self._file, lease)
        except OSError as error:
            raise _unwritten(self._path, error) from error
        self.lease = lease


def _look(path: Path) -> Lease | None:
    """The lease of a file; None, and the file is gone, where nobody holds it. Only under the lock of all leases."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:  # its holder has just closed it
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return read(os.pread(file, LONGEST, 0), name=path.name)
    finally:
        os.close(file)
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
    return None


def _write(file: int, lease: Lease) -> None:
    text = written(lease)
    os.pwrite(file, text, 0)
    os.ftruncate(file, len(text))


def _unwritten(path: Path, error: OSError) -> MachineError:
    return MachineError(
        f"{path} cannot be written: {error.strerror or error}.", hint="Set XDG_RUNTIME_DIR to a folder of yours."
    )
