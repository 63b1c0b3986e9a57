"""Brings a folder to what a channel holds: plan, fill, carry, switch. It is the old or the new version, whole."""

import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tenku.base.errors import FolderError
from tenku.content.assemble import Assembler
from tenku.content.carry import Carried, Carrier
from tenku.content.check import Checked, check_folder
from tenku.content.collection import no_collection
from tenku.content.compare import Compared, Finding, compare
from tenku.content.fill import Filler, Tally
from tenku.content.inplace import InPlace, changes_by_path
from tenku.content.model import Entry, Release
from tenku.content.mutable import compile_patterns
from tenku.content.patches import Patcher
from tenku.content.plan import Plan, Planner, free_bytes, staged_entries
from tenku.content.ports import NoProgress, Progress
from tenku.content.release import release_hash_text
from tenku.content.scan import look_over, scan
from tenku.content.source import Source
from tenku.content.sources import Seen
from tenku.content.staging import Staging
from tenku.content.state import Installed, InstalledFolder
from tenku.content.worklist import WorkList

USUAL_RATE = 12.5e6
"""Bytes a second, 100 Mbit/s: what the time is estimated by when nothing is known."""
PATCHES = 4
"""Requests for patches at a time: each holds its old and its new bytes in memory."""
SAMPLE = 256 * 1024
"""A manifest of fewer bytes says nothing about the rate."""


@dataclass(frozen=True, kw_only=True)
class PullOptions:
    """How to pull."""

    seeds: Sequence[Path] = ()
    """Folders that may hold some of the same files."""
    others: Sequence[Path] = ()
    """Folders with builds that Tenku brought; one that cannot be read is left out."""
    thorough: bool = False
    """Read the whole old version instead of believing its files' status."""
    adopt: bool = False
    """The folder holds a game that Tenku did not bring: use what is the same, keep the rest."""
    in_flight: int = 12
    rate: float | None = None
    """Limit in bytes a second, for the estimate; the stores obey it themselves."""
    deltas: bool = True
    low_disk: bool = False
    """Replace file by file, with little disk; until it has ended the folder is neither version."""


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """What a pull did."""

    installed: Installed
    changed: bool
    """False: the folder had this release already."""
    fetched: int = 0
    """Bytes of packs and deltas that were fetched."""
    requests: int = 0
    unchanged: int = 0
    carried: Carried | None = None


