"""The settings of every area, from flags, environment and config.toml."""

import argparse
import os
from collections.abc import Sequence
from typing import TypeVar

from tenku.base.settings import Settings, config_path, load, read_config
from tenku.cli.flags import given_flags
from tenku.content.settings import ContentSettings
from tenku.control.serving import ServeSettings
from tenku.control.settings import ControlSettings
from tenku.play.settings import PlaySettings
from tenku.studio.settings import StudioSettings

S = TypeVar("S", bound=Settings)

AREAS: tuple[type[Settings], ...] = (PlaySettings, ContentSettings, StudioSettings, ControlSettings, ServeSettings)
"""Each has a table in config.toml; a table that is none of these is refused."""


def load_settings(kind: type[S], args: argparse.Namespace, *, names: Sequence[str] = ()) -> S:
    """The settings of one area; of the flags only those in `names`, where any are named. Raises SettingError."""
    config = read_config(config_path(os.environ), areas=AREAS)
    return load(kind, flags=given_flags(args, kind, names=names), environment=os.environ, config=config)
