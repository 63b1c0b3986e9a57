"""Brings an installed folder back to its own release: only what is bad is fetched, and checked again after."""

from dataclasses import replace
from pathlib import Path

from tenku.content.ports import Progress
from tenku.content.pull import Pulled, Puller, PullOptions
from tenku.content.source import Source
from tenku.content.state import InstalledFolder
from tenku.content.stores.mirrors import Mirrors


async def repair(folder: Path, mirrors: Mirrors, *, in_flight: int, progress: Progress) -> Pulled:
    """Read every byte, and replace the files that are not as they should be.

    A file that the user changed is kept in `.tenku/kept`; one whose path is mutable is left alone. After an update that
    did not end, the folder goes back to what it was before it.

    Raises:
        FolderError: the folder was not brought by Tenku, or its manifest is damaged.
        StoreError: what is missing cannot be fetched.
    """
    own = InstalledFolder(folder)
    installed = own.read()
    puller = Puller(
        folder,
        Source(mirrors, installed.channel.game),
        own.release(installed),
        replace(installed, unfinished=False),
        options=PullOptions(thorough=True, low_disk=True, in_flight=in_flight),
        progress=progress,
    )
    return await puller.run()
