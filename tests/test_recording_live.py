"""A real game on the real compositor with real sound, recorded while its picture changes size, rate and bitrate."""

import statistics
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest

import media

SCRIPT = Path(__file__).with_name("record_live.py")


@pytest.mark.parametrize("killed", [False, True], ids=["finished", "killed"])
def test_a_live_recording_plays_in_step(tmp_path: Path, killed: bool) -> None:
    """Every flash has its beep, whether the recording was finished or ended by kill -9."""
    file = tmp_path / "game.mp4"
    with (
        tempfile.TemporaryDirectory() as run,  # short: a socket's path has at most 107 characters
        subprocess.Popen(
            [sys.executable, str(SCRIPT), str(file), run],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as host,
    ):
        assert host.stderr is not None
        assert any("second 12" in line for line in host.stderr)
        if killed:
            host.kill()
        else:
            host.communicate("")
            assert host.returncode == 0
    assert media.complaints(file) == ""
    shown = media.brightness(file)
    # A busy machine lets the game itself stumble; only where its pictures flow can sound be in step with them.
    flashes = [time for (last, before), (time, luma) in pairwise(shown) if before < 128 < luma and time - last < 0.05]
    beeps = [sample / media.RATE for sample in media.onsets(media.heard(file)[:, 0])]
    # The first seconds are the game's own start; its sound card and its first picture are not there at once.
    skews = [min(abs(beep - flash) for beep in beeps) for flash in flashes if flash > 3]
    assert len(skews) >= 3
    assert statistics.median(skews) < 0.08
    sizes = media.run(
        *("ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "frame=width", "-of", "csv=p=0", file)
    )
    assert {int(line.split(b",")[0]) for line in sizes.split()} == {1280, 640}
