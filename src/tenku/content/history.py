"""Finds releases in a channel's history: the one before, or the one that somebody names."""

from collections.abc import Sequence

from tenku.base.errors import UsageError
from tenku.content.model import ChannelName, Hash, Head, Published

SHORTEST = 6
"""Digits of a release's name that are enough to mean it."""


def previous(head: Head) -> Published:
    """The build that the channel held before it first held the present release. Raises UsageError: there is none.

    So a second rollback goes one further back, and not forward again to what the first one left.
    """
    current = head.current
    first = max(n for n, each in enumerate(head.history) if each.release == current.release)
    for each in head.history[first + 1 :]:
        if each.tree != current.tree:
            return each
    raise UsageError(
        f"{head.channel} held no other build before {current.version!r}.",
        hint="Name one with --to; `tenku releases` lists them.",
    )


def find(head: Head, text: str) -> Published:
    """The release of the history with this version, or whose name or version begins so. Raises UsageError."""
    by_version = distinct([each for each in head.history if each.version == text])
    # A version that was published twice means the newer of both.
    found = by_version[:1] or distinct([each for each in head.history if _begins(each, text)])
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(f"{head.channel} never held {text!r}.", hint=_known(head.channel, distinct(head.history)))
    raise UsageError(f"{text!r} means several releases of {head.channel}.", hint=_known(head.channel, found))


def distinct(history: Sequence[Published]) -> list[Published]:
    """Each release once, in the order in which the channel held it last."""
    newest: dict[Hash, Published] = {}
    for each in history:
        newest.setdefault(each.release, each)
    return list(newest.values())


def _begins(each: Published, text: str) -> bool:
    by_name = len(text) >= SHORTEST and each.release.hex().startswith(text.lower())
    return by_name or bool(text and each.version.startswith(text))


def _known(name: ChannelName, known: Sequence[Published]) -> str:
    shown = ", ".join(f"{each.version} ({each.release.hex()[:12]})" for each in known[:5])
    return f"There are: {shown}{', …' if len(known) > 5 else ''}; `tenku releases {name}` lists all."
