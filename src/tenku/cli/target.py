"""Where the assets of one command go: a folder of the user, and the asset set that they are."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenku.base.errors import UnknownSet
from tenku.studio.model import State

if TYPE_CHECKING:
    from tenku.studio.making import Piece
    from tenku.studio.outfolder import OutFolder
    from tenku.studio.recipes.recipe import Ask
    from tenku.studio.sets.export import Exported, Shown
    from tenku.studio.sets.finishes import Finishes
    from tenku.studio.sets.model import AssetSet
    from tenku.studio.sets.sheetplan import SheetPlan
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
        finishes: "Finishes",
        plans: "Sequence[SheetPlan]" = (),
    ) -> None:
        self._shop = shop
        self.folder = folder
        self.set_name = set_name
        self._style = style
        self.finishes = finishes
        self.plans = plans
        """Of sheets; where none is asked for, those that the set has had, from `record` on."""
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
        self._out(self.finishes.usual).make()

    def keep(self, piece: "Piece") -> None:
        """Put what is made where it belongs at once; see `Watch`. Raises FolderError."""
        # What has yet to learn its colours comes once all is there. Where another take is shown, its file stays.
        finish = self.finishes.of(piece.ask.style)
        if not finish.learns and self._shown.get(piece.ask.key, piece.job) == piece.job:
            self._out(finish).put(piece)

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
                kind=each.ask.spec.kind,
                style=each.ask.style,
            )
            for each in pieces
        ]

    def write(self, pieces: "Sequence[Piece]") -> "tuple[list[Shown], Exported]":
        """Write what there is, finished. Raises FolderError, JobError, UsageError."""
        from tenku.studio.sets.export import put_shown, settle

        shown = self.shown(pieces)
        settled = settle(self.finishes, shown, self._shop.results)
        if settled != self.finishes:
            self.finishes = settled
            if self.set_name:
                self._recorded()
        return shown, put_shown(shown, self.folder, self._shop.results, finishes=self.finishes, seal=self._shop.seal)

    def report(self, table: Sequence[Mapping[str, Any]]) -> Path:
        """Write report.csv; its path. Raises FolderError."""
        return self._out(self.finishes.usual).report(table)

    def _out(self, finish: "Finish") -> "OutFolder":
        from tenku.studio.outfolder import OutFolder
        from tenku.studio.sets.export import finisher

        return OutFolder(self.folder, self._shop.results, finisher=finisher(finish, seal=self._shop.seal))

    def _recorded(self) -> "AssetSet":
        """The set, written down as it is known now."""
        from tenku.studio.sets.export import SHEET
        from tenku.studio.sets.finishes import as_learned, finishes_of, styles_json
        from tenku.studio.sets.sheetplan import plans_from, plans_json
        from tenku.studio.styles.finish import finish_json

        there = self._known()
        if there is not None:
            self.finishes = as_learned(self.finishes, finishes_of(there))
            if not self.plans and (self.folder / SHEET).is_dir():
                # Left as they are, they would show what the set was before.
                self.plans = plans_from(there.sheets)
        return self._shop.sets.record(
            self.set_name,
            [(each.key, each.spec) for each in self._asks],
            style=self._style,
            folder=str(self.folder.absolute()),
            finish=finish_json(self.finishes.usual),
            styles=styles_json(self.finishes),
            worn={each.key: each.style for each in self._asks},
            sheets=plans_json(self.plans),
        )

    def _known(self) -> "AssetSet | None":
        try:
            return self._shop.sets.get(self.set_name)
        except UnknownSet:
            return None
