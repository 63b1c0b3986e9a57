"""Comparing a build with a folder: every path once, in order, with the right finding."""

from hypothesis import given
from hypothesis import strategies as st

from tenku.content.compare import Compared, Finding, Stamp, compare
from tenku.content.model import Entry, Hash, Kind
from tenku.content.scan import Found

PATHS = ["a", "a.txt", "a/b", "a/c", "b", "zwölf", "日本", "x y/z"]


def entry(path: str, **given: object) -> Entry:
    return Entry(path, Kind.FILE, 0o644, 10, Hash(bytes(32)))._replace(**given)  # type: ignore[arg-type]


def found(path: str, **given: object) -> Found:
    return Found(path, Kind.FILE, 0o644, 10, 1000, 7)._replace(**given)  # type: ignore[arg-type]


STAMP = Stamp(10, 1000, 7)


def findings(build: list[tuple[Entry, Stamp | None]], disk: list[Found]) -> dict[str, Finding]:
    return {each.path: each.finding for each in compare(build, disk)}


def as_bytes(path: str) -> bytes:
    return path.encode()


@given(st.sets(st.sampled_from(PATHS)), st.sets(st.sampled_from(PATHS)))
def test_every_path_comes_once_in_order(build: set[str], disk: set[str]) -> None:
    entries = [(entry(path), STAMP) for path in sorted(build, key=as_bytes)]
    compared = list(compare(entries, [found(path) for path in sorted(disk, key=as_bytes)]))
    assert [each.path for each in compared] == sorted(build | disk, key=as_bytes)
    by_path = {each.path: each.finding for each in compared}
    assert {path for path, finding in by_path.items() if finding is Finding.SAME} == build & disk
    assert {path for path, finding in by_path.items() if finding is Finding.MISSING} == build - disk
    assert {path for path, finding in by_path.items() if finding is Finding.ADDED} == disk - build


def test_a_file_with_the_status_of_its_installation_is_the_same() -> None:
    assert findings([(entry("a"), STAMP)], [found("a")]) == {"a": Finding.SAME}


def test_a_file_with_another_status_was_touched() -> None:
    for change in ({"mtime_ns": 1001}, {"inode": 8}):
        assert findings([(entry("a"), STAMP)], [found("a", **change)]) == {"a": Finding.TOUCHED}
    assert findings([(entry("a"), None)], [found("a")]) == {"a": Finding.TOUCHED}


def test_another_size_mode_or_kind_is_a_change() -> None:
    for change in ({"size": 11}, {"mode": 0o755}, {"kind": Kind.LINK, "target": "b"}, {"kind": Kind.FOLDER}):
        assert findings([(entry("a"), STAMP)], [found("a", **change)]) == {"a": Finding.CHANGED}


def test_a_link_is_the_same_while_it_leads_to_the_same() -> None:
    link = entry("a", kind=Kind.LINK, target="b", size=0, hash=Hash(b""))
    assert findings([(link, None)], [found("a", kind=Kind.LINK, target="b", size=0)]) == {"a": Finding.SAME}
    assert findings([(link, None)], [found("a", kind=Kind.LINK, target="c", size=0)]) == {"a": Finding.CHANGED}


def test_what_lies_in_an_empty_folder_was_added() -> None:
    folder = entry("a", kind=Kind.FOLDER, size=0, hash=Hash(b""))
    assert findings([(folder, None)], [found("a/x")]) == {"a": Finding.SAME, "a/x": Finding.ADDED}
    assert findings([(folder, None)], [found("a", kind=Kind.FOLDER, size=0)]) == {"a": Finding.SAME}
    assert findings([(folder, None)], [found("b")]) == {"a": Finding.MISSING, "b": Finding.ADDED}


def test_a_file_in_the_place_of_a_folder_is_added_and_the_files_of_the_folder_are_missing() -> None:
    assert findings([(entry("a/b"), STAMP)], [found("a")]) == {"a": Finding.ADDED, "a/b": Finding.MISSING}


def test_a_name_that_is_not_utf8_was_added() -> None:
    compared = list(compare([], [found("bad\udcff")]))
    assert compared == [Compared(Finding.ADDED, None, found("bad\udcff"))]


def test_an_empty_folder_whose_name_begins_others_is_compared_by_itself() -> None:
    folder = entry("a", kind=Kind.FOLDER, size=0, hash=Hash(b""))
    disk = [found("a.txt"), found("a/x")]
    assert findings([(folder, None), (entry("a.txt"), STAMP)], disk) == {
        "a": Finding.SAME,
        "a.txt": Finding.SAME,
        "a/x": Finding.ADDED,
    }
