"""A store in a bucket: S3 and what speaks like it, Google Cloud Storage, Azure, by way of obstore."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import ObjectStore

from tenku.base.errors import ConflictError, NotFoundError, StoreError
from tenku.content.ports import Stored
from tenku.content.stores.keys import check_key, check_prefix, shortened
from tenku.content.stores.patience import Patience
from tenku.content.stores.rate import RateLimit

if TYPE_CHECKING:  # obstore says that these are not there at run time
    from obstore import GetResult, PutMode

PIECE = 1024 * 1024
LARGE = 256 * 1024 * 1024
"""Above this an immutable object is sent in parts; one request may carry 5 GiB at most."""
RETRIES = {"max_retries": 4, "retry_timeout": timedelta(seconds=120)}
"""obstore's own: a publish of an hour must not end for one 503."""


class BucketStore:
    """Implements `ports.PruneStore` over any store that obstore opens; `open_bucket` makes one of an address.

    Who writes to a bucket trusts its service. For mirrors that nobody trusts there is `WebStore`.
    """

    def __init__(
        self, store: ObjectStore, *, name: str, patience: Patience | None = None, rate: RateLimit | None = None
    ) -> None:
        self._store = store
        self._name = name
        self._patience = patience or Patience()
        self._rate = rate

    @property
    def name(self) -> str:
        """The address, without secrets."""
        return self._name

    async def get(self, key: str, *, limit: int) -> bytes:
        """See `ports.ReadStore`."""
        return (await self._get(key, limit=limit))[0]

    async def get_range(self, key: str, *, start: int, length: int) -> bytes:
        """See `ports.ReadStore`."""
        if length <= 0:
            return b""
        data, _ = await self._get(key, limit=length, start=start)
        if len(data) != length:
            raise StoreError(f"{self._where(key)} ends {length - len(data):,} bytes too early.")
        return data

    async def put(self, key: str, data: bytes) -> None:
        """See `ports.WriteStore`."""
        try:
            await obstore.put_async(self._store, check_key(key), data, use_multipart=len(data) > LARGE)
        except (BaseError, OSError) as error:
            raise self._failed(f"{self._where(key)} cannot be written", error) from error

    async def get_version(self, key: str, *, limit: int) -> tuple[bytes, str]:
        """See `ports.WriteStore`; the mark is the service's own (ETag, generation)."""
        data, version = await self._get(key, limit=limit)
        if not version:
            raise StoreError(f"{self._where(key)} has no ETag, so two publishers could not be told apart.")
        return data, json.dumps(version)

    async def replace(self, key: str, data: bytes, *, version: str | None) -> None:
        """See `ports.WriteStore`."""
        mode: PutMode = "create" if version is None else json.loads(version)
        try:
            # Parts of an upload cannot carry a condition.
            await obstore.put_async(self._store, check_key(key), data, mode=mode, use_multipart=False)
        except (AlreadyExistsError, PreconditionError, FileNotFoundError) as error:
            if not await self._holds(key, data):
                raise ConflictError(f"Somebody else wrote {self._where(key)} meanwhile.", hint="Try again.") from error
        except (BaseError, OSError) as error:
            raise self._failed(f"{self._where(key)} cannot be written", error) from error

    async def list(self, prefix: str) -> AsyncIterator[Stored]:
        """See `ports.PruneStore`."""
        try:
            async for page in obstore.list(self._store, prefix=check_prefix(prefix) or None):
                for each in page:
                    yield Stored(each["path"], each["size"], each["last_modified"].timestamp())
        except (BaseError, OSError) as error:
            raise self._failed(f"{self._name} cannot be listed", error) from error

    async def delete(self, keys: Sequence[str]) -> None:
        """See `ports.PruneStore`."""
        checked = [check_key(key) for key in keys]
        try:
            if checked:
                await obstore.delete_async(self._store, checked)
        except FileNotFoundError:
            # Some services call a missing object an error, and leave the others where they are.
            for key in checked:
                await self._delete_one(key)
        except (BaseError, OSError) as error:
            raise self._failed(f"Objects of {self._name} cannot be deleted", error) from error

    async def _delete_one(self, key: str) -> None:
        try:
            await obstore.delete_async(self._store, key)
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise self._failed(f"{self._where(key)} cannot be deleted", error) from error

    async def _holds(self, key: str, data: bytes) -> bool:
        """Whether our own write arrived after all, and only its answer got lost before obstore tried again."""
        try:
            return await self.get(key, limit=len(data)) == data
        except StoreError:
            return False

    async def _get(self, key: str, *, limit: int, start: int | None = None) -> tuple[bytes, dict[str, str]]:
        """At most `limit` bytes, and what marks this version of the object."""
        span = None if start is None else (start, start + limit)
        try:
            async with asyncio.timeout(self._patience.connect_s + self._patience.stall_s):
                result = await obstore.get_async(self._store, check_key(key), options={"range": span} if span else None)
            if result.range[1] - result.range[0] > limit:
                raise StoreError(
                    f"{self._where(key)} has {result.meta['size']:,} bytes; at most {limit:,} were expected."
                )
            marks = {"e_tag": result.meta["e_tag"], "version": result.meta["version"]}
            data = await self._collect(result, limit, self._where(key))
        except FileNotFoundError as error:
            raise NotFoundError(f"{self._where(key)} is not there.") from error
        except TimeoutError as error:
            raise StoreError(f"{self._where(key)} did not come in time.") from error
        except (BaseError, OSError) as error:
            raise self._failed(f"{self._where(key)} cannot be read", error) from error
        # A key without a value is no "unknown" to obstore but a condition that never holds.
        return data, {name: mark for name, mark in marks.items() if mark is not None}

    async def _collect(self, result: "GetResult", limit: int, where: str) -> bytes:
        """The body, piece by piece, so that it may stall, be too long, or be slowed down."""
        parts: list[bytes] = []
        pieces = result.stream(min_chunk_size=PIECE)
        while True:
            async with asyncio.timeout(self._patience.crawl_s):
                try:
                    piece = await anext(pieces)
                except StopAsyncIteration:
                    return b"".join(parts)
            parts.append(bytes(piece))
            limit -= len(piece)
            if limit < 0:
                raise StoreError(f"{where} is longer than the service said.")
            if self._rate is not None:
                await asyncio.sleep(self._rate.take(len(piece), now=time.monotonic()))

    def _where(self, key: str) -> str:
        return f"{self._name}/{key}"

    def _failed(self, what: str, error: Exception) -> StoreError:
        if "<Code>NoSuchBucket</Code>" in str(error):
            return StoreError(f"{what}: there is no such bucket.", hint="Make it with the service's own tool first.")
        return StoreError(
            f"{what}: {shortened(str(error)) or type(error).__name__}.",
            hint="Are the bucket, the endpoint and the keys in the environment right?",
        )
