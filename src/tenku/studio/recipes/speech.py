"""Lines to be spoken: a table of them, who says them with which voice, and one sound file for each."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tenku.base.errors import TenkuError, UsageError
from tenku.studio.batchfile import LARGEST_SEED, NAME, BadRow
from tenku.studio.model import InstalledModel, JobSpec, Json, Kind
from tenku.studio.recipes.placeholders import placeholders
from tenku.studio.recipes.recipe import Ask
from tenku.studio.recipes.tables import read_table

TEXT = ("text", "line")
NAMES = ("name", "id")
WHO = ("character", "who")
GIVEN = re.compile(r"\[([^\]]+)\]\(/[^)]*/\)")
"""`[Tenku](/tˈɛnku/)`: a word with its phonemes, and no placeholder."""
SLUG = re.compile(r"[^\w]+")
LONGEST_KEY = 60


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """How something is said; what is empty is left open."""

    voice: str = ""
    """A voice of the model, a character of the cast, or an installed model that speaks."""
    model: str = ""
    speed: str = ""
    language: str = ""
    instructions: str = ""

    def over(self, other: "Delivery") -> "Delivery":
        """This one, and where it says nothing the other one."""
        given = {name: value for name, value in vars(self).items() if value}
        return replace(other, **given)


Cast = Mapping[str, Delivery]
"""How each character speaks, by its name in small letters."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What is the same for all lines."""

    cast: Cast
    usual: Delivery
    models: Mapping[str, InstalledModel]
    """Those that speak, by name."""
    format: str
    seed: int = 0


def read_cast(text: str, *, where: str) -> dict[str, Delivery]:
    """Who speaks how: the columns character (or name), voice, model, speed, language, instructions.

    Raises:
        UsageError: it is no table, a row names nobody, or somebody twice.
    """
    cast: dict[str, Delivery] = {}
    for line, row in read_table(text, where=where):
        who = _cell(row, "character", "name", "who").casefold()
        if not who:
            raise UsageError(f"{where}, line {line}: no character stands there.", hint="Fill in `character`.")
        if who in cast:
            raise UsageError(f"{where}, line {line}: {who} is there already.", hint="Each character has one row.")
        cast[who] = _delivery(row)
    return cast


def read_lines(text: str, *, where: str, stage: Stage, column: str = "") -> tuple[list[Ask], list[BadRow]]:
    """The lines of a CSV text as jobs, and the rows that make none.

    Args:
        column: where the texts stand; empty: in `text` or `line`.

    Raises:
        UsageError: it is no table, or has no such column.
    """
    table = read_table(text, where=where)
    names = list(table[0][1]) if table else []
    spoken = column or next((name for name in TEXT if name in names), "")
    if table and spoken not in names:
        wanted = column or "text"
        raise UsageError(f"{where} has no column {wanted}; it has {', '.join(names)}.", hint="Name it with --column.")
    asks: list[Ask] = []
    bad: list[BadRow] = []
    taken: set[str] = set()
    for number, (line, row) in enumerate(table, 1):
        key = _key(row, number)
        try:
            ask = _ask(row, key, text=row[spoken], line=line, stage=stage)
            if key.casefold() in taken:
                raise UsageError(f"The name {key} is there already.", hint="Names are unique in a table.")
        except TenkuError as error:
            bad.append(BadRow(line=line, key=key, why=error.sentence()))
            continue
        taken.add(key.casefold())
        asks.append(replace(ask, spec=replace(ask.spec, row=len(asks))))
    return asks, bad


