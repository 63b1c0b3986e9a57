"""A session's measurements as Prometheus metrics."""

from collections.abc import Mapping

from tenku.base.metrics import Counter, Gauge, Quantiles, Registry, Summary
from tenku.play.model import Quality
from tenku.play.stages import Spread


class SessionMetrics:
    """What `GET /metrics` answers with, for one session.

    Args:
        session: the id that every sample is labelled with; it gives no access to anything.
    """

    def __init__(self, session: str) -> None:
        self._session = session
        self._registry = Registry()
        self._stages = self._registry.add(
            Summary(
                "tenku_stage_milliseconds",
                "Time of each stage of a frame from capture to shown, and of inputs; quantiles of the last seconds.",
                labels=("session", "stage"),
            )
        )
        self._frames = self._counter("tenku_frames_encoded_total", "Frames that the encoder made.")
        self._sent = self._counter("tenku_frames_sent_total", "Frames that were sent, summed over connections.")
        self._sent_bytes = self._counter("tenku_video_sent_bytes_total", "Bytes of video that were sent.")
        self._dropped = self._registry.add(
            Counter("tenku_frames_dropped_total", "Frames that were not sent, by reason.", labels=("session", "reason"))
        )
        self._inputs = self._counter("tenku_inputs_total", "Inputs of players that the game was given.")
        self._connections = self._gauge("tenku_connections", "Browsers that are connected.")
        self._bitrate = self._gauge("tenku_target_bitrate_bits_per_second", "What the encoder is asked for.")
        self._fps = self._gauge("tenku_target_frames_per_second", "What the encoder is asked for.")

    def encoded(self) -> None:
        """The encoder made a frame."""
        self._frames.add(session=self._session)

    def sent(self, size: int) -> None:
        """A frame of so many bytes was sent to somebody."""
        self._sent.add(session=self._session)
        self._sent_bytes.add(size, session=self._session)

    def dropped(self, reason: str) -> None:
        """A frame was not sent to somebody."""
        self._dropped.add(session=self._session, reason=reason)

    def input(self) -> None:
        """An input was given to the game."""
        self._inputs.add(session=self._session)

    def text(self, *, spreads: Mapping[str, Spread], connections: int, quality: Quality) -> str:
        """Everything, in Prometheus' text format."""
        for stage, spread in spreads.items():
            quantiles = Quantiles({0.5: spread.p50_ms, 0.95: spread.p95_ms}, spread.count, spread.total_ms)
            self._stages.set(quantiles, session=self._session, stage=stage)
        self._connections.set(connections, session=self._session)
        self._bitrate.set(quality.bitrate_kbps * 1000, session=self._session)
        self._fps.set(quality.fps, session=self._session)
        return self._registry.text()

    def _counter(self, name: str, about: str) -> Counter:
        counter = self._registry.add(Counter(name, about, labels=("session",)))
        counter.add(0, session=self._session)
        return counter

    def _gauge(self, name: str, about: str) -> Gauge:
        return self._registry.add(Gauge(name, about, labels=("session",)))
