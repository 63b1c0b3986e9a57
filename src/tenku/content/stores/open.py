"""Addresses, as people write them, into stores."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tenku.base.errors import UsageError
from tenku.content.ports import PruneStore, ReadStore
from tenku.content.stores.folder import FolderStore
from tenku.content.stores.keys import shown
from tenku.content.stores.mirrors import Mirrors
from tenku.content.stores.patience import Patience
from tenku.content.stores.rate import RateLimit
from tenku.content.stores.web import WebStore

KNOWN = "Stores are a folder, https://HOST/FOLDER, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX."


def open_store(
    url: str,
    *,
    patience: Patience | None = None,
    rate: RateLimit | None = None,
    environment: Mapping[str, str] | None = None,
) -> ReadStore:
    """A store to read from. Raises UsageError for an address that is none."""
    if _scheme(url) in ("http", "https"):
        return WebStore(url, patience=patience, rate=rate)
    return _writable(url, patience, rate, environment)


def open_write_store(
    url: str, *, patience: Patience | None = None, environment: Mapping[str, str] | None = None
) -> PruneStore:
    """A store to publish to, list and prune. Raises UsageError for an address that is none, or can only be read."""
    if _scheme(url) in ("http", "https"):
        raise UsageError(
            f"{shown(url)} can only be read from.",
            hint="Publish to the folder or bucket that this web server shows.",
        )
    return _writable(url, patience, None, environment)


def open_mirrors(
    urls: Sequence[str],
    *,
    patience: Patience | None = None,
    rate: RateLimit | None = None,
    environment: Mapping[str, str] | None = None,
) -> Mirrors:
    """Stores that hold the same objects, the first asked first. Raises UsageError."""
    return Mirrors([open_store(url, patience=patience, rate=rate, environment=environment) for url in urls])


def _writable(
    url: str, patience: Patience | None, rate: RateLimit | None, environment: Mapping[str, str] | None
) -> PruneStore:
    scheme = _scheme(url)
    if scheme not in WRITABLE:
        raise UsageError(f"{shown(url)!r} is no store: {scheme}:// is not known.", hint=KNOWN)
    return WRITABLE[scheme](url, patience, rate, os.environ if environment is None else environment)


def _scheme(url: str) -> str:
    """Empty for a path."""
    return url.partition("://")[0].lower() if "://" in url else ""


def folder_of(url: str) -> Path | None:
    """The folder that an address means; None for a store that is not on this machine. Raises UsageError."""
    if not url:
        raise UsageError("The store's address is empty.", hint=KNOWN)
    if _scheme(url) not in ("", "file"):
        return None
    path = unquote(urlsplit(url).path) if _scheme(url) else url
    return Path(path).expanduser()


def _folder(url: str, _: Patience | None, __: RateLimit | None, ___: Mapping[str, str]) -> PruneStore:
    return FolderStore(folder_of(url) or Path())


def _bucket(url: str, patience: Patience | None, rate: RateLimit | None, environment: Mapping[str, str]) -> PruneStore:
    # Not above: obstore takes 50 ms to load, and who pulls from the web does not need it.
    from tenku.content.stores.buckets import open_bucket

    return open_bucket(url, environment=environment, patience=patience, rate=rate)


WRITABLE: Mapping[str, Callable[[str, Patience | None, RateLimit | None, Mapping[str, str]], PruneStore]] = {
    "": _folder,
    "file": _folder,
    "s3": _bucket,
    "gs": _bucket,
    "az": _bucket,
}
"""By the address's scheme. A new kind of store is one file and one line here (and one in `buckets.SERVICES`)."""
