"""A path that means different things on different systems, or leaves the build, is refused by name."""

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tenku.base.errors import PathError
from tenku.content.model import Kind
from tenku.content.mutable import compile_patterns, matches
from tenku.content.paths import PathGuard, check_path, check_target

FILE, FOLDER, LINK = Kind.FILE, Kind.FOLDER, Kind.LINK

GOOD = [
    "a",
    "a/b/c.txt",
    ".hidden",
    "..two dots at the beginning",
    "with space/and-more_(1)+[x]{y}~$&'=@#%;,!`^.bin",
    "日本語/ゲーム.dat",
    "console/contact/nullable/com/comx/lpt",
    "com10",
    "x" * 255,
    "/".join(["x" * 127] * 8),
    "folder/.tenku/inside",
    ".tenkus",
]

BAD = [
    ("", "empty part"),
    ("/etc/passwd", "absolute"),
    ("a//b", "empty part"),
    ("a/", "empty part"),
    ("..", "'..'"),
    ("a/../b", "'..'"),
    ("./a", "'.'"),
    ("a\\b", "backslash"),
    ("C:/a", "':'"),
    ("a\0b", "control"),
    ("a\nb", "control"),
    ("a\x85b", "control"),
    ("what?", "'?'"),
    ("a*", "'*'"),
    ("<a", "'<'"),
    ("a>", "'>'"),
    ('"a', "'\"'"),
    ("a|b", "'|'"),
    ("con", "device"),
    ("a/NUL.txt", "device"),
    ("Com1", "device"),
    ("COM¹.x.y", "device"),
    ("lpt9/a", "device"),
    ("aux .c", "device"),
    ("conin$", "device"),
    ("name.", "ends with a dot"),
    ("folder /a", "ends with a dot or a space"),
    ("x" * 256, "longer than 255 bytes"),
    ("é" * 128, "longer than 255 bytes"),
    ("a/" * 512 + "a", "longer than 1,024 bytes"),
    ("a\udcffb", "not UTF-8"),
    (".tenku", "keeps its own files"),
    (".TENKU/journal", "keeps its own files"),
    (".ten\u200dku/journal", "keeps its own files"),
    ("TENKU~1/journal", "keeps its own files"),
]


@pytest.mark.parametrize("path", GOOD)
def test_a_path_that_every_system_can_hold_is_taken(path: str) -> None:
    check_path(path)


@pytest.mark.parametrize(("path", "why"), BAD)
def test_a_path_that_is_not_safe_is_refused_with_its_name_and_reason(path: str, why: str) -> None:
    with pytest.raises(PathError) as caught:
        check_path(path)
    assert why in str(caught.value)
    assert repr(path[:200])[1:-1] in str(caught.value)


PIECES = st.text(st.sampled_from("aA. /\\:cConNuUl1\0é\u0301\u200d\udc80"), max_size=12)


@given(PIECES)
def test_what_is_taken_stays_below_the_root(path: str) -> None:
    try:
        check_path(path)
    except PathError:
        return
    assert os.path.normpath(path) == path
    assert not path.startswith(("/", ".."))
    assert all(part.split(".")[0].lower() not in ("con", "nul") for part in path.split("/"))
    path.encode()


@given(PIECES)
@example("a/con /b")
def test_a_fault_is_found_in_a_short_path_as_in_a_long_one(path: str) -> None:
    """Long paths are looked at part by part, short ones in one look; both must find the same."""

    def refused(text: str) -> bool:
        try:
            check_path(text)
        except PathError:
            return True
        return False

    if not path.startswith("/"):
        assert refused(f"x/{path}") == refused(f"{'x' * 99}/{path}")


def guard(*rows: tuple[str, Kind] | tuple[str, Kind, str]) -> None:
    """Feed a build."""
    guard = PathGuard()
    for path, kind, *target in rows:
        guard.add(path, kind, target="".join(target))


def test_a_build_in_order_is_taken() -> None:
    guard(
        ("A/b/c", FILE),
        ("A/d", FILE),
        ("a.txt", FILE),
        ("b", FOLDER),
        ("b.txt", FILE),
        ("b2/x", FILE),
        ("c", LINK, "A/b/c"),
        ("d/e/link", LINK, "../../A/./d"),
    )


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([("a", FILE), ("a", FILE)], "twice"),
        ([("b", FILE), ("a", FILE)], "out of order"),
        ([("A", FILE), ("a", FILE)], "'A'"),
        ([("A/x", FILE), ("a/y", FILE)], "'A'"),
        ([("A/x", FILE), ("a", FILE)], "'A'"),
        ([("A/b/C/x", FILE), ("A/b/c/y", FILE)], "'C'"),
        ([("straSSe", FILE), ("straße", FILE)], "same name"),
        ([("e\u0301", FILE), ("\u00e9", FILE)], "same name"),
        ([("E\u0301/a", FILE), ("\u00e9/b", FILE)], "same name"),
        ([("ab", FILE), ("a\u200db", FILE)], "same name"),
        ([("a", FILE), ("a.x", FILE), ("a/b", FILE)], "below a file"),
        ([("a", FILE), ("a/b/c", FILE)], "below a file"),
        ([("l", LINK, "x"), ("l/b", FILE)], "below a symbolic link"),
        ([("a", FOLDER), ("a/b", FILE)], "said to be empty"),
        ([("l", LINK, "")], "nothing"),
        ([("l", LINK, "/etc")], "absolute"),
        ([("l", LINK, "..")], "leaves"),
        ([("a/l", LINK, "../..")], "leaves"),
        ([("a/l", LINK, "../../b")], "leaves"),
        ([("a/l", LINK, "b/../../../c")], "leaves"),
        ([("l", LINK, "d/x/../..")], "leaves"),
        ([("l", LINK, "C:/x")], "':'"),
        ([("l", LINK, "..\\x")], "backslash"),
        ([("a/l", LINK, "../.tenku/journal")], "keeps its own"),
        ([("l", LINK, "x\udc80")], "not UTF-8"),
        ([("l", LINK, "x/" * 600)], "longer"),
    ],
)
def test_entries_that_do_not_fit_together_are_refused(rows: list[tuple[str, Kind]], why: str) -> None:
    with pytest.raises(PathError, match=why):
        guard(*rows)


