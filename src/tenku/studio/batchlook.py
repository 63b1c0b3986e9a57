"""How the pictures of a row look: its style, whether they are cut out, and the sheet that they have for themselves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tenku.base.errors import UsageError
from tenku.studio.batchrow import Row
from tenku.studio.model import Kind
from tenku.studio.sprites.grid import Grid, parse_grid
from tenku.studio.styles.finish import Finish
from tenku.studio.styles.style import Style

NONE = "none"
"""In the column `style`: this row has none, whatever the others have."""
CUT = "cut out"

Styles = Callable[[str], tuple[Style, Sequence[str]]]
"""A style by its name or file, with its pictures as inputs. Raises TenkuError."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """A style, and the pictures that belong to it."""

    style: Style | None = None
    references: Sequence[str] = ()
    """Its pictures, as inputs."""
    own: str = ""
    """What it is called where it is not the one of all rows."""
    transparent: bool = False

    @property
    def finish(self) -> Finish:
        """What is done with the pictures once they are made."""
        usual = self.style.finish if self.style else Finish()
        return replace(usual, background="cut") if self.transparent else usual


def look_of(row: Row, kind: Kind, usual: Look, styles: Styles) -> Look:
    """The look of a row. Raises UsageError."""
    for name, what in (("style", "A style"), ("transparent", "A cut-out background"), ("sheet", "A sheet")):
        if row[name] and kind is not Kind.IMAGE:
            with row.column(name):
                raise UsageError(
                    f"{what} is for pictures, and this row makes {kind.value}.", hint=f"Leave {name} empty."
                )
    if kind is not Kind.IMAGE:
        return Look()
    look = _styled(row, usual, styles)
    if row.flag("transparent") and look.finish.background != "cut":
        return replace(look, transparent=True, own=f"{look.style.name if look.style else NONE}, {CUT}")
    return look


def _styled(row: Row, usual: Look, styles: Styles) -> Look:
    name = row["style"]
    if not name:
        return usual
    if name == NONE:
        return Look(own=NONE if usual.style else "")
    with row.column("style"):
        style, references = styles(name)
    same = usual.style is not None and style == usual.style
    return usual if same else Look(style=style, references=references, own=style.name)


def grid_of(row: Row) -> Grid | None:
    """The sheet that the row's pictures have for themselves; None: none. Raises UsageError."""
    if not row["sheet"]:
        return None
    with row.column("sheet"):
        return parse_grid(row["sheet"])


def count_of(row: Row, grid: Grid | None, *, most: int) -> int:
    """How many the row asks for: as many as its sheet has places, else one. Raises UsageError."""
    cells = grid.columns * grid.rows if grid else 0
    count = row.whole("count", cells or 1, low=1, high=most)
    if grid and count != cells:
        with row.column("count"):
            raise UsageError(
                f"A sheet of {row['sheet']} has {cells} places, and count says {count}.",
                hint=f"Leave count empty, or write {cells}.",
            )
    return count
