"""A spreadsheet of assets: a bad row is told by its line, and the others are made."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenku.base.errors import ModelError, UsageError
from tenku.studio.batchfile import BadRow, Batch, Defaults, read_batch
from tenku.studio.batchlook import Look
from tenku.studio.batchrow import parameter
from tenku.studio.model import JobSpec, Kind
from tenku.studio.recipes.recipe import Ask
from tenku.studio.recipes.tables import csv_text
from tenku.studio.requests import check_request
from tenku.studio.sprites.grid import Grid
from tenku.studio.styles.finish import Finish
from tenku.studio.styles.style import Style, parse_style

STYLE = parse_style('[prompt]\nbefore = "pixel art of"\n[picture]\nsteps = 9', name="pixels", where="pixels.toml")


def model_for(kind: Kind) -> str:
    if kind is Kind.VIDEO:
        raise ModelError("No model that makes video is installed.")
    return "smol" if kind is Kind.TEXT else f"some-{kind.value}"


TILES = parse_style('[finish]\npixels = 8\n[picture]\nmodel = "tiler"', name="tiles", where="tiles.toml")
DEFAULTS = Defaults(model=model_for, look=Look(style=STYLE), parameters={"max_tokens": 512})
SCHEMA: Mapping[str, Any] = {"type": "object"}


class Shelves:
    """One schema, one picture and two styles are there; jobs are checked as they always are."""

    def __init__(self, *, strict: bool = False) -> None:
        self._strict = strict

    def schema(self, name: str) -> Mapping[str, Any]:
        """See `batchfile.Shelves`."""
        return SCHEMA if self._there(name, "item.json") else {}

    def file(self, name: str, *, column: str) -> str:
        """See `batchfile.Shelves`."""
        return f"{column} {name}" if self._there(name, "axe.png") else ""

    def style(self, name: str) -> tuple[Style, Sequence[str]]:
        """See `batchfile.Shelves`."""
        known = {"pixels": STYLE, "tiles": TILES, "other/tiles.toml": replace(TILES, finish=Finish())}
        if name not in known:
            raise UsageError(f"There is no style {name}.", hint="There are pixels and tiles.")
        return known[name], ()

    def check(self, spec: JobSpec) -> None:
        """See `batchfile.Shelves`."""
        if self._strict and spec.model == "gone":
            raise ModelError("There is no model gone.", hint="See `tenku models`.")
        if self._strict:
            check_request(spec)

    def _there(self, name: str, known: str) -> bool:
        if name != known:
            raise UsageError(f"{name} cannot be read: No such file or directory.", hint="Look at its name.")
        return True


def read(text: str) -> tuple[list[Ask], list[BadRow]]:
    batch = read_whole(text)
    return batch.asks, batch.bad


def read_whole(text: str, *, strict: bool = False) -> Batch:
    return read_batch(text, where="assets.csv", defaults=DEFAULTS, shelves=Shelves(strict=strict))


def test_a_row_says_what_it_wants_and_the_flags_say_the_rest() -> None:
    asks, bad = read(
        "prompt,name,schema,seed,count,model,temperature\na sword,sword,item.json,7,2,big,0.5\na bow,,,,,,\n"
    )
    assert bad == []
    assert [(ask.key, ask.line, ask.spec.seed, ask.spec.row) for ask in asks] == [
        ("sword-0001", 2, 7, 0),
        ("sword-0002", 2, 8, 1),
        ("0002", 3, 0, 2),
    ]
    assert asks[0].spec.parameters == {"max_tokens": 512, "temperature": 0.5, "schema": SCHEMA}
    assert (asks[0].spec.model, asks[2].spec.model) == ("big", "smol")
    assert asks[2].spec.parameters == {"max_tokens": 512}


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("video,a dragon,,,,", "No model that makes video is installed."),
        ("image,a potion,,item.json,,", "Column schema: A schema is for texts, and this row makes image."),
        ("smell,a rose,,,,", "Column kind: There is no kind 'smell'."),
        ("text,,,,,", "It has no prompt."),
        ("text,x,../../etc/passwd,,,", "cannot be the name of a file"),
        ("text,x,.hidden,,,", "cannot be the name of a file"),
        ("text,x,SWORD,,,", "The name SWORD is there already."),
        ("text,x,,missing.json,,", "missing.json cannot be read"),
        ("text,x,,,many,", "Column count: count is 'many'."),
        ("text,x,,,0,", "count is '0'."),
        ("text,x,,,,-1", "seed is '-1'."),
        ("text,x,,,,,y", "It has more cells than the first line."),
    ],
)
def test_a_bad_row_fails_alone_with_its_line(row: str, why: str) -> None:
    asks, [bad] = read(f"kind,prompt,name,schema,count,seed\ntext,a sword,sword,,,\n{row}\ntext,a bow,bow,,,\n")
    assert [ask.key for ask in asks] == ["sword", "bow"]
    assert bad.line == 3
    assert why in bad.why


def test_rows_of_every_kind_have_their_own_model_files_and_parameters() -> None:
    asks, bad = read(
        "kind,prompt,name,size,image,references,task,voice,seconds,negative\n"
        "image,an axe,axe,64x128,axe.png,axe.png; axe.png,edit,,,7\n"
        "speech,Hello.,hello,,,,,3,,\n"
        "sound,a door,door,,,,,,2.5,\n"
        "image,a bow,bow,,bow.png,,edit,,,\n"
    )
    assert [(ask.key, ask.spec.kind.value, ask.spec.model, ask.spec.row) for ask in asks] == [
        ("axe", "image", "some-image", 0),
        ("hello", "speech", "some-speech", 1),
        ("door", "sound", "some-sound", 2),
    ]
    assert asks[0].spec.prompt == "pixel art of an axe"
    assert asks[0].spec.parameters == {
        "image": "image axe.png",
        "references": ["references axe.png", "references axe.png"],
        "task": "edit",
        "negative": "7",
        "steps": 9,
        "width": 64,
        "height": 128,
    }
    assert asks[1].spec.parameters == {"voice": "3"}
    assert asks[2].spec.parameters == {"seconds": 2.5}
    assert [(row.line, row.key) for row in bad] == [(5, "bow")]
    assert "bow.png cannot be read" in bad[0].why


def test_a_row_may_have_a_style_and_a_sheet_of_its_own() -> None:
    batch = read_whole(
        "kind,prompt,name,style,transparent,sheet\n"
        "image,an axe,axe,,,\n"
        "image,a bow,bow,pixels,,\n"
        "image,grass,grass,tiles,,2x1\n"
        "image,a tree,tree,none,,\n"
        "image,a gem,gem,tiles,yes,\n"
        "text,a tale,tale,,,\n"
    )
    assert batch.bad == []
    assert [(ask.key, ask.style, ask.spec.row) for ask in batch.asks] == [
        ("axe", "", 0),
        ("bow", "", 1),
        ("grass-0001", "tiles", 2),
        ("grass-0002", "tiles", 3),
        ("tree", "none", 4),
        ("gem", "tiles, cut out", 5),
        ("tale", "", 6),
    ]
    assert [ask.spec.prompt for ask in batch.asks[:5]] == [
        "pixel art of an axe",
        "pixel art of a bow",
        "grass",
        "grass",
        "a tree",
    ]
    assert (batch.asks[5].spec.prompt, batch.asks[2].spec.model) == ("a gem, on a plain white background", "tiler")
    assert batch.finishes == {
        "tiles": Finish(pixels=8),
        "none": Finish(),
        "tiles, cut out": Finish(pixels=8, background="cut"),
    }
    assert batch.sheets == {"grass": (Grid(2, 1), ["grass-0001", "grass-0002"])}


def test_columns_may_be_called_as_the_flags_and_pictures_say_their_task() -> None:
    batch = read_whole(
        "kind,prompt,name,from,mask,reference,sound-model\n"
        "image,an axe,axe,axe.png,axe.png,,\n"
        "image,a bow,bow,,,axe.png; axe.png,\n"
        "sound,a door,door,,,,7\n"
    )
    assert batch.bad == []
    assert batch.asks[0].spec.parameters == {
        "image": "image axe.png",
        "mask": "mask axe.png",
        "task": "inpaint",
        "steps": 9,
    }
    assert batch.asks[1].spec.parameters == {
        "image": "references axe.png",
        "references": ["references axe.png"],
        "task": "edit",
        "steps": 9,
    }
    assert batch.asks[2].spec.parameters == {"sound_model": "7"}


@pytest.mark.parametrize(
    ("head", "row", "why"),
    [
        ("style", "gone", "Column style: There is no style gone. There are pixels and tiles."),
        ("transparent", "perhaps", "Column transparent: transparent is 'perhaps'. It is true or false."),
        ("sheet", "4", "Column sheet: '4' is no grid. Write columns and rows, like 4x4."),
        ("sheet,count", "2x2,3", "Column count: A sheet of 2x2 has 4 places, and count says 3."),
        ("size", "65x64", "Column size: width is '65'; it has to be a whole number from 64 to 4096, and a multiple"),
        ("size", "big", "Column size: "),
        ("Steps", "999", "Column Steps: A job of the kind image has no parameter 'Steps'."),
        ("steps", "many", "Column steps: steps is 'many'; it has to be a whole number from 1 to 200."),
        ("from,image", "axe.png,axe.png", "The columns from and image mean the same."),
        ("from", "gone.png", "Column from: gone.png cannot be read"),
        ("seconds", "3", "Column seconds: A job of the kind image has no parameter 'seconds'."),
        ("model", "gone", "Column model: There is no model gone."),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_its_column(head: str, row: str, why: str) -> None:
    batch = read_whole(f"kind,prompt,{head}\nimage,a potion{',' * (head.count(',') + 1)}\nimage,x,{row}\n", strict=True)
    assert [ask.key for ask in batch.asks] == ["0001"]
    [bad] = batch.bad
    assert (bad.line, why in bad.why) == (3, True), bad.why


def test_a_style_is_for_pictures_and_its_name_is_for_one_style() -> None:
    batch = read_whole("kind,prompt,style\ntext,a tale,tiles\nimage,x,tiles\nimage,y,other/tiles.toml\n")
    assert [bad.why for bad in batch.bad] == [
        "Column style: A style is for pictures, and this row makes text. Leave style empty.",
        "Column style: Two styles are called tiles. Rename the file of one.",
    ]


def test_a_file_without_prompts_is_refused_whole() -> None:
    with pytest.raises(UsageError, match=r"assets.csv has no column prompt"):
        read("name\nsword\n")


def test_a_cell_is_the_number_or_text_that_it_reads_like() -> None:
    cells = {
        "0.5": 0.5,
        "12": 12,
        "true": True,
        "[1]": [1],
        "NaN": "NaN",
        "a, b": "a, b",
        '"x"': "x",
        "[" * 9000: "[" * 9000,
    }
    assert {cell: parameter(cell) for cell in cells} == cells


@given(
    st.lists(
        st.fixed_dictionaries({}, optional={n: st.text() for n in ("kind", "prompt", "name", "seed", "count", "x")})
    )
)
def test_whatever_stands_in_a_row_it_is_made_or_told(rows: list[dict[str, str]]) -> None:
    """Names are files without folders, no two the same, and lines are those of the file."""
    columns = ("kind", "prompt", "name", "seed", "count", "x")
    text = csv_text([{"kind": "", **row} for row in rows], columns)
    try:
        asks, bad = read(text)
    except UsageError:
        return  # quotes that do not pair
    assert {ask.line for ask in asks} & {row.line for row in bad} == set()
    assert len({ask.key.casefold() for ask in asks}) == len(asks)
    assert all(Path(ask.key).name == ask.key and not ask.key.startswith(".") for ask in asks)
    assert [ask.spec.row for ask in asks] == list(range(len(asks)))
