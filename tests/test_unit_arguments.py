"""The walls as words: what bubblewrap is told, for any launch."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tenku.unit.environment import GAME_HOME, INHERITED, open_environment, sandbox_environment
from tenku.unit.sandbox import PLAYER_ID, Handles, Walls, arguments, made_up_files
from tenku.unit.spec import Bind, LaunchSpec
from test_unit_spec import LIMITS, launches

RUNTIME = Path("/scratch/runtime")
SHOWING = {"--bind": 2, "--ro-bind": 2, "--dev-bind": 2, "--ro-bind-try": 2}
WALLS = st.builds(
    Walls,
    root=st.booleans(),
    links=st.sampled_from([{}, {"/bin": "usr/bin", "/lib": "usr/lib"}]),
    closed_network=st.booleans(),
    rlimits=LIMITS,
    groups=st.sampled_from([(), (44, 105)]),
)


def words_of(spec: LaunchSpec, walls: Walls, *, seccomp: int | None = 9) -> tuple[list[str], list[str]]:
    """What comes before and after the first `--`."""
    handles = Handles(
        files={path: 20 + at for at, path in enumerate(made_up_files(spec))}, status=7, block=8, seccomp=seccomp
    )
    words = arguments(spec, environment=sandbox_environment(spec, {}), walls=walls, handles=handles, runtime=RUNTIME)
    end = words.index("--")
    return words[:end], words[end + 1 :]


def shown(words: list[str]) -> list[tuple[str, str, str]]:
    """Every bind: its word, source and target. Only options stand where a bind's word is looked for."""
    return [tuple(words[at : at + 3]) for at, word in enumerate(words) if word in SHOWING]  # type: ignore[misc]


@given(launches(), WALLS)
def test_every_bind_appears_once_and_as_it_was_asked_for(spec: LaunchSpec, walls: Walls) -> None:
    words, _ = words_of(spec, walls)
    for bind in spec.binds:
        word = "--bind" if bind.writable else "--ro-bind"
        wanted = ("--dev-bind" if bind.target.is_relative_to("/dev") else word, str(bind.source), str(bind.target))
        assert shown(words).count(wanted) == 1


@given(launches(), WALLS)
def test_nothing_writable_is_shown_but_the_home_the_runtime_folder_and_what_was_named(
    spec: LaunchSpec, walls: Walls
) -> None:
    words, _ = words_of(spec, walls)
    named = {(str(bind.source), str(bind.target)) for bind in spec.binds if bind.writable}
    named |= {(str(spec.home), str(GAME_HOME)), (str(RUNTIME), "/run/user/61800")}
    assert {(source, target) for word, source, target in shown(words) if word == "--bind"} <= named


@given(launches(), WALLS)
def test_the_folder_is_shown_read_only_and_nothing_shows_it_otherwise(spec: LaunchSpec, walls: Walls) -> None:
    words, _ = words_of(spec, walls)
    if spec.folder is not None:
        assert ("--ro-bind", str(spec.folder), str(spec.folder)) in shown(words)
        for word, source, target in shown(words):
            assert word != "--bind" or not spec.folder.is_relative_to(source)
            assert target == str(spec.folder) or not spec.folder.is_relative_to(target)


@given(launches(), WALLS)
def test_every_wall_stands_for_every_launch(spec: LaunchSpec, walls: Walls) -> None:
    words, _ = words_of(spec, walls)
    for wall in ("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent", "--new-session", "--seccomp"):
        assert words.count(wall) == 1
    assert ("--unshare-net" in words) == (walls.closed_network and not spec.network)
    assert ("/etc/resolv.conf" in words) == spec.network
    assert ("--unshare-user" in words) == (not walls.root)
    assert "--share-net" not in words
    assert words[words.index("--remount-ro") + 1] == "/"


@given(launches(), WALLS)
def test_root_is_given_away_before_the_games_environment_is_set(spec: LaunchSpec, walls: Walls) -> None:
    words, last = words_of(spec, walls)
    assert "--setenv" not in words
    env = last.index("/usr/bin/env")
    player = str(spec.user or PLAYER_ID)
    if walls.root:
        assert last[:5] == ["/usr/bin/setpriv", "--reuid", player, "--regid", player]
        assert {"--no-new-privs", "--bounding-set"} <= set(last[:env])
    else:
        assert words[words.index("--uid") + 1] == player
    for name, text in spec.env.items():
        assert f"{name}={text}" in last[env:]
        assert f"{name}={text}" not in last[:env]


@given(launches(), WALLS)
def test_the_command_comes_last_and_unchanged(spec: LaunchSpec, walls: Walls) -> None:
    _, last = words_of(spec, walls)
    assert tuple(last[-len(spec.command) :]) == spec.command


@given(launches())
def test_a_machine_without_a_filter_gets_none(spec: LaunchSpec) -> None:
    words, _ = words_of(spec, Walls(root=True, links={}), seccomp=None)
    assert "--seccomp" not in words


def test_a_gpu_brings_what_its_driver_reads() -> None:
    node = Path("/dev/dri/renderD128")
    spec = LaunchSpec(name="g", command=("x",), home=Path("/h"), binds=(Bind(source=node, target=node, writable=True),))
    words, last = words_of(spec, Walls(root=True, links={}, groups=(105,)))
    assert ("--dev-bind", str(node), str(node)) in shown(words)
    assert "/sys/devices" in words
    assert last[last.index("--groups") + 1] == "105"


@given(
    launches(), st.dictionaries(st.sampled_from(["SECRET", "LANG", "LC_ALL", "TZ", "AWS_KEY", "PATH"]), st.text("ab"))
)
def test_of_the_servers_environment_only_the_listed_reaches_a_game(spec: LaunchSpec, server: dict[str, str]) -> None:
    for chosen in (sandbox_environment(spec, server), open_environment(spec, server)):
        strange = set(chosen) - set(spec.env) - set(INHERITED)
        assert strange <= {"LC_ALL", "PATH", "HOME", "USER", "LOGNAME", "XDG_RUNTIME_DIR"}


@given(launches())
def test_the_same_home_is_the_same_machine(spec: LaunchSpec) -> None:
    files = made_up_files(spec)
    assert len(files["/etc/machine-id"].strip()) == 32
    assert files == made_up_files(spec)
    assert str(spec.user or PLAYER_ID).encode() in files["/etc/passwd"]
