"""Metrics in a registry of their own, for ``GET /metrics``.

Counted a batch at a time; what carriers know themselves is asked of them when somebody looks. Labels come from fixed
lists (states, reasons, lanes, routes), so that no peer can make the number of series grow.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway import __version__
from gateway.domain import events
from gateway.domain.delivery import Accepted, Lane, Receipt, Settlement
from gateway.domain.events import Event
from gateway.ports import CarrierStatus, Recorded, TrunkStatus

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The text format that every Prometheus reads."""

MAX_STATUSES = 64
"""Names of refusals shown for a carrier; what is rarer is ``other``."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_WRITE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_ROWS = (1, 5, 10, 50, 100, 500, 1_000, 2_000, 5_000, 10_000, 50_000)
_LAG_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


class Metrics:
    """Every figure of the daemon."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._info(__version__)
        self._actions = self._counter("actions", "Actions by what happened to them.", "event", "detail")
        self._planned = self._counter("planned", "Deliveries planned when actions started.", "lane")
        self._segments = self._counter("segments_accepted", "Segments that a carrier accepted.", "carrier")
        self._deliveries = self._counter(
            "deliveries",
            "Deliveries by the state and reason they came to without a receipt.",
            "lane",
            "state",
            "reason",
        )
        self._receipts = self._counter("receipts", "Delivery receipts by what they said.", "carrier", "state", "reason")
        self._matches = self._counter("receipts_applied", "Delivery receipts by what became of them.", "result")
        self._replies = self._counter("replies", "Messages from citizens.", "carrier")
        self._responses = self._counter("responses", "Responses on record.", "kind")
        self._write_seconds = self._histogram(
            "ledger_write_seconds", "Writing a batch, with its commit.", _WRITE_SECONDS
        )
        self._write_rows = self._histogram("ledger_batch_rows", "Outcomes written at once.", _ROWS)
        self._claimed = self._counter("claimed", "Deliveries claimed from the ledger.", "lane")
        self._lag = self._histogram("event_loop_lag_seconds", "How late the reactor was.", _LAG_SECONDS)
        self._requests = self._counter("http_requests", "HTTP requests.", "method", "route", "status")
        self._request_seconds = Histogram(
            "burgernet_http_request_seconds",
            "HTTP requests, from the head to the last byte.",
            ("route",),
            registry=self.registry,
            buckets=_WRITE_SECONDS,
        )

    def _info(self, version: str) -> None:
        info = Gauge("burgernet_info", "The version that runs.", ("version",), registry=self.registry)
        info.labels(version).set(1)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"burgernet_{name}", meaning, labels, registry=self.registry)

    def _histogram(self, name: str, meaning: str, buckets: Sequence[float]) -> Histogram:
        return Histogram(f"burgernet_{name}", meaning, registry=self.registry, buckets=buckets)

    # ------------------------------------------------------------ what happened

    def event(self, event: Event) -> None:
        """An event of the flows."""
        data = event.data
        if event.kind == events.ACTION_STARTED:
            self._actions.labels("started", str(data.get("kind", ""))).inc()
            planned = data.get("planned", {})
            for lane in Lane:
                self._planned.labels(lane.word).inc(planned.get(lane.word, 0))
        elif event.kind == events.ACTION_UPDATED:
            self._actions.labels("updated", "").inc()
        elif event.kind == events.ACTION_CLOSED:
            self._actions.labels("closed", str(data.get("outcome", ""))).inc()
        elif event.kind == events.RESPONSE_RECEIVED:
            self._responses.labels(str(data.get("kind", ""))).inc()

    def accepted(self, accepted: Accepted) -> None:
        """A carrier accepted segments."""
        self._segments.labels(accepted.carrier).inc(len(accepted.segments))

    def settled(self, settlements: Iterable[Settlement], lane: Lane = Lane.SMS) -> None:
        """Deliveries came to a state without a receipt."""
        tally = Tally((settlement.state, settlement.reason) for settlement in settlements)
        for (state, reason), count in tally.items():
            self._deliveries.labels(lane.word, state.word, "" if reason is None else reason.value).inc(count)

    def receipts(self, receipts: Iterable[Receipt]) -> None:
        """Receipts came in."""
        tally = Tally((receipt.carrier, receipt.state, receipt.reason) for receipt in receipts)
        for (carrier, state, reason), count in tally.items():
            self._receipts.labels(carrier, state.name.lower(), "" if reason is None else reason.value).inc(count)

    def reply(self, carrier: str) -> None:
        """A citizen wrote."""
        self._replies.labels(carrier).inc()

    def claimed(self, deliveries: int, lane: Lane = Lane.SMS) -> None:
        """Deliveries were claimed."""
        self._claimed.labels(lane.word).inc(deliveries)

    def wrote(self, rows: int, seconds: float, recorded: Recorded) -> None:
        """A batch of outcomes was committed."""
        self._write_rows.observe(rows)
        self._write_seconds.observe(seconds)
        for result in ("matched", "orphaned", "repeated"):
            self._matches.labels(result).inc(getattr(recorded, result))

    def lag(self, seconds: float) -> None:
        """The reactor was so late."""
        self._lag.observe(seconds)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """An HTTP request was answered; ``route`` is its pattern (``/actions/{id}``), never its path."""
        self._requests.labels(method if method in _METHODS else "other", route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    # ------------------------------------------------------------ what is

    def watch_carriers(self, status: Callable[[], Sequence[CarrierStatus]]) -> None:
        """Show the carriers' own figures; ``status`` is asked whenever somebody looks."""
        self.registry.register(_Carriers(status))

    def watch_trunks(self, status: Callable[[], Sequence[TrunkStatus]]) -> None:
        """Show the trunks' own figures likewise."""
        self.registry.register(_Trunks(status))

    def watch(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Show a figure that is asked for whenever somebody looks: ``burgernet_NAME``."""
        Gauge(f"burgernet_{name}", meaning, registry=self.registry).set_function(value)

    def render(self) -> bytes:
        """Everything, in the text format."""
        return generate_latest(self.registry)


class _Carriers(Collector):
    """The carriers' figures as of now."""

    def __init__(self, status: Callable[[], Sequence[CarrierStatus]]) -> None:
        self._status = status

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering asks nobody."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """A family a figure."""
        carriers = self._status()
        for name, meaning, value in _CARRIER_GAUGES:
            gauge = GaugeMetricFamily(f"burgernet_carrier_{name}", meaning, labels=("carrier",))
            for carrier in carriers:
                gauge.add_metric((carrier.name,), value(carrier))
            yield gauge
        submits = CounterMetricFamily(
            "burgernet_submit_sm", "Answers to submit_sm and binds, by status.", labels=("carrier", "status")
        )
        receipts = CounterMetricFamily("burgernet_carrier_receipts", "Receipts, by carrier.", labels=("carrier",))
        for carrier in carriers:
            for status, count in _by_status(carrier).items():
                submits.add_metric((carrier.name, status), count)
            receipts.add_metric((carrier.name,), carrier.receipts)
        yield submits
        yield receipts


_CARRIER_GAUGES: Sequence[tuple[str, str, Callable[[CarrierStatus], float]]] = (
    ("binds", "Binds that are configured.", lambda carrier: carrier.binds),
    ("binds_bound", "Binds that are bound.", lambda carrier: carrier.binds_bound),
    ("queue", "Deliveries taken and not yet sent.", lambda carrier: carrier.queue),
    ("in_flight", "Segments sent and not yet answered.", lambda carrier: carrier.in_flight),
    ("rate_per_s", "Segments a second, now.", lambda carrier: carrier.rate_per_s),
)


class _Trunks(Collector):
    """The trunks' figures as of now."""

    def __init__(self, status: Callable[[], Sequence[TrunkStatus]]) -> None:
        self._status = status

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering asks nobody."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """A family a figure."""
        trunks = self._status()
        for name, meaning, value in _TRUNK_GAUGES:
            gauge = GaugeMetricFamily(f"burgernet_trunk_{name}", meaning, labels=("trunk",))
            for trunk in trunks:
                gauge.add_metric((trunk.name,), value(trunk))
            yield gauge
        ended = CounterMetricFamily("burgernet_calls", "Calls that are over, by how.", labels=("trunk", "outcome"))
        for trunk in trunks:
            for outcome, count in trunk.outcomes.items():
                ended.add_metric((trunk.name, outcome), count)
        yield ended


_TRUNK_GAUGES: Sequence[tuple[str, str, Callable[[TrunkStatus], float]]] = (
    ("up", "Whether somebody answers at its other end.", lambda trunk: trunk.state in ("up", "slowed")),
    ("channels", "Calls at once, as contracted.", lambda trunk: trunk.channels),
    ("in_use", "Our calls on it.", lambda trunk: trunk.in_use),
    ("ringing", "Our calls that nobody has answered yet.", lambda trunk: trunk.ringing),
    ("rate_per_s", "New calls a second, now.", lambda trunk: trunk.rate_per_s),
)


def _by_status(carrier: CarrierStatus) -> dict[str, int]:
    """Counts by status, the most frequent by name."""
    ordered = sorted(carrier.errors.items(), key=lambda item: -item[1])
    counts = {"ESME_ROK": carrier.accepted, **dict(ordered[:MAX_STATUSES])}
    rest = sum(count for _, count in ordered[MAX_STATUSES:])
    return {**counts, "other": rest} if rest else counts
