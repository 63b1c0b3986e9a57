"""Sizes as OpenAI's clients write them."""

import re

from tenku.api.problem import Refused

_SIZE = re.compile(r"([1-9][0-9]{1,4})x([1-9][0-9]{1,4})")


def read_size(text: str | None) -> tuple[int, int] | None:
    """Width and height of `1024x768`; None: whoever asked leaves it to us. Raises Refused."""
    if text in (None, "", "auto"):
        return None
    match = _SIZE.fullmatch(text or "")
    if match is None:
        raise Refused(400, f"size is {text!r}; it has to be like 1024x1024.", code="invalid_request")
    return int(match[1]), int(match[2])
