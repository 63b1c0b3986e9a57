"""The one range of a file that a request asks for."""

import re

_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{1,18})?|bytes=-(\d{1,18})", re.ASCII)


def parse_range(header: str, size: int) -> range | None:
    """The bytes that a Range header asks for; None: all of them, as for several ranges or what is no range.

    An empty range says that the file has no such bytes (416).
    """
    found = _RANGE.fullmatch(header.replace(" ", ""))
    if not found:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        return range(max(0, size - int(suffix)), size)
    if last is not None and int(last) < int(first):
        return None
    return range(min(int(first), size), size if last is None else min(size, int(last) + 1))
