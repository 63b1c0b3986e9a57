"""A store on any web server or CDN: plain GET requests with single ranges. Read only.

Not obstore's HTTPStore: a server that answers with an error and `Content-Length: 1000000000000` makes it allocate that
much, which aborts the whole process, and it reads an endless error page into memory (seen with obstore 0.12.1).
A mirror that nobody has to trust must not be able to do that.
"""

import asyncio
import base64
import ssl
import weakref
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote, urlsplit

from tenku import __version__
from tenku.base.errors import StoreError, UsageError
from tenku.content.stores.connections import Connections
from tenku.content.stores.exchange import Exchange
from tenku.content.stores.keys import check_key, shown
from tenku.content.stores.patience import Patience
from tenku.content.stores.rate import RateLimit
from tenku.content.stores.reply import Asked


class WebStore:
    """Implements `ports.ReadStore` for `http://` and `https://`.

    A user and password in the address are sent to its server alone, and not shown.

    The reading itself is done in threads: reading a socket and TLS free the interpreter's lock, and a thread that a
    hostile server holds up can be cut off without harm to the others.
    """

    def __init__(
        self,
        url: str,
        *,
        patience: Patience | None = None,
        rate: RateLimit | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._base = _base(url)
        self._headers = _headers(url)
        self._patience = patience or Patience()
        self._rate = rate
        self._connections = Connections(self._patience, tls=tls)
        self._turns = asyncio.Semaphore(self._patience.connections)
        # Twice as many threads as turns: one that was given up may still look up a name.
        self._threads = ThreadPoolExecutor(self._patience.connections * 2, thread_name_prefix="web-store")
        weakref.finalize(self, self._connections.close)

    @property
    def name(self) -> str:
        """The address, without secrets."""
        return self._base

    async def get(self, key: str, *, limit: int) -> bytes:
        """See `ports.ReadStore`."""
        return await self._fetch(key, Asked(None, limit))

    async def get_range(self, key: str, *, start: int, length: int) -> bytes:
        """See `ports.ReadStore`."""
        if length <= 0:
            return b""  # HTTP has no word for an empty range
        return await self._fetch(key, Asked(start, length))

    def close(self) -> None:
        """Close the kept connections. Also done when the store is forgotten."""
        self._connections.close()

    async def _fetch(self, key: str, asked: Asked) -> bytes:
        where = f"{self._base}/{check_key(key)}"
        async with self._turns:
            exchange = Exchange(
                where, asked, where=where, headers=self._headers, connections=self._connections, rate=self._rate
            )
            return await self._watched(exchange, where)

    async def _watched(self, exchange: Exchange, where: str) -> bytes:
        """Its answer, unless it crawls: some servers send a byte now and then to keep a reader for ever."""
        running = asyncio.get_running_loop().run_in_executor(self._threads, exchange.run)
        try:
            await asyncio.wait({running}, timeout=self._patience.connect_s + self._patience.stall_s)
            while not running.done():
                before, paused_before = exchange.received, exchange.paused_s
                await asyncio.wait({running}, timeout=self._patience.crawl_s)
                crawls = exchange.received - before < self._patience.crawl_bytes
                if crawls and exchange.paused_s == paused_before and not running.done():
                    raise StoreError(f"{where} comes too slowly: {exchange.received:,} bytes so far.")
            return running.result()
        finally:
            if not running.done():
                exchange.abort()
                running.add_done_callback(_forget)


def _forget(running: "asyncio.Future[bytes]") -> None:
    """Nobody waits for this answer any more; its error is no news."""
    if not running.cancelled():
        running.exception()


def _base(url: str) -> str:
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and not parts.query:
            return shown(url)
    except ValueError:
        pass
    raise UsageError(f"{shown(url)} is not the address of a store.", hint="Write https://HOST/FOLDER, without `?`.")


def _headers(url: str) -> Mapping[str, str]:
    parts = urlsplit(url)
    headers = {"User-Agent": f"tenku/{__version__}", "Accept": "*/*"}
    if parts.username is not None:
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        headers["Authorization"] = "Basic " + base64.b64encode(secret).decode()
    return headers
