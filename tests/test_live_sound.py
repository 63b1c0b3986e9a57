"""Sound that the game plays is heard in the browser; benchmarks/ measures how well in step."""

from pathlib import Path

import numpy as np

from live import chromium, open_page, probe, until

RATE = 48_000
LEFT_HZ = 440


def loudest_hz(samples: list[float]) -> float:
    """The frequency that a second of sound has most of."""
    spectrum = np.abs(np.fft.rfft(np.array(samples) * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * RATE / len(samples))


def test_a_tone_of_the_game_is_heard(tmp_path: Path) -> None:
    with probe(tmp_path) as (live, log), chromium() as browser:
        page = open_page(browser, live.url() + "?debug=1")
        until(lambda: page.evaluate("globalThis.tenku.sound?.running"), what="the page's sound")
        page.keyboard.press("KeyT")
        log.wait("down", key="t")
        heard = "Array.from(globalThis.tenku.sound.heard())"
        loud = f"{heard}.filter((sample) => Math.abs(sample) > 0.1).length > {RATE // 4}"
        until(lambda: page.evaluate(loud), what="a loud tone")
        samples = page.evaluate(f"Array.from(globalThis.tenku.sound.decoded()).slice(0, {RATE // 2})")
        assert abs(loudest_hz(samples) - LEFT_HZ) < 5


def test_a_machine_without_a_sound_server_plays_without_sound_and_says_so(tmp_path: Path) -> None:
    """No sound server in PATH: one sentence, and the game goes on."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("Xwayland", "bwrap", "setpriv"):
        (tools / tool).symlink_to(f"/usr/bin/{tool}")
    with probe(tmp_path, environment={"PATH": str(tools)}) as (live, log), chromium() as browser:
        page = open_page(browser, live.url())
        page.keyboard.press("KeyS")
        log.wait("down", key="s")
        assert any("sound" in line.lower() for line in live.said)
        assert page.evaluate("globalThis.tenku.session.welcome.sound") is False
