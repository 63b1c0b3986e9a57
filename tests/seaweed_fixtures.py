"""One S3 server for all tests of a run that need one."""

from collections.abc import Iterator

import pytest

from seaweed import Seaweed, seaweed


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    with seaweed(tmp_path_factory.mktemp("seaweed")) as server:
        yield server


@pytest.fixture
def s3_keys(s3: Seaweed, monkeypatch: pytest.MonkeyPatch) -> Seaweed:
    """The server, with the variables set that let this process in. Take a prefix of your own: `s3://games/NAME`."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return s3
