"""What the head of an HTTP reply says, held against what was asked (pure)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from tenku.base.errors import NotFoundError, StoreError

REDIRECTS = (301, 302, 303, 307, 308)
CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(?:\d{1,19}|\*)", re.ASCII)
MOST_FOR_A_RANGE = 64 * 1024 * 1024
"""A server that does not know ranges answers with the whole object. Above this it is not read for one range."""


@dataclass(frozen=True)
class Asked:
    """A whole object of at most `limit` bytes (`start` None), or exactly `limit` bytes from `start`."""

    start: int | None
    limit: int

    @property
    def header(self) -> dict[str, str]:
        """The request's Range header."""
        return {} if self.start is None else {"Range": f"bytes={self.start}-{self.start + self.limit - 1}"}


@dataclass(frozen=True)
class Body:
    """How much of the body to read: `skip` bytes to throw away, then at most `most` to keep."""

    skip: int
    most: int
    exact: int | None
    """How many bytes must be kept; None where the server did not say how long the object is."""
    whole: bool = True
    """The body ends after them; a longer one is a lie."""


def judge(status: int, headers: Mapping[str, str], asked: Asked, *, where: str) -> Body:
    """What to read of a reply. Header names are in small letters; `where` names the object in sentences.

    Raises:
        NotFoundError: the server has no such object.
        StoreError: the reply is no answer to what was asked.
    """
    if status in (404, 410):
        raise NotFoundError(f"{where} is not there ({status}).")
    if status not in (200, 206) or (status == 206 and asked.start is None):
        raise StoreError(f"{where} was answered with {status}.", hint=_meaning(status))
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise StoreError(f"{where} came in an encoding that was not asked for.", hint="Switch off compression there.")
    length = _length(headers, where)
    if asked.start is None:
        return _whole(length, asked, where)
    return _part(length, headers, asked, where) if status == 206 else _part_of_whole(length, asked, asked.start, where)


def next_address(url: str, location: str | None, *, where: str) -> str:
    """Where a redirect leads. Never out of HTTP, never from TLS to plain text. Raises StoreError."""
    try:
        target = urljoin(url, location or "")
        parts = urlsplit(target)
        usable = bool(location) and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise StoreError(f"{where} was answered with a redirect to nowhere.")
    if urlsplit(url).scheme == "https" and parts.scheme != "https":
        raise StoreError(f"{where} was answered with a redirect from https to http, which is not followed.")
    return target


def _whole(length: int | None, asked: Asked, where: str) -> Body:
    if length is not None and length > asked.limit:
        raise StoreError(f"{where} has {length:,} bytes; at most {asked.limit:,} were expected.")
    return Body(skip=0, most=asked.limit, exact=length)


def _part(length: int | None, headers: Mapping[str, str], asked: Asked, where: str) -> Body:
    said = CONTENT_RANGE.fullmatch(headers.get("content-range", "").strip())
    start = asked.start or 0
    if said is None or (int(said[1]), int(said[2])) != (start, start + asked.limit - 1):
        raise StoreError(f"{where} was answered with other bytes than the asked ones.")
    if length is not None and length != asked.limit:
        raise StoreError(f"{where} was answered with {length:,} bytes in place of {asked.limit:,}.")
    return Body(skip=0, most=asked.limit, exact=asked.limit)


def _part_of_whole(length: int | None, asked: Asked, start: int, where: str) -> Body:
    if length is None or length > MOST_FOR_A_RANGE:
        raise StoreError(
            f"{where} was answered with the whole object where a range was asked.",
            hint="Its server or a cache before it does not know range requests; content needs them.",
        )
    if length < start + asked.limit:
        raise StoreError(f"{where} has only {length:,} bytes.")
    return Body(skip=start, most=asked.limit, exact=asked.limit, whole=length == start + asked.limit)


def _length(headers: Mapping[str, str], where: str) -> int | None:
    """The body's length; None where it is unknown, because it comes in chunks or ends with the connection."""
    text = headers.get("content-length", "").strip()
    if "transfer-encoding" in headers or not text:
        return None
    if not re.fullmatch(r"\d{1,19}", text, re.ASCII):
        raise StoreError(f"{where} was answered with a length that is none.")
    return int(text)


def _meaning(status: int) -> str:
    match status:
        case 401 | 403:
            return "The server wants to know who asks; some buckets say this also for what they do not have."
        case 416:
            return "The object is shorter than it should be."
        case 429:
            return "The server has too many requests; try again later."
        case 500 | 502 | 503 | 504:
            return "The server is in trouble; try again later."
    return ""