def test_only_the_file_before_goes_on() -> None:
    guard = PathGuard()
    guard.add("a", FILE)
    guard.add("a", FILE, start=4096)
    for path, kind in (("b", FILE), ("a", LINK)):
        with pytest.raises(PathError, match="middle of a file"):
            guard.add(path, kind, start=4096)
    with pytest.raises(PathError, match="middle of a file"):
        PathGuard().add("a", FILE, start=1)


def test_a_link_that_is_taken_cannot_lead_out_through_other_links(tmp_path: Path) -> None:
    """`d/x` is `d` itself: what looks like the root is the folder above it."""
    (tmp_path / "root/d").mkdir(parents=True)
    (tmp_path / "root/d/x").symlink_to(".")
    (tmp_path / "root/l").symlink_to("d/x/../..")
    assert (tmp_path / "root/l").resolve() == tmp_path
    check_target("d/x", ".")
    with pytest.raises(PathError):
        check_target("l", "d/x/../..")


NAMES = st.sampled_from(["a", "A", "b", "é", "e\u0301", "É", "a.x", "ss", "ß"])


@given(st.sets(st.lists(NAMES, min_size=1, max_size=3).map("/".join), max_size=8))
def test_the_guard_finds_what_a_slow_comparison_of_all_pairs_finds(paths: set[str]) -> None:
    def fold(text: str) -> str:
        return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())

    def collide(a: str, b: str) -> bool:
        for one, other in zip(a.split("/"), b.split("/"), strict=False):
            if fold(one) != fold(other):
                return False
            if one != other:
                return True
        return True  # One is the other's folder.

    ordered = sorted(paths, key=str.encode)
    wrong = any(collide(a, b) for i, a in enumerate(ordered) for b in ordered[:i])
    try:
        guard(*((path, FILE) for path in ordered))
    except PathError:
        assert wrong
    else:
        assert not wrong


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("config/user.cfg", ["config/user.cfg"], ["config/user.cfg2", "x/config/user.cfg", "config/userXcfg"]),
        ("*.ini", ["a.ini", ".ini"], ["a.inix", "x/a.ini", "a.ini/b"]),
        ("saves/**", ["saves/a", "saves/a/b/c"], ["saves", "saves2/a", "x/saves/a"]),
        ("**/*.ini", ["a.ini", "x/y/a.ini"], ["a.cfg"]),
        ("**/logs/**", ["logs/a", "x/y/logs/a/b"], ["logs", "x/log/a"]),
        ("**", ["a", "a/b"], []),
        ("sa?e/*-*-*.dat", ["save/1-2-3.dat", "sase/--.dat"], ["save/1-2.dat", "sa/e/1-2-3.dat"]),
        ("a[1].txt", ["a[1].txt"], ["a1.txt"]),
    ],
)
def test_a_pattern_means_what_its_page_says(pattern: str, yes: list[str], no: list[str]) -> None:
    patterns = compile_patterns([pattern])
    assert [path for path in yes if not matches(path, patterns)] == []
    assert [path for path in no if matches(path, patterns)] == []


def test_any_of_several_patterns_is_enough_and_none_match_nothing() -> None:
    assert matches("b", compile_patterns(["a", "b"]))
    assert not matches("", compile_patterns([]))
    assert not matches("a", compile_patterns([]))


@pytest.mark.parametrize("pattern", ["", "/saves/**", "saves/", "../**", "a**", "a/**b", "**/**/**/a", "a\\*", "a:b"])
def test_a_pattern_that_cannot_match_is_refused_by_name(pattern: str) -> None:
    with pytest.raises(PathError) as caught:
        compile_patterns([pattern])
    assert repr(pattern) in str(caught.value)


def test_too_many_patterns_are_refused() -> None:
    with pytest.raises(PathError, match="300"):
        compile_patterns(["a"] * 300)


@pytest.mark.timeout(5)
def test_no_pattern_makes_matching_slow() -> None:
    patterns = compile_patterns(["**/*" + "a*" * 100 + "b/**/c", "?" * 200 + "*a" * 20 + "b"])
    assert not any(matches("/".join(["a" * 200] * 5), patterns) for _ in range(20))
