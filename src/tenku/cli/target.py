"""Where the assets of one command go: a folder of the user, and the asset set that they are."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenku.base.errors import UnknownSet
from tenku.studio.model import State

if TYPE_CHECKING:
    from tenku.studio.making import Piece
    from tenku.studio.outfolder import OutFolder
    from tenku.studio.recipes.recipe import Ask
    from tenku.studio.sets.export import Exported, Shown
    from tenku.studio.sets.model import AssetSet
    from tenku.studio.sprites.sheet import Grid
    from tenku.studio.sprites.write import Engine
    from tenku.studio.styles.finish import Finish
    from tenku.workshop import Workshop


class Target:
    """Where the assets of a command go.

    Args:
        folder: of the user.
        set_name: empty: they are no set, as there is only one.
    """

    def __init__(
        self,
        shop: "Workshop",
        folder: Path,
        *,
        set_name: str = "",
        style: str = "",
        finish: "Finish",
        grid: "Grid | None" = None,
        engines: "Sequence[Engine]" = (),
    ) -> None:
        self._shop = shop
        self.folder = folder
        self.set_name = set_name
        self._style = style
        self.finish = finish
        self.grid = grid
        self.engines = engines
        self._shown: Mapping[str, str] = {}
        self._asks: Sequence[Ask] = ()

    def record(self, asks: "Sequence[Ask]") -> None:
        """Have the folder there, and the set written down, if all of it can be made.

        Raises FolderError, UsageError, StudioError.
        """
        for ask in asks:
            self._shop.check(ask.spec)
        self._asks = asks
        if self.set_name and asks:
            self._shown = {
                place.name: take.job
                for place in self._recorded().places
                for take in [place.shown]
                if take is not None and take.state is State.DONE
            }
        self._out().make()

    def keep(self, piece: "Piece") -> None:
        """Put what is made where it belongs at once; see `Watch`. Raises FolderError."""
        # What has yet to learn its colours comes once all is there. Where another take is shown, its file stays.
        if not self.finish.learns and self._shown.get(piece.ask.key, piece.job) == piece.job:
            self._out().put(piece)

    def shown(self, pieces: "Sequence[Piece]") -> "list[Shown]":
        """What stands for each place now."""
        from tenku.studio.sets.export import Shown, shown_of

        if self.set_name and self._asks:
            return shown_of(self._shop.sets.get(self.set_name))
        return [
            Shown(
                name=each.ask.key,
                state="open" if each.state is State.DONE else each.state.value,
                job=each.job,
                files=[path.name for path in each.paths] if each.state is State.DONE else (),
            )
            for each in pieces
        ]

    def write(self, pieces: "Sequence[Piece]") -> "tuple[list[Shown], Exported]":
        """Write what there is, finished. Raises FolderError, JobError, UsageError."""
        from tenku.studio.sets.export import put_shown, settle_for

        shown = self.shown(pieces)
        settled = settle_for(self.finish, shown, self._shop.results)
        if settled != self.finish:
            self.finish = settled
            if self.set_name:
                self._recorded()
        return shown, put_shown(shown, self.folder, self._shop.results, finish=self.finish, seal=self._shop.seal)

    def report(self, table: Sequence[Mapping[str, Any]]) -> Path:
        """Write report.csv; its path. Raises FolderError."""
        return self._out().report(table)

    def _out(self) -> "OutFolder":
        from tenku.studio.outfolder import OutFolder
        from tenku.studio.sets.export import finisher

        return OutFolder(self.folder, self._shop.results, finisher=finisher(self.finish, seal=self._shop.seal))

    def _recorded(self) -> "AssetSet":
        """The set, written down as it is known now."""
        from tenku.studio.styles.finish import finish_from, finish_json

        there = self._known()
        if there is not None and self.finish.learns:
            # What is made anew gets the colours that the others have.
            old = finish_from(there.finish)
            self.finish = old if replace(old, palette=()) == self.finish else self.finish
        return self._shop.sets.record(
            self.set_name,
            [(each.key, each.spec) for each in self._asks],
            style=self._style,
            folder=str(self.folder.absolute()),
            finish=finish_json(self.finish),
        )

    def _known(self) -> "AssetSet | None":
        try:
            return self._shop.sets.get(self.set_name)
        except UnknownSet:
            return None
