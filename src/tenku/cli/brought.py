"""Brings the build of a channel before it is played."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from tenku.base.errors import CorruptError, NotFoundError, StoreError
from tenku.cli.contents import GOES_ON, pulling, settings_of
from tenku.cli.progress import terminal_bar
from tenku.cli.signals import run_stoppable
from tenku.content.model import ChannelName


def bring(args: argparse.Namespace, name: ChannelName, *, names: Sequence[str]) -> Path:
    """Bring the channel's folder among the user's games to what the channel holds; that folder.

    Where no store answers, the build that is there is played: who has no network has a game all the same.

    Args:
        names: the content settings that are flags of this command.

    Raises:
        UsageError: no store or no key is set.
        ContentError: it cannot be brought, and none is there, or what the stores have cannot be believed.
    """
    from tenku.content.state import InstalledFolder

    folder = settings_of(args, names=names).games.absolute() / name.game / name.channel
    with terminal_bar(as_json=args.json) as bar:
        service = pulling(args, folder, name, progress=bar, names=names)
        try:
            run_stoppable(service.pull(name, folder), stopped=GOES_ON)
        except (NotFoundError, CorruptError):
            raise
        except StoreError as error:
            own = InstalledFolder(folder)
            if not own.exists() or own.read().unfinished:
                raise
            bar.note(f"No store answers; {own.read().version} is played, as it is here. {error}")
    return folder