class Puller:
    """Brings one folder to one release.

    Args:
        installed: what is written down when the folder holds it.
    """

    def __init__(
        self,
        folder: Path,
        source: Source,
        release: Release,
        installed: Installed,
        *,
        options: PullOptions,
        progress: Progress,
    ) -> None:
        self._folder = folder
        self._source = source.with_near(InstalledFolder(folder).page)
        self._release = release
        self._options = options
        self._progress = progress
        self._installed = installed
        self._own: InstalledFolder | None = None
        """What Tenku brought there before; found by `_look`."""

    async def plan(self) -> Plan:
        """What a pull would do; nothing is written. Raises FolderError, StoreError, PathError."""
        self._look()
        with tempfile.TemporaryDirectory(prefix="tenku-plan-") as name, WorkList(Path(name) / "work.db") as work:
            planner, rate = await self._plan(work, Path(name))
            work.begin_group(0)
            fetch, write = work.totals()
            mine = [each.path for each in await asyncio.to_thread(lambda: list(self._changes(work)))]
            return Plan(
                channel=str(self._installed.channel),
                version=self._release.version,
                release=release_hash_text(self._installed.release),
                files=self._release.files,
                size=self._release.size,
                unchanged=planner.unchanged,
                fetch=fetch,
                write=write,
                disk=write + sum(ref.size for ref in self._release.pages),
                free=free_bytes(self._folder),
                seconds=fetch / rate,
                rate=rate,
                mine=mine,
            )

    async def run(self) -> Pulled:
        """Bring the folder to the release. Raises FolderError, StoreError, PathError; the folder is whole then, too."""
        staging = Staging(self._folder)
        if not staging.is_left:
            self._look()
            if self._is_current():
                return Pulled(installed=self._installed, changed=False)
        with staging:
            self._look()  # Ending a switch that was killed may have brought the folder back.
            resumed = staging.prepare()
            with WorkList(staging.beside / "work.db") as work:
                if staging.old.exists():  # A switch was killed before the replaced version was removed.
                    self._carry_late(staging, work, Carried())
                    self._remove_old(staging)
                pulled = await self._bring(staging, work, resumed=resumed)
            staging.clear()
        return pulled

    async def _bring(self, staging: Staging, work: WorkList, *, resumed: bool) -> Pulled:
        if self._is_current():
            return Pulled(installed=self._installed, changed=False)
        if self._own is not None and (self._options.low_disk or self._own.read().unfinished):
            return await self._replace(staging, work, self._own)
        return await self._make(staging, work, resumed=resumed)

    def _look(self) -> None:
        """Find out what is installed. Raises FolderError: nothing, and nobody told us to touch what is there."""
        self._own = _installed_in(self._folder, adopt=self._options.adopt)
        self._check_folder()

    def _check_folder(self) -> None:
        folder = self._folder
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise FolderError(f"{folder} is not a folder.", hint="Give the folder itself.")
        if self._own is None and not self._options.adopt and folder.exists() and any(folder.iterdir()):
            raise FolderError(
                f"{folder} holds files that Tenku did not bring.",
                hint="Give another folder, or --adopt: what is the same is used, all else is kept.",
            )

    def _is_current(self) -> bool:
        """Whether nothing is to be done but to write down that the channel was looked at."""
        if self._own is None or self._options.thorough:
            return False
        before = self._own.read()
        if before.release != self._installed.release or before.unfinished:
            return False
        if before != self._installed:
            self._own.write(self._installed)
        return True

    async def _make(self, staging: Staging, work: WorkList, *, resumed: bool) -> Pulled:
        """Make the whole new version beside the old one, then switch."""
        before = staging.time_ns()
        planner, _ = await self._plan(work, staging.records)
        work.begin_group(0)
        assembler = Assembler(staging.new)
        assembler.make_parents(path for _, path, _, _ in work.files())
        self._progress.phase("fetch", total=work.totals()[0])
        tally = Tally()
        await self._fill(work, planner.own_root, staging.new, tally)
        self._progress.phase("install", total=0)
        carried = await asyncio.to_thread(self._install, staging, work, assembler, planner.seen, before, resumed)
        return self._pulled(planner, tally, carried)

    async def _replace(self, staging: Staging, work: WorkList, own: InstalledFolder) -> Pulled:
        """Replace the old version file by file."""
        planner, _ = await self._plan(work, staging.records)
        changes = changes_by_path(await asyncio.to_thread(lambda: list(self._changes(work))), work.is_placed)
        label = version_label(own.read().version)
        root = planner.own_root or 0
        in_place = InPlace(staging, work, self._release, root=root, changes=changes, label=label)
        tally = Tally()
        self._progress.phase("fetch", total=work.all_stored())
        await in_place.run(lambda folder: self._fill(work, root, folder, tally), self._installed)
        return self._pulled(planner, tally, in_place.carried)

    def _pulled(self, planner: Planner, tally: Tally, carried: Carried) -> Pulled:
        return Pulled(
            installed=self._installed,
            changed=True,
            fetched=tally.fetched,
            requests=tally.requests,
            unchanged=planner.unchanged,
            carried=carried,
        )

    async def _fill(self, work: WorkList, root: int | None, folder: Path, tally: Tally) -> None:
        """Put the work list's group of files together below a folder."""
        filler = Filler(
            work, folder, self._source, progress=self._progress, in_flight=self._options.in_flight, tally=tally
        )
        await filler.resume()
        await filler.copy_local()
        if root is not None and self._own is not None and self._options.deltas:
            base = self._own.read().tree
            patcher = Patcher(
                work,
                self._source,
                root=root,
                old=self._folder,
                new=folder,
                progress=self._progress,
                in_flight=PATCHES,
                tally=tally,
            )
            await patcher.run([edge for edge in self._release.deltas if edge.base == base])
        await filler.fetch()
        work.commit()

    async def _plan(self, work: WorkList, records: Path) -> tuple[Planner, float]:
        """The plan, and the rate that the estimate goes by."""
        work.begin()
        planner = Planner(work, self._release, records, progress=self._progress)
        self._progress.phase("look at what is here", total=0)
        adopt = self._folder if self._options.adopt and self._folder.exists() else None
        await asyncio.to_thread(
            planner.find_sources,
            self._own,
            self._options.seeds,
            others=self._options.others,
            adopt=adopt,
            thorough=self._options.thorough,
        )
        before = time.monotonic()
        with no_collection():
            await planner.read_manifest(self._source)
        work.commit()
        manifest = sum(ref.size for ref in self._release.pages)
        seen = manifest / max(time.monotonic() - before, 1e-3) if manifest >= SAMPLE else USUAL_RATE
        return planner, self._options.rate or seen

    def _install(
        self, staging: Staging, work: WorkList, assembler: Assembler, seen: Seen | None, before: int, resumed: bool
    ) -> Carried:
        """Make the staged folder whole, and put it in its place."""
        assembler.finish_files((path, size, mode) for _, path, size, mode in work.files())
        assembler.add_same(work, self._folder)
        if resumed:
            assembler.remove(c.path for c in self._strangers(staging))
        with no_collection():
            self._write_records(staging, assembler)
        carried = Carried()
        looked = staging.time_ns()
        if not self._is_untouched(seen, before):
            self._carrier(staging.new).carry(self._changes(work), carried)
        staging.switch()
        if staging.old.exists():
            if look_over(staging.old).newest_ns >= looked:
                self._carry_late(staging, work, carried)
            self._remove_old(staging)
        return carried

    def _is_untouched(self, seen: Seen | None, before: int) -> bool:
        """Whether the folder is exactly the old version, as the plan found it after the time `before`.

        Most folders are, and this is much quicker than to compare every path.
        """
        if seen is None or not seen.all_whole:
            return False
        now = look_over(self._folder)
        return now.newest_ns < before and (now.entries, now.empty) == (seen.entries, seen.empty)

    def _write_records(self, staging: Staging, assembler: Assembler) -> None:
        """Make what is left of the build, and write down what it is."""
        assembler.write_stamps(assembler.add_others(self._entries(staging)), staging.records / "stamps")
        InstalledFolder(staging.new).write_release(self._release)
        InstalledFolder(staging.new).write(self._installed)

    def _entries(self, staging: Staging) -> Iterator[Entry]:
        return staged_entries(staging.records, self._release)

    def _strangers(self, staging: Staging) -> Iterator[Compared]:
        """What a killed pull of another release left in the staged folder."""
        build = ((entry, None) for entry in self._entries(staging) if entry.last)
        return (each for each in compare(build, scan(staging.new)) if each.finding is Finding.ADDED)

    def _changes(self, work: WorkList, folder: Path | None = None) -> Iterator[Checked]:
        """What the user added to the old version, or changed in it."""
        own = _installed_in(folder or self._folder, adopt=self._options.adopt)
        if own is not None:
            release = own.release(own.read())
            progress = NoProgress()
            found = check_folder(own, release, thorough=False, progress=progress, is_whole=work.stock.is_whole)
            return (each for each in found if each.finding in (Finding.ADDED, Finding.CHANGED))
        if (folder or self._folder).exists():
            every = scan(folder or self._folder, skip_special=True)
            return (Checked(each) for each in compare([], every))
        return iter(())

    def _carrier(self, new: Path, old: Path | None = None) -> Carrier:
        own = _installed_in(old or self._folder, adopt=self._options.adopt)
        label = version_label(own.read().version) if own else "before"
        return Carrier(old or self._folder, new, mutable=compile_patterns(self._release.mutable), label=label)

    def _carry_late(self, staging: Staging, work: WorkList, carried: Carried) -> None:
        """Bring what was written to the old version after it was looked at."""
        self._carrier(self._folder, staging.old).carry(self._changes(work, staging.old), carried)

    def _remove_old(self, staging: Staging) -> None:
        staging.keep_kept()
        staging.remove_old()


def _installed_in(folder: Path, *, adopt: bool) -> InstalledFolder | None:
    """What Tenku brought to a folder; None: nothing, or its records are damaged and it is to be adopted."""
    own = InstalledFolder(folder)
    if not own.exists():
        return None
    if adopt:
        try:
            for _ in own.entries(own.release(own.read())):
                pass
        except FolderError:
            return None  # What the records said is lost; the files are not.
    return own


def version_label(version: str) -> str:
    """A version as the name of a folder."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in version).strip(".") or "old"
