"""What can be set about the studio: which model, how much of this machine, where results lie."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tenku.base.convert import byte_count
from tenku.base.settings import Settings, setting, user_folder
from tenku.studio.turnstile import PlayersFirst


def default_studio_folder() -> Path:
    """Where models and results lie unless told otherwise."""
    return user_folder(os.environ, "XDG_DATA_HOME", ".local/share") / "studio"


@dataclass(frozen=True, kw_only=True)
class StudioSettings(Settings):
    """Studio: models, results and limits."""

    AREA: ClassVar[str] = "studio"

    model: str = setting("", shown="the only one of its kind that is installed", metavar="NAME")
    """The model that makes what is asked for."""
    threads: int = setting(0, low=0, high=1024, shown="the cores that are free", metavar="N")
    """Threads of a model that runs on the processor."""
    memory: int = setting(0, parse=byte_count, low=0, shown="half of the machine's", metavar="SIZE")
    """Bytes that loaded models may take together, like 16G."""
    players_first: PlayersFirst = setting(PlayersFirst.PAUSE, shown="pause", metavar="KIND")
    """What jobs do while somebody plays with `tenku play` on this machine: pause waits, with models in memory; free
    gives the memory back, too; ignore goes on."""
    keep_days: int = setting(0, low=0, high=36_500, metavar="DAYS")
    """After so many days without use the files of a job are deleted, unless a set has them; 0 deletes none."""
    folder: Path = setting(factory=default_studio_folder, shown="$XDG_DATA_HOME/tenku/studio", metavar="FOLDER")
    """Where installed models, jobs and results lie."""
