"""The stores that somebody set: opened to be read together, to be written, or to be listed."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from tenku.base.errors import FolderError, StoreError, UsageError
from tenku.content.ports import PruneStore
from tenku.content.stores.mirrors import Mirrors
from tenku.content.stores.open import folder_of, open_store, open_write_store
from tenku.content.stores.patience import Patience
from tenku.content.stores.rate import RateLimit
from tenku.content.stores.web import WebStore


class StoreSet:
    """Addresses, opened when they are needed.

    Args:
        urls: as people write them; folders become absolute, as what is written down has to mean the same everywhere.
        rate: bytes per second to fetch at most; None: no limit.
    """

    def __init__(self, urls: Sequence[str], *, patience: Patience | None = None, rate: float | None = None) -> None:
        self.urls = tuple(_absolute(url) for url in urls)
        self._patience = patience
        self._rate = rate

    @contextlib.contextmanager
    def mirrors(self) -> Iterator[Mirrors]:
        """All of them, to read from. Raises UsageError: none is set, or one is no address."""
        if not self.urls:
            raise _none_set()
        rate = RateLimit(self._rate) if self._rate else None
        stores = [open_store(url, patience=self._patience, rate=rate) for url in self.urls]
        try:
            yield Mirrors(stores)
        finally:
            for store in stores:
                if isinstance(store, WebStore):
                    store.close()

    def writable(self) -> PruneStore:
        """The one store that is written to. Raises UsageError; StoreError: a folder that is not there."""
        url = self._one()
        folder = folder_of(url)
        if folder is not None and not folder.is_dir():
            raise StoreError(f"There is no folder {folder}.", hint="Is the disk mounted, and the path right?")
        return open_write_store(url, patience=self._patience)

    def listable(self) -> PruneStore | None:
        """The first that can be asked what it holds; None where all can only be read."""
        for url in self.urls:
            if not url.lower().startswith(("http://", "https://")):
                return open_write_store(url, patience=self._patience)
        return None

    def make(self) -> bool:
        """Make the folder of the one store where the folder around it is there; whether it was not there before.

        Raises:
            UsageError: none or several are set, or there is no folder around it.
            FolderError: it cannot be made.
        """
        folder = folder_of(self._one())
        if folder is None or folder.is_dir():
            return False
        if not folder.parent.is_dir():
            raise UsageError(
                f"There is no folder {folder.parent} to make the store {folder.name} in.",
                hint="Is the disk mounted, and the path right? Else make it with mkdir.",
            )
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise FolderError(f"The store {folder} cannot be made: {error.strerror}.") from error
        return True

    def check_apart(self, build: Path) -> None:
        """Raises UsageError where a store lies in the folder that is to be published."""
        for url in self.urls:
            folder = folder_of(url)
            if folder is not None and folder.resolve().is_relative_to(build.resolve()):
                raise UsageError(
                    f"The store {folder} lies in the folder {build} that is published.",
                    hint="Give a store outside of it.",
                )

    def _one(self) -> str:
        if not self.urls:
            raise _none_set()
        if len(self.urls) > 1:
            raise UsageError("One store is written to, and several are set.", hint="Give one with --store URL.")
        return self.urls[0]


def _none_set() -> UsageError:
    return UsageError(
        "It is not known where builds come from or go to.",
        hint="Give a store with --store URL, or set `store` in [content] of config.toml.",
    )


def _absolute(url: str) -> str:
    folder = folder_of(url)
    return url if folder is None else str(folder.absolute())
