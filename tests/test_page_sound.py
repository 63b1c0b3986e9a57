"""The page's sound and clock: decided in plain code, run in the browser that will run it."""

from typing import Any

from browser import Open
from page_server import Script

pytest_plugins = ["page_fixtures"]

RING = """
const { Ring } = await import("/static/ring.js");
const sine = (at) => Math.sin((at * 2 * Math.PI) / 100);
const tone = (from, count) => Float32Array.from({ length: count }, (_, i) => sine(from + i));
const ring = new Ring({ rate: 48000 });
ring.targetMs = 20;
let captureUs = 1_000_000;
let sent = 0;
const packet = () => {
    ring.push(captureUs, tone(sent, 480), tone(sent, 480));
    captureUs += 10_000;
    sent += 480;
};
const out = [];
const play = (blocks) => {
    for (let i = 0; i < blocks; i++) {
        const left = new Float32Array(120);
        ring.pull(left, new Float32Array(120));
        out.push(...left);
    }
};
"""


def run(play: Open, script: str) -> Any:
    page, _server = play(Script(video=False), wait=False)
    return page.evaluate(f"(async () => {{ {script} }})()")


def test_even_packets_play_without_a_gap_at_the_target(play: Open) -> None:
    ring = run(
        play,
        RING
        + """
        for (let i = 0; i < 300; i++) { packet(); play(4); }
        const late = out.slice(24_000);
        let step = 0;
        for (let i = 1; i < late.length; i++) step = Math.max(step, Math.abs(late[i] - late[i - 1]));
        return { level: ring.levelMs, step, totals: ring.totals, behind: (captureUs - ring.captureUs) / 1000 };
        """,
    )
    assert 10 <= ring["level"] <= 30
    assert ring["step"] < 0.07, "a gap or a jump would be a larger step than the sine's steepest one"
    assert ring["totals"] == {"packets": 300, "underruns": 0, "dropped": 0, "silence": 0}
    assert abs(ring["behind"] - ring["level"]) < 1, "it knows what it plays"


def test_a_burst_after_a_stall_is_dropped_down_to_the_target(play: Open) -> None:
    ring = run(
        play,
        RING
        + """
        for (let i = 0; i < 50; i++) { packet(); play(4); }
        play(120); // 300 ms in which nothing came
        const dry = ring.playing;
        for (let i = 0; i < 30; i++) packet();
        play(1);
        return { dry, level: ring.levelMs, totals: ring.totals, behind: (captureUs - ring.captureUs) / 1000 };
        """,
    )
    assert ring["dry"] is False
    assert ring["level"] <= 60
    assert ring["behind"] <= 60
    assert ring["totals"]["underruns"] == 1
    assert ring["totals"]["dropped"] > 0


def test_silence_that_was_not_sent_is_no_late_packet(play: Open) -> None:
    ring = run(
        play,
        RING
        + """
        for (let i = 0; i < 50; i++) { packet(); play(4); }
        play(400);
        const silent = out.slice(-120).every((sample) => sample === 0);
        captureUs += 1_000_000; // the game was silent for a second
        for (let i = 0; i < 50; i++) { packet(); play(4); }
        return { silent, playing: ring.playing, totals: ring.totals };
        """,
    )
    assert ring["silent"]
    assert ring["playing"]
    assert ring["totals"]["underruns"] == 0


def test_the_buffer_follows_the_network_and_the_picture(play: Open) -> None:
    found = run(
        play,
        """
        const { nextTarget, nextFloor } = await import("/static/sound.js");
        const settle = (state, steps) => {
            for (let i = 0; i < steps; i++) state.targetMs = nextTarget(state);
            return state.targetMs;
        };
        let calm = 60;
        for (let i = 0; i < 600; i++) calm = nextFloor({ floorMs: calm, underruns: 0 });
        return {
            late: nextFloor({ floorMs: 25, underruns: 2 }),
            calm,
            grows: settle({ targetMs: 25, floorMs: 50, skewMs: 10 }, 100),
            early: settle({ targetMs: 25, floorMs: 25, skewMs: -80 }, 5),
            behind: settle({ targetMs: 80, floorMs: 80, skewMs: 70 }, 100),
            holds: settle({ targetMs: 40, floorMs: 80, skewMs: 38 }, 100),
        };
        """,
    )
    assert found["late"] > 25
    assert 15 <= found["calm"] < 20
    assert found["grows"] == 50
    assert found["early"] > 60, "sound ahead of the picture is held back"
    assert found["behind"] == 15, "sound far behind the picture catches up"
    assert found["holds"] == 40


def test_the_clock_believes_the_shortest_round_trip(play: Open) -> None:
    found = run(
        play,
        """
        const { Clock } = await import("/static/clock.js");
        const clock = new Clock();
        const unknown = clock.toServer(5);
        const heard = (browserUs, thereUs, backUs) => {
            const serverUs = browserUs + thereUs + 7_000_000;
            clock.hear({ browserUs, serverUs, receivedUs: browserUs + thereUs + backUs });
        };
        heard(0, 40_000, 2_000);
        heard(100_000, 1_000, 1_000);
        heard(200_000, 3_000, 90_000);
        const best = clock.toServer(500_000);
        for (let i = 0; i < 16; i++) heard(1_000_000 + i, 5_000, 5_000);
        return { unknown, best, rtt: clock.rttMs, kept: clock.toServer(500_000) };
        """,
    )
    assert found == {"unknown": 0, "best": 7_500_000, "rtt": 10, "kept": 7_500_000}