def line_ask(text: str, *, key: str, delivery: Delivery, stage: Stage, line: int = 0, seed: int | None = None) -> Ask:
    """One line as a job. Raises UsageError: it cannot be said, or by nobody."""
    if not text.strip():
        raise UsageError("It has no text.", hint="Fill it in.")
    if found := placeholders(GIVEN.sub(r"\1", text)):
        raise UsageError(f"It has the placeholder {found[0]}, which nobody can say.", hint="Write what is to be heard.")
    model, voice = _speaker(delivery, stage.models)
    parameters: dict[str, Json] = {"format": stage.format}
    parameters |= {"voice": voice} if voice else {}
    parameters |= {"speed": _speed(delivery.speed)} if delivery.speed else {}
    parameters |= {"language": delivery.language} if delivery.language else {}
    parameters |= {"instructions": delivery.instructions} if delivery.instructions else {}
    spec = JobSpec(
        kind=Kind.SPEECH,
        model=model,
        prompt=" ".join(text.split(" ")).strip(),
        parameters=parameters,
        seed=stage.seed if seed is None else seed,
    )
    return Ask(key=key, spec=spec, line=line)


def slug(text: str) -> str:
    """A file's name made of a text's first words."""
    words = SLUG.sub("-", GIVEN.sub(r"\1", text)).strip("-").casefold()
    return words[:LONGEST_KEY].rstrip("-") or "speech"


def _ask(row: Mapping[str, str], key: str, *, text: str, line: int, stage: Stage) -> Ask:
    if row.get(""):
        raise UsageError("It has more cells than the first line.", hint="Put a text with a comma in quotes.")
    if not NAME.fullmatch(key) or key.endswith((" ", ".")):
        raise UsageError(f"{key!r} cannot be the name of a file.", hint="Use letters, digits, - and _.")
    own = _delivery(row)
    # A voice may be a character's name as well: then it means how that character speaks.
    named = stage.cast.get(own.voice.casefold())
    own = replace(own, voice="").over(named) if named else own
    played = stage.cast.get(_cell(row, *WHO).casefold(), Delivery())
    delivery = own.over(played).over(stage.usual)
    return line_ask(text, key=key, delivery=delivery, stage=stage, line=line, seed=_seed(row))


def _speaker(delivery: Delivery, models: Mapping[str, InstalledModel]) -> tuple[str, str]:
    """The model and its voice that are meant. Raises UsageError: it is not clear, or not installed."""
    model, voice = delivery.model, delivery.voice
    if not model and voice in models:
        model, voice = voice, ""
    if model and model not in models:
        raise UsageError(f"No model {model!r} that speaks is installed.", hint=f"There is {_names(models)}.")
    if not model and len(models) != 1:
        raise UsageError(
            f"{voice or 'Speech'!r}: which model?", hint=f"Choose with --model, or the column model: {_names(models)}."
        )
    return model or next(iter(models)), voice


def _key(row: Mapping[str, str], number: int) -> str:
    if name := _cell(row, *NAMES):
        return name
    who = _cell(row, *WHO)
    # What `tenku make lines` writes: a character, and which of its lines it is.
    count = row.get("number", "").strip() or str(number)
    count = count.zfill(4) if count.isdecimal() else count
    return f"{slug(who)}-{count}" if who else count


def _delivery(row: Mapping[str, str]) -> Delivery:
    return Delivery(
        voice=_cell(row, "voice"),
        model=_cell(row, "model"),
        speed=_cell(row, "speed"),
        language=_cell(row, "language"),
        instructions=_cell(row, "instructions"),
    )


def _cell(row: Mapping[str, str], *names: str) -> str:
    return next((row[name].strip() for name in names if row.get(name, "").strip()), "")


def _speed(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,2}([.,][0-9]{1,4})?", text):
        raise UsageError(f"speed is {text[:40]!r}.", hint="It is a number from 0.25 to 4, like 1.2.")
    return float(text.replace(",", "."))


def _seed(row: Mapping[str, str]) -> int | None:
    text = row.get("seed", "").strip()
    if not text:
        return None
    if not text.isdecimal() or int(text) > LARGEST_SEED:
        raise UsageError(f"seed is {text[:40]!r}.", hint=f"It is a whole number from 0 to {LARGEST_SEED}.")
    return int(text)


def _names(models: Sequence[str] | Mapping[str, object]) -> str:
    return ", ".join(sorted(models)) or "none"
