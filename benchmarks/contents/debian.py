"""Debian packages of any suite, without touching what this machine has installed."""

import os
import subprocess
from pathlib import Path

from benchmarks.stream import BenchmarkError

SUITES = ("bookworm", "bookworm-backports", "trixie", "trixie-backports")
SYSTEM = Path("/etc/apt")


class Debian:
    """A private apt: the machine's own archive with other suites, and its own lists and cache."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._updated = False

    def fetch(self, package: str, suite: str, into: Path) -> str:
        """Unpack a package of a suite into a folder; its version. Raises BenchmarkError."""
        self._update()
        downloads = self._folder / "downloads"
        downloads.mkdir(exist_ok=True)
        # apt names the file after the version, in which `:` is written as `%3a`.
        self._apt("download", f"{package}/{suite}", at=downloads)
        file = max(downloads.glob(f"{package}_*.deb"), key=lambda path: path.stat().st_mtime_ns)
        _run(["dpkg-deb", "-x", file, into])
        version = _run(["dpkg-deb", "-f", file, "Version"])
        file.unlink()
        return version.strip()

    def _update(self) -> None:
        if self._updated:
            return
        for name in ("state/lists/partial", "cache/archives/partial", "sources"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        (self._folder / "state" / "status").touch()
        (self._folder / "sources" / "bench.sources").write_text(sources(SYSTEM))
        self._apt("update", at=self._folder)
        self._updated = True

    def _apt(self, *words: str, at: Path) -> None:
        settings = {
            "Dir::State": self._folder / "state",
            "Dir::State::status": self._folder / "state" / "status",
            "Dir::Cache": self._folder / "cache",
            "Dir::Etc::sourcelist": "/dev/null",
            "Dir::Etc::sourceparts": self._folder / "sources",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "Acquire::Languages": "none",
            "Acquire::Retries": 3,
            # As root, apt would fetch as another user, who cannot write below a home folder.
            "APT::Sandbox::User": "root",
        }
        options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
        _run(["apt-get", "-q", *options, *words], at=at)


def sources(system: Path) -> str:
    """The machine's first Debian archive as a deb822 stanza, with all the suites that are needed.

    Raises BenchmarkError: it has none.
    """
    for path in sorted((system / "sources.list.d").glob("*.sources")):
        for stanza in path.read_text().split("\n\n"):
            lines = [line for line in stanza.splitlines() if not line.startswith("#")]
            fields = {
                name.strip(): value.strip() for name, colon, value in (ln.partition(":") for ln in lines) if colon
            }
            if _is_main(fields.get("Suites", "").split()):
                return _stanza(fields.get("URIs", ""), fields.get("Signed-By", ""))
    for path in (system / "sources.list", *sorted((system / "sources.list.d").glob("*.list"))):
        for line in path.read_text().splitlines() if path.exists() else ():
            words = [word for word in line.split() if not (word.startswith("[") or word.endswith("]"))]
            if len(words) > 3 and words[0] == "deb" and _is_main(words[2:3]):
                return _stanza(words[1], "")
    raise BenchmarkError(f"{system} names no Debian archive to fetch the corpora from.")


def _is_main(suites: list[str]) -> bool:
    """Whether these are suites of the archive itself, not of security updates or of somebody else."""
    return bool({"bookworm", "trixie", "forky", "sid", "stable", "testing", "unstable"} & set(suites))


def _stanza(uris: str, signed_by: str) -> str:
    lines = ["Types: deb", f"URIs: {uris}", f"Suites: {' '.join(SUITES)}", "Components: main", "Architectures: amd64"]
    return "\n".join([*lines, *([f"Signed-By: {signed_by}"] if signed_by else []), ""])


def _run(command: list[str | Path], *, at: Path | None = None) -> str:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, cwd=at, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"{' '.join(map(str, command[:1] + command[-2:]))} failed: {done.stderr.strip()[-400:]}")
    return done.stdout
