"""Settings: one frozen dataclass per area, filled from flag > environment > config.toml > default.

The field `fps` of the area `play` is the flag `--fps`, the variable `TENKU_PLAY_FPS` and the key `fps` in the table
`[play]` of `config.toml`. The text below the field is its documentation, in `--help` and in docs/settings.md.
"""

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_type_hints

from tenku.base.convert import Converter, Secret, converter_for
from tenku.base.errors import SettingError


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Base of every area's settings; `AREA` names the table in config.toml and the environment variables."""

    AREA: ClassVar[str] = ""


S = TypeVar("S", bound=Settings)


def setting(
    default: Any = dataclasses.MISSING,
    *,
    factory: Any = dataclasses.MISSING,
    parse: Converter | None = None,
    low: float | None = None,
    high: float | None = None,
    shown: str | None = None,
    metavar: str | None = None,
    many: bool = False,
) -> Any:
    """A field of a settings class.

    `parse` converts text where the type alone does not say how; `low` and `high` bound it, both included;
    `shown` is the default as the docs write it; `metavar` stands for the value in `--help`; `many`: the flag may be
    given several times, and a list in config.toml, and `parse` gets the texts with commas between them.
    """
    metadata = {"parse": parse, "low": low, "high": high, "shown": shown, "metavar": metavar, "many": many}
    return dataclasses.field(default=default, default_factory=factory, metadata=metadata)


@dataclass(frozen=True)
class Config:
    """What stands in a config.toml: a table per area. Empty where there is no file."""

    path: Path
    tables: Mapping[str, Mapping[str, object]]


@dataclass(frozen=True)
class Given:
    """One value that somebody gave, and where: the flag, the variable, or the file and key."""

    where: str
    value: object
    folder: Path | None = None
    """The folder that a relative path in it counts from; None for the current one."""


def config_path(environment: Mapping[str, str]) -> Path:
    """Where the user's config.toml lies: `TENKU_CONFIG`, or the user's configuration folder."""
    if environment.get("TENKU_CONFIG"):
        return Path(environment["TENKU_CONFIG"]).expanduser()
    return user_folder(environment, "XDG_CONFIG_HOME", ".config") / "config.toml"


def user_folder(environment: Mapping[str, str], variable: str, below_home: str) -> Path:
    """Tenku's folder for one kind of file, by the XDG base directory rules."""
    base = Path(environment.get(variable, ""))
    # The XDG rules say that a relative path is to be ignored.
    return (base if base.is_absolute() else Path.home() / below_home) / "tenku"


def read_config(path: Path, *, areas: tuple[type[Settings], ...]) -> Config:
    """Read a config.toml; a missing one is empty. Tables that are no area are refused by name."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Config(path, {})
    except (OSError, ValueError) as error:
        raise SettingError(
            f"{path} cannot be read: {error}.", hint="It is a TOML file; docs/settings.md has its keys."
        ) from error
    known = [area.AREA for area in areas]
    for name, table in content.items():
        if name not in known:
            raise SettingError(f"{path} has an unknown table or key {name}.", hint=_suggestion(name, known))
        if not isinstance(table, dict):
            raise SettingError(f"{path}: {name} is a table.", hint=f"Write [{name}] and its keys below.")
    return Config(path, content)


def load(kind: type[S], *, flags: Mapping[str, str], environment: Mapping[str, str], config: Config) -> S:
    """The settings of one area, each from the strongest place that gives it: flag, environment, config, default.

    `flags` holds those that were given, by field name.

    Raises:
        SettingError: a name that is no setting, or a value that cannot be used; it names the place.
    """
    hints = get_type_hints(kind)
    given = _from_config(kind, config) | _from_environment(kind, environment) | _from_flags(flags)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    return kind(**{name: _value(fields[name], hints[name], each) for name, each in given.items()})


def variable_name(kind: type[Settings], name: str) -> str:
    """`TENKU_PLAY_FPS` for the field `fps` of the area `play`."""
    return f"TENKU_{kind.AREA}_{name}".upper()


def flag_name(name: str) -> str:
    """`--max-viewers` for the field `max_viewers`."""
    return "--" + name.replace("_", "-")


def default_text(field: "dataclasses.Field[Any]") -> str:
    """A field's default as people read it; empty for none."""
    if field.metadata.get("shown") is not None:
        return str(field.metadata["shown"])
    if field.default is None or field.default is dataclasses.MISSING:
        return ""
    return _as_text(field.default) if isinstance(field.default, bool) else str(field.default)


def _names(kind: type[Settings]) -> list[str]:
    return [field.name for field in dataclasses.fields(kind)]


def _from_config(kind: type[Settings], config: Config) -> dict[str, Given]:
    table = config.tables.get(kind.AREA, {})
    for name in table:
        if name not in _names(kind):
            known = _names(kind)
            raise SettingError(f"{config.path} has an unknown key {kind.AREA}.{name}.", hint=_suggestion(name, known))
    folder = config.path.parent
    return {name: Given(f"{config.path}: {kind.AREA}.{name}", value, folder) for name, value in table.items()}


def _from_environment(kind: type[Settings], environment: Mapping[str, str]) -> dict[str, Given]:
    variables = {variable_name(kind, name): name for name in _names(kind)}
    for variable in environment:
        if variable.startswith(f"TENKU_{kind.AREA.upper()}_") and variable not in variables:
            raise SettingError(
                f"The environment variable {variable} is no setting.", hint=_suggestion(variable, list(variables))
            )
    return {name: Given(v, environment[v]) for v, name in variables.items() if v in environment}


def _from_flags(flags: Mapping[str, str]) -> dict[str, Given]:
    return {name: Given(flag_name(name), text) for name, text in flags.items()}


def _value(field: dataclasses.Field[Any], annotation: Any, given: Given) -> object:
    """The field's value; sentences about a wrong one never show a secret."""
    convert = field.metadata.get("parse") or converter_for(annotation)
    shown = "the value" if annotation in (Secret, Secret | None) else repr(given.value)
    try:
        value = convert(_as_text(given.value, many=bool(field.metadata.get("many"))))
        _check_bounds(value, field.metadata.get("low"), field.metadata.get("high"))
    except ValueError as error:
        raise SettingError(f"{given.where}: {shown} cannot be used: {error}.") from None
    if isinstance(value, Path) and given.folder is not None:
        return given.folder / value
    return value


def _as_text(value: object, *, many: bool = False) -> str:
    """A TOML value as the text that a flag would have given."""
    if many and isinstance(value, list):
        return ",".join(_as_text(each) for each in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError("it takes one plain value")


def _check_bounds(value: object, low: float | None, high: float | None) -> None:
    if not isinstance(value, int | float):
        return
    if low is not None and value < low:
        raise ValueError(f"it is at least {low:,}")
    if high is not None and value > high:
        raise ValueError(f"it is at most {high:,}")


def _suggestion(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"Did you mean {close[0]}?" if close else f"Known are: {', '.join(known)}."
