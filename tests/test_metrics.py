"""The Prometheus text format 0.0.4, by an own reading of its description."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenku.base.metrics import Counter, Gauge, Histogram, Metric, Quantiles, Registry, Summary


def text_of(*metrics: Metric) -> str:
    registry = Registry()
    for metric in metrics:
        registry.add(metric)
    return registry.text()


def test_a_counter_and_a_gauge_read_as_prometheus_expects() -> None:
    frames = Counter("tenku_frames_total", "Frames, by what became of them.", labels=("result",))
    frames.add(result="sent")
    frames.add(2, result="late")
    here = Gauge("tenku_players", "Players who are here.")
    here.set(3)
    here.add(-1)
    assert text_of(frames, here) == (
        "# HELP tenku_frames_total Frames, by what became of them.\n"
        "# TYPE tenku_frames_total counter\n"
        'tenku_frames_total{result="sent"} 1\n'
        'tenku_frames_total{result="late"} 2\n'
        "# HELP tenku_players Players who are here.\n"
        "# TYPE tenku_players gauge\n"
        "tenku_players 2\n"
    )


def test_a_histogram_has_cumulative_buckets_an_infinite_one_a_sum_and_a_count() -> None:
    encode = Histogram("encode_ms", "Encode.", bounds=(1, 2.5, 10), labels=("codec",))
    for number in (1, 2, 2.5, 11):
        encode.observe(number, codec="h264")
    assert text_of(encode).splitlines()[2:] == [
        'encode_ms_bucket{codec="h264",le="1"} 1',
        'encode_ms_bucket{codec="h264",le="2.5"} 3',
        'encode_ms_bucket{codec="h264",le="10"} 3',
        'encode_ms_bucket{codec="h264",le="+Inf"} 4',
        'encode_ms_sum{codec="h264"} 16.5',
        'encode_ms_count{codec="h264"} 4',
    ]


def test_a_summary_shows_its_quantiles_a_sum_and_a_count() -> None:
    stages = Summary("stage_ms", "Stages.", labels=("stage",))
    stages.set(Quantiles({0.95: 12.25, 0.5: math.nan}, count=7, total=70), stage="decode")
    assert text_of(stages).splitlines()[2:] == [
        'stage_ms{stage="decode",quantile="0.5"} NaN',
        'stage_ms{stage="decode",quantile="0.95"} 12.25',
        'stage_ms_sum{stage="decode"} 70',
        'stage_ms_count{stage="decode"} 7',
    ]


@given(value=st.text())
def test_any_label_value_survives_the_way_to_prometheus_and_back(value: str) -> None:
    gauge = Gauge("g", "A \\ and\na line.", labels=("game",))
    gauge.set(1, game=value)
    text = text_of(gauge)
    assert text.startswith("# HELP g A \\\\ and\\na line.\n")
    found = re.search(r'^g\{game="((?:[^"\\\n]|\\["\\n])*)"\} 1\n\Z', text, re.MULTILINE)
    assert found is not None
    back = re.sub(r'\\(["\\n])', lambda escape: {"n": "\n"}.get(escape[1], escape[1]), found[1])
    assert back == value


@given(number=st.floats())
def test_any_number_survives_the_way_to_prometheus_and_back(number: float) -> None:
    gauge = Gauge("g", "G.")
    gauge.set(number)
    shown = text_of(gauge).split()[-1]
    if math.isinf(number) or math.isnan(number):
        assert shown == {math.inf: "+Inf", -math.inf: "-Inf"}.get(number, "NaN")
    else:
        assert float(shown) == number


def test_an_ended_session_leaves_the_metrics() -> None:
    gauge = Gauge("fps", "Frames a second.", labels=("session",))
    gauge.set(60, session="a")
    gauge.set(30, session="b")
    gauge.forget(session="a")
    gauge.forget(session="never was")
    assert text_of(gauge).splitlines()[2:] == ['fps{session="b"} 30']


def test_wrong_names_labels_and_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="no name of a metric"):
        Gauge("frames per second", "")
    with pytest.raises(ValueError, match="cannot be a label"):
        Gauge("g", "", labels=("__name__",))
    with pytest.raises(ValueError, match="cannot be a label"):
        Histogram("h", "", labels=("le",))
    with pytest.raises(ValueError, match="twice"):
        Gauge("g", "", labels=("a", "a"))
    with pytest.raises(ValueError, match="must rise"):
        Histogram("h", "", bounds=(2, 1))
    with pytest.raises(ValueError, match="has the labels"):
        Gauge("g", "", labels=("a",)).set(1, b="x")
    with pytest.raises(ValueError, match="cannot fall"):
        Counter("c", "").add(-1)
    with pytest.raises(ValueError, match="no quantile"):
        Summary("s", "").set(Quantiles({50: 1}))


def test_two_metrics_cannot_claim_one_sample() -> None:
    registry = Registry()
    registry.add(Histogram("delay", "", bounds=(1,)))
    with pytest.raises(ValueError, match="delay_count"):
        registry.add(Counter("delay_count", ""))
