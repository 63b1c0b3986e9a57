"""Says whether an installed folder is whole, and what in it is not as the build says."""

from dataclasses import dataclass, field
from pathlib import Path

from tenku.content.check import check_folder
from tenku.content.compare import Finding
from tenku.content.mutable import compile_patterns, matches
from tenku.content.ports import Progress
from tenku.content.state import Installed, InstalledFolder


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was found. Paths from the folder's root, in order."""

    installed: Installed
    files: int
    """Of the build."""
    size: int
    """Of the build, in bytes."""
    bad: tuple[str, ...]
    """Paths whose content, kind or right to run is not the build's."""
    bad_bytes: int
    """What has to be fetched for them at most, before compression."""
    missing: tuple[str, ...]
    mine: tuple[str, ...]
    """Changed files that the build lets its users change: nothing is wrong with them."""
    added: tuple[str, ...]
    """What the build does not have. Nothing is wrong with them."""

    @property
    def whole(self) -> bool:
        """Whether the folder is the build that it says it is."""
        return not (self.bad or self.missing or self.installed.unfinished)


@dataclass
class _Found:
    bad: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    mine: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    bad_bytes: int = 0


def verify_folder(folder: Path, *, thorough: bool, progress: Progress) -> Report:
    """Check a folder. Blocks.

    Args:
        thorough: read every byte; else only files whose size, date or inode is not that of their installation.

    Raises:
        FolderError: Tenku brought nothing there, what it wrote down is damaged, or the folder cannot be read.
    """
    own = InstalledFolder(folder)
    installed = own.read()
    release = own.release(installed)
    mutable = compile_patterns(release.mutable)
    found = _Found()
    progress.phase("verify", total=release.size)
    for each in check_folder(own, release, thorough=thorough, progress=progress):
        match each.finding:
            case Finding.ADDED:
                found.added.append(each.path)
            case Finding.CHANGED if matches(each.path, mutable):
                found.mine.append(each.path)
            case Finding.CHANGED:
                found.bad.append(each.path)
                whole = each.compared.entry.size if each.compared.entry else 0
                found.bad_bytes += sum(chunk.length for chunk in each.bad) or whole
            case Finding.MISSING:
                found.missing.append(each.path)
                found.bad_bytes += each.compared.entry.size if each.compared.entry else 0
            case Finding.SAME | Finding.TOUCHED:
                pass
    return Report(
        installed=installed,
        files=release.files,
        size=release.size,
        bad=tuple(found.bad),
        bad_bytes=found.bad_bytes,
        missing=tuple(found.missing),
        mine=tuple(found.mine),
        added=tuple(found.added),
    )
