"""A launch is plain data, and a wrong one cannot be made."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenku.base.errors import GameError, SettingError
from tenku.unit.spec import Bind, LaunchSpec, Limits, overlap

WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
NAMES = st.text("ABCXYZ_09", min_size=1, max_size=8)
PATHS = st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=4).map(lambda parts: Path("/", *parts))
LIMITS = st.builds(
    Limits,
    cpu=st.none() | st.floats(0.01, 64),
    memory=st.none() | st.integers(16 << 20, 1 << 40),
    processes=st.none() | st.integers(1, 100_000),
)


@st.composite
def launches(draw: st.DrawFn) -> LaunchSpec:
    home = draw(PATHS)
    folder = draw(st.none() | PATHS.filter(lambda path: not path.is_relative_to(home)))
    binds = draw(st.lists(st.builds(Bind, source=PATHS, target=PATHS, writable=st.booleans()), max_size=5))
    targets: set[Path] = set()
    kept = []
    for bind in binds:
        opened = bind.writable and folder and overlap(bind.source, folder)
        if bind.target not in targets and not opened and not (folder and folder.is_relative_to(bind.target)):
            targets.add(bind.target)
            kept.append(bind)
    return LaunchSpec(
        name=draw(WORDS),
        command=tuple(draw(st.lists(WORDS, min_size=1, max_size=4))),
        home=home,
        env=draw(st.dictionaries(NAMES, WORDS, max_size=4)),
        folder=folder,
        network=draw(st.booleans()),
        sandbox=draw(st.booleans()),
        limits=draw(LIMITS),
        binds=tuple(kept),
        user=draw(st.none() | st.integers(1, 70_000)),
    )


@given(launches())
def test_a_launch_survives_the_trip_through_json(spec: LaunchSpec) -> None:
    assert LaunchSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": 1}', "null"])
def test_what_is_no_launch_is_refused(text: str) -> None:
    with pytest.raises(GameError, match="no launch specification"):
        LaunchSpec.from_json(text)


HOME = Path("/saves")


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        ({"command": ()}, GameError, "no command"),
        ({"command": ("",)}, GameError, "no command"),
        ({"command": ("a\0b",)}, GameError, "zero byte"),
        ({"env": {"A": "\0"}}, GameError, "zero byte"),
        ({"env": {"A=B": ""}}, GameError, "environment variable"),
        ({"env": {"": "x"}}, GameError, "environment variable"),
        ({"home": Path("saves")}, GameError, "absolute"),
        ({"folder": Path("game")}, GameError, "absolute"),
        ({"folder": Path("/games/../etc")}, GameError, "absolute"),
        ({"user": 0}, SettingError, "user 0"),
        ({"user": -1}, SettingError, "user -1"),
        ({"helper": True, "network": True}, SettingError, "helper"),
        ({"helper": True, "limits": Limits(cpu=1)}, SettingError, "helper"),
        ({"binds": (Bind(source=HOME, target=HOME),) * 2}, GameError, "two things"),
        (
            {"folder": Path("/g"), "binds": (Bind(source=Path("/g/x"), target=Path("/y"), writable=True),)},
            GameError,
            "would make the game's folder /g writable",
        ),
        (
            {"folder": Path("/g/x"), "binds": (Bind(source=Path("/g"), target=Path("/y"), writable=True),)},
            GameError,
            "writable",
        ),
        ({"folder": HOME / "game"}, GameError, "/saves would make the game's folder /saves/game writable"),
        ({"folder": HOME}, GameError, "writable"),
        (
            {"folder": Path("/g/x"), "binds": (Bind(source=Path("/y"), target=Path("/g")),)},
            GameError,
            "hide the game's folder",
        ),
    ],
)
def test_a_wrong_launch_cannot_be_made(more: dict[str, Any], error: type[Exception], said: str) -> None:
    whole: dict[str, Any] = {"name": "game", "command": ("true",), "home": HOME} | more
    with pytest.raises(error, match=said):
        LaunchSpec(**whole)


@pytest.mark.parametrize(
    "wrong", [{"cpu": 0.0}, {"cpu": -1.0}, {"cpu": float("nan")}, {"memory": 1}, {"processes": 0}, {"cpu": 1e9}]
)
def test_limits_that_nothing_can_run_under_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        Limits(**wrong)


@pytest.mark.parametrize("path", ["x", "/a/../b", "", "/"])
def test_only_absolute_paths_are_shown(path: str) -> None:
    with pytest.raises(GameError):
        Bind(source=Path(path), target=Path("/x"))
    with pytest.raises(GameError):
        Bind(source=Path("/x"), target=Path(path))
