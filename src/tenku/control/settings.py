"""What can be set about control: where its database is, and what a team may use."""

import os
from dataclasses import dataclass
from typing import ClassVar

from tenku.base.convert import Secret
from tenku.base.settings import Settings, setting, user_folder


def default_database() -> Secret:
    """The SQLite database in the user's data folder."""
    return Secret(f"sqlite:///{user_folder(os.environ, 'XDG_DATA_HOME', '.local/share') / 'control.db'}")


@dataclass(frozen=True, kw_only=True)
class ControlSettings(Settings):
    """Control: the database of jobs, and budgets."""

    AREA: ClassVar[str] = "control"

    database: Secret = setting(
        factory=default_database, shown="sqlite:///$XDG_DATA_HOME/tenku/control.db", metavar="URL"
    )
    """Where jobs are written down: sqlite:///FILE, or postgresql://USER:PASSWORD@HOST/NAME. It may hold a password,
    so no log shows it."""
    budget_s: float = setting(0.0, low=0, shown="0", metavar="S")
    """Device-seconds that each team may use in 30 days; then its new jobs are refused. 0 sets no limit.
    `tenku teams budget` sets another for one team."""
    price_per_hour: float = setting(0.0, low=0, shown="0", metavar="PRICE")
    """What an hour of the device costs, in whatever money: estimates then say what jobs will cost. 0: none is said."""
