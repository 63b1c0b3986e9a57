"""Replaces an installed version file by file: little disk is needed, and only what differs is touched.

Until it has ended the folder is neither version, which its state says; each file is the old or the new one, whole. A
pull or repair that is started again goes on where this one stopped.
"""

import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from tenku.base.errors import FolderError
from tenku.content.assemble import Assembler, make_link
from tenku.content.carry import Carried
from tenku.content.check import Checked
from tenku.content.compare import Finding, Stamp, stamp_of_found
from tenku.content.files import writing_failed
from tenku.content.model import Entry, Kind, Release
from tenku.content.mutable import compile_patterns, matches
from tenku.content.page import decode_page
from tenku.content.sources import stamp_of
from tenku.content.staging import KEPT, Staging
from tenku.content.state import NO_STAMP, Installed, InstalledFolder
from tenku.content.switch import sync_file_system
from tenku.content.worklist import WorkList

GROWTH = 1.25
"""By so much a work list grows: it notes what was fetched, and what was put into its place."""

Fill = Callable[[Path], Awaitable[None]]
"""Puts the files of the work list's group together below a folder."""


class InPlace:
    """Works in a folder that Tenku brought.

    Args:
        root: the folder's number in the work list.
        changes: what the user added or changed there, by path.
    """

    def __init__(
        self,
        staging: Staging,
        work: WorkList,
        release: Release,
        *,
        root: int,
        changes: Mapping[str, Checked],
        label: str,
    ) -> None:
        self._folder = staging.folder
        self._staging = staging
        self._work = work
        self._release = release
        self._root = root
        self._changes = changes
        self._mutable = compile_patterns(release.mutable)
        self._label = label
        self._parts = staging.beside / "parts"
        self.carried = Carried()

    async def run(self, fill: Fill, installed: Installed) -> None:
        """Bring every file to the release, then write down that it is installed. Raises FolderError, StoreError."""
        own = InstalledFolder(self._folder)
        before = own.release(own.read())
        old = [entry.path for entry in own.entries(before) if entry.last]
        own.write(replace(own.read(), unfinished=True))
        try:
            self._move_same()
            self._skip_placed()
            groups = self._split_groups(grows=self._release.size >= before.size)
            last = self._work.last_needed(self._root)
            gone = self._gone(old)
            for group in range(-1, groups):
                if group >= 0:
                    await self._group(group, fill)
                # As soon as nothing is taken from them any more: their disk is needed for what comes.
                self._remove_old(path for path in gone if last.get(path, -1) == group)
            self._remove_old(gone)
            self._make_others()
            self._write_records(own, installed)
        except OSError as error:
            raise writing_failed(self._folder, error) from error

    def _split_groups(self, *, grows: bool) -> int:
        """Groups that take, with the work list and the second manifest, no more disk than the largest file.

        One larger file alone is too much by as much as those; so it comes while the folder is smaller than it was
        before or will be after: first where it grows, else last.
        """
        largest = max(self._work.largest(), 1)
        beside = int(self._work.shrink() * GROWTH) + sum(ref.size for ref in self._release.pages)
        return self._work.split_groups(max(largest - beside, largest // 4), large_first=grows)

    async def _group(self, group: int, fill: Fill) -> None:
        """Put some files together beside the folder, then each into its place."""
        self._work.begin_group(group)
        files = list(self._work.files())
        if not files:
            return
        self._parts.mkdir(exist_ok=True)
        assembler = Assembler(self._parts)
        assembler.make_parents(path for _, path, _, _ in files)
        await fill(self._parts)
        assembler.finish_files((path, size, mode) for _, path, size, mode in files)
        sync_file_system(self._parts)
        for id, path, _, _ in files:
            self._place(self._parts / path, path)
            self._work.finish_files([id])
            self._work.stock.replace_old(self._root, path, self._work.needs_of(id))
            self._work.add_placed(path, stamp_of(f"{self._folder}/{path}"), self._release.tree)
        self._work.commit()

    def _place(self, source: Path, path: str) -> None:
        """Put a whole file into its place. A mutable one that the user changed stays as it is."""
        change = self._changes.get(path)
        target = self._folder / path
        if change is not None and matches(path, self._mutable):
            self.carried.mutable[path] = path
            source.unlink()
            return
        self._clear_way(path)
        if change is not None and os.path.lexists(target):
            self._keep(path)
        elif target.is_dir() and not target.is_symlink():
            self._empty(path)
        source.replace(target)

    def _clear_way(self, path: str) -> None:
        """Make the folders that lead to a path; what is no folder there is moved out of the way.

        Never goes through a link: one that the user put there could lead anywhere.
        """
        parts = path.split("/")[:-1]
        for count in range(1, len(parts) + 1):
            part = "/".join(parts[:count])
            place = self._folder / part
            if os.path.lexists(place) and not S_ISDIR(place.lstat().st_mode):
                self._remove(part)
            place.mkdir(exist_ok=True)

    def _remove(self, path: str) -> None:
        """Remove what the old version had there; what is the user's is kept."""
        if path in self._changes:
            self._keep(path)
        else:
            self._work.stock.drop_old(self._root, path)
            (self._folder / path).unlink()

    def _empty(self, path: str) -> None:
        """Remove a folder in whose place a file comes; the user's files in it are kept."""
        for root, folders, names in os.walk(self._folder / path, topdown=False):
            inside = Path(root).relative_to(self._folder).as_posix()
            for name in names + [folder for folder in folders if (Path(root) / folder).is_symlink()]:
                self._remove(f"{inside}/{name}")
            Path(root).rmdir()

    def _keep(self, path: str) -> None:
        """Move a file of the user to where no version is."""
        place = f"{KEPT}/{self._label}/{path}"
        target = self._folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        (self._folder / path).replace(target)
        self._work.stock.drop_old(self._root, path)
        self.carried.kept[path] = place

    def _move_same(self) -> None:
        """Files that only got another mode or name: all of those are linked aside first, as they may change places."""
        aside = self._staging.beside / "moved"
        aside.mkdir(exist_ok=True)
        every = list(self._work.stock.all_same())
        for path, _, mode in (each for each in every if each[1].path == each[0]):
            place = self._folder / path
            if (place.lstat().st_mode ^ mode) & 0o100:
                place.chmod(mode)
        moves = [each for each in every if each[1].path != each[0]]
        for number, (_, same, mode) in enumerate(moves):
            place = aside / str(number)
            place.unlink(missing_ok=True)
            Assembler(aside).bring(self._folder / same.path, place, mode=mode, stamp=same.stamp)
        for number, (path, _, _) in enumerate(moves):
            self._work.stock.drop_old(self._root, path)
            self._place(aside / str(number), path)

    def _skip_placed(self) -> None:
        """What a killed run put into its place needs not be made again."""
        for id, path, _, _ in self._work.unfinished_files():
            stamp = stamp_of(f"{self._folder}/{path}")
            if stamp is not None and self._work.is_placed(path, stamp, self._release.tree):
                self._work.finish_files([id])
                self._work.stock.replace_old(self._root, path, self._work.needs_of(id))

    def _gone(self, old: Iterable[str]) -> list[str]:
        """The paths of the old version that the new one does not have, and that are as the old one had them."""
        keep = {entry.path for entry in self._entries()}
        return [path for path in old if path not in keep and path not in self._changes]

    def _remove_old(self, paths: Iterable[str]) -> None:
        """Remove files of the old version, and folders that are empty then; those that are gone are no error."""
        for path in paths:
            if not self._is_own(path):
                continue
            place = self._folder / path
            if S_ISDIR(place.lstat().st_mode):
                self._prune_folders(f"{path}/")
            else:
                self._work.stock.drop_old(self._root, path)
                place.unlink()
                self._prune_folders(path)

    def _is_own(self, path: str) -> bool:
        """Whether it is there, and only real folders lead there: behind a link of the user nothing is ours."""
        parts = path.split("/")
        places = (self._folder / "/".join(parts[:count]) for count in range(1, len(parts)))
        if any(not os.path.lexists(place) or not S_ISDIR(place.lstat().st_mode) for place in places):
            return False
        return os.path.lexists(self._folder / path)

    def _prune_folders(self, path: str) -> None:
        """Remove the folders that lead to a path, as far as they are empty."""
        while path := path.rpartition("/")[0]:
            try:
                (self._folder / path).rmdir()
            except OSError:
                return

    def _make_others(self) -> None:
        """Empty files, empty folders, links."""
        for entry in self._entries():
            target = self._folder / entry.path
            if (entry.kind is Kind.FILE and entry.size) or entry.path in self.carried.mutable:
                continue
            if self._is_right(entry, target):
                continue
            self._clear_way(entry.path)
            if os.path.lexists(target) and not (entry.kind is Kind.FOLDER and target.is_dir()):
                self._empty(entry.path) if S_ISDIR(target.lstat().st_mode) else self._remove(entry.path)
            if entry.kind is Kind.FOLDER:
                target.mkdir(exist_ok=True)
            elif entry.kind is Kind.LINK:
                make_link(target, entry.target)
            else:
                os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, entry.mode))

    def _is_right(self, entry: Entry, target: Path) -> bool:
        if entry.kind is Kind.LINK:
            return target.is_symlink() and os.readlink(target) == entry.target  # noqa: PTH115 - as it is written
        if entry.kind is Kind.FOLDER:
            return target.is_dir() and not target.is_symlink()
        status = target.lstat() if os.path.lexists(target) else None
        if status is None or not S_ISREG(status.st_mode) or status.st_size:
            return False
        return not (status.st_mode ^ entry.mode) & 0o100

    def _write_records(self, own: InstalledFolder, installed: Installed) -> None:
        """The state last: until then the folder is unfinished."""
        pages = own.own / "pages"
        pages.mkdir(exist_ok=True)
        for ref in self._release.pages:
            source = self._staging.records / "pages" / ref.hash.hex()
            source.replace(pages / ref.hash.hex())
        Assembler(self._folder).write_stamps(self._installed_entries(own), own.own / "stamps", known=self._known_stamp)
        own.write_release(self._release)
        sync_file_system(self._folder)
        own.write(installed)
        names = {ref.hash.hex() for ref in self._release.pages}
        for page in pages.iterdir():
            if page.name not in names:
                page.unlink()

    def _known_stamp(self, path: str) -> Stamp | None:
        return NO_STAMP if path in self.carried.mutable else self._work.stock.stamp_of_same(path)

    def _entries(self) -> Iterator[Entry]:
        for ref in self._release.pages:
            yield from decode_page((self._staging.records / "pages" / ref.hash.hex()).read_bytes())

    def _installed_entries(self, own: InstalledFolder) -> Iterator[Entry]:
        for ref in self._release.pages:
            yield from decode_page((own.own / "pages" / ref.hash.hex()).read_bytes())


def changes_by_path(checked: Iterable[Checked], placed: Callable[[str, Stamp], bool]) -> dict[str, Checked]:
    """What the user added or changed, without what a killed run of ours put there."""
    found = {}
    for each in checked:
        on_disk = each.compared.found
        if each.finding not in (Finding.ADDED, Finding.CHANGED) or on_disk is None:
            continue
        if not placed(each.path, stamp_of_found(on_disk)):
            found[each.path] = each
    return found


def refuse_unfinished(installed: Installed, folder: Path) -> None:
    """Raises FolderError where a folder is between two versions."""
    if installed.unfinished:
        raise FolderError(
            f"{folder} is between two versions: an update of it has not ended.",
            hint="End it with `tenku pull`, or go back to what it was with `tenku repair`.",
        )
