"""Telemetry: nothing that is nobody's business in any line, figures that add up, word to systemd."""

from __future__ import annotations

import io
import json
import logging
import re
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogBeginner, Logger, LogPublisher
from twisted.python.log import LogPublisher as OldLogPublisher

from gateway.domain import events
from gateway.domain.delivery import (
    Accepted,
    DeliveryState,
    Lane,
    Reason,
    Receipt,
    SegmentState,
    Settlement,
    SmsReply,
)
from gateway.domain.events import Event
from gateway.ports import CarrierStatus, Recorded
from gateway.settings import LogSettings, Secret
from gateway.telemetry import (
    LagProbe,
    MeteredEvents,
    MeteredLedger,
    MeteredOutcomes,
    Metrics,
    Notifier,
    mask_text,
    start_logging,
)
from gateway.telemetry.logs import StdlibBridge, make_observer

NOW = datetime(2016, 5, 4, 10, 30, tzinfo=UTC)

# ---------------------------------------------------------------- masking


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("+31612345678", "+31*****678"),
        ("to +31612345678, then +4915112345678.", "to +31*****678, then +49*****678."),
        ("31612345678", "31*****678"),
        ("0031612345678", "00*****678"),
        ("0612345678", "06*****678"),
        ("06-12345678", "06*****678"),
        ("06 12 34 56 78", "06*****678"),
        ("(0343) 529 850", "(03*****850"),
        ("0343-529850", "03*****850"),
        ("+31 6 12345678", "+31*****678"),
        ("+31 (0)6-12345678", "+31*****678"),
        ("00 31 6 12345678", "00*****678"),
        ("31 6 12 34 56 78", "31*****678"),
        ("+31\u00a06\u00a012345678", "+31*****678"),
        ("0612345678 0687654321", "06*****678 06*****321"),
        ("id:0612345678,stat:DELIVRD", "id:06*****678,stat:DELIVRD"),
        ("<sip:+31612345678@10.0.0.1:5060>", "<sip:+31*****678@10.0.0.1:5060>"),
        ("PJSIP/0612345678@trunk", "PJSIP/06*****678@trunk"),
    ],
)
def test_telephone_number_is_masked_however_it_is_written(text: str, masked: str) -> None:
    assert mask_text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "2016-05-04T10:30:00.123456+00:00",
        "2016-05-04 12:30:00",
        "04-05-2016 12:30",
        "127.0.0.1:8080 and 192.168.100.200",
        "12345678 deliveries in 0.0123456789 s",
        "112, 144, 0900-8844 and 0800-0011",
        "8f14e45f-ceea-467a-9575-2d9ad1d5c1f0",
        "message 1234567890123456789",
        "1,600,000 of 17_000_000",
        "",
    ],
)
def test_what_is_no_telephone_number_stays(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgresql+psycopg://u:p@ss/w@h:5432/d", "postgresql+psycopg://u:***@h:5432/d"),
        ("key bn_abcdefghij_0aZ9 was refused", "key bn_abcdefghij_*** was refused"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("Authorization: Basic dTpw", "Authorization: Basic ***"),
    ],
)
def test_secret_is_masked(text: str, masked: str) -> None:
    assert mask_text(text) == masked


@st.composite
def spelled_numbers(draw: st.DrawFn) -> str:
    """A Dutch number in one of the ways that people write it."""
    significant = str(draw(st.integers(100_000_000, 899_999_999)))
    prefix = draw(st.sampled_from(["0", "+31", "0031", "+31 ", "0031 ", "+31-(0)"]))
    cut = draw(st.integers(1, 3))
    gap = draw(st.sampled_from(["", " ", "-", ".", " - "[:2]]))
    return prefix + significant[:cut] + gap + significant[cut:]


AROUND = st.text(st.characters(exclude_characters="|", exclude_categories=["Cs"]), max_size=20)


@given(AROUND, spelled_numbers(), AROUND)
def test_no_line_keeps_more_of_a_number_than_country_and_last_three(before: str, number: str, after: str) -> None:
    shown = mask_text(f"{before}|{number}|{after}").split("|")[1]
    assert "*****" in shown
    assert len(re.findall(r"\d", shown)) <= 5


# ---------------------------------------------------------------- lines


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines_of(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def logger_to(stream: io.StringIO, **settings: str) -> Logger:
    observer = make_observer(LogSettings.model_validate({"format": "json", **settings}), stream)
    return Logger(namespace="gateway.test", observer=observer)


def test_line_is_an_object_with_time_level_logger_message_and_fields() -> None:
    stream = io.StringIO()
    logger_to(stream).info("{carrier}: bound as {bind}", carrier="alpha", bind="transceiver", in_flight=3, ok=True)
    (line,) = lines_of(stream)
    assert datetime.fromisoformat(line.pop("at")).tzinfo is not None
    assert line == {
        "level": "info",
        "logger": "gateway.test",
        "event": "alpha: bound as transceiver",
        "carrier": "alpha",
        "bind": "transceiver",
        "in_flight": 3,
        "ok": True,
    }


def test_number_is_masked_in_message_fields_lists_tables_and_traceback() -> None:
    stream = io.StringIO()
    log = logger_to(stream)
    log.warn("from {sender}", sender="+31612345678", to=["0687654321"], more={"who": {"0687654321": 31612345678}})
    try:
        raise ValueError("cannot send to +31612345678 with postgresql://u:geheim@h/d")
    except ValueError:
        log.failure("failed for {number}", number="06-12345678")
    assert not re.search(r"12345678|87654321|geheim", stream.getvalue())
    first, second = lines_of(stream)
    assert first["event"] == "from +31*****678"
    assert first["to"] == ["06*****321"]
    assert first["more"] == {"who": {"06*****321": "31*****678"}}
    assert second["exception"].startswith("Traceback")
    assert second["exception"].endswith("cannot send to +31*****678 with postgresql://u:***@h/d")
    assert second["level"] == "critical"


def test_ids_and_sizes_of_ours_keep_their_digits() -> None:
    stream = io.StringIO()
    logger_to(stream).info("x", delivery_id=1234567890, rows_bytes=9876543210, bytes=1234567890, dialled=1234567890)
    (line,) = lines_of(stream)
    assert (line["delivery_id"], line["rows_bytes"], line["bytes"]) == (1234567890, 9876543210, 1234567890)
    assert line["dialled"] == "12*****890"


def test_values_of_every_kind_make_a_line() -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    stream = io.StringIO()
    logger_to(stream).info(
        "x", secret=Secret("geheim"), pdu=b"\x00\x01", when=NOW, path=Path("/tmp"), nan=float("nan"), broken=Broken(),
        lane=Lane.SMS, state=DeliveryState.FAILED, none=None, reason=Reason.BUSY, at="mine", event="mine",
    )  # fmt: skip
    (line,) = lines_of(stream)
    assert "geheim" not in stream.getvalue()
    assert (line["secret"], line["pdu"], line["when"]) == ("***", "<2 bytes>", "2016-05-04T10:30:00+00:00")
    assert (line["path"], line["nan"], line["lane"], line["none"], line["reason"]) == ("/tmp", "nan", 1, None, "busy")
    assert line["broken"] == "<Broken that cannot be shown: RuntimeError>"
    assert (line["event"], line["at_"], line["event_"]) == ("x", "mine", "mine")


@pytest.mark.parametrize("kind", ["json", "human"])
def test_hostile_value_cannot_forge_a_line_or_speak_to_a_terminal(kind: str) -> None:
    stream = io.StringIO()
    hostile = 'a\r\n2016-05-04 [critical] all is lost\u2028\x1b[2J\x9b1m "quoted"'
    logger_to(stream, format=kind).info("{text}", text=hostile, field=hostile)
    assert len(stream.getvalue().splitlines()) == 1
    assert not re.search(r"[\r\x1b\x9b\u2028]", stream.getvalue())
    assert "all is lost" in stream.getvalue()


def test_human_line_tells_each_thing_once() -> None:
    stream = io.StringIO()
    logger_to(stream, format="human").info("{carrier}: bound", carrier="alpha", binds=2)
    line = stream.getvalue()
    assert re.match(r"\S+ \[info +\] alpha: bound +\[gateway\.test\] binds=2\n$", line)


def test_human_traceback_stands_below_its_line() -> None:
    stream = io.StringIO()
    log = logger_to(stream, format="human")
    try:
        raise ValueError("no\x1b[2J")
    except ValueError:
        log.failure("failed")
    head, *traceback = stream.getvalue().splitlines()
    assert "failed" in head
    assert traceback[-1] == "builtins.ValueError: no\\x1b[2J"


@pytest.mark.parametrize(
    ("stream", "kind", "is_json"),
    [
        (io.StringIO(), "auto", True),
        (Terminal(), "auto", False),
        (Terminal(), "json", True),
        (io.StringIO(), "human", False),
    ],
)
def test_auto_is_human_on_a_terminal_only(stream: io.StringIO, kind: str, is_json: bool) -> None:
    logger_to(stream, format=kind).info("x")
    assert stream.getvalue().startswith("{") is is_json


@pytest.mark.parametrize(
    ("level", "seen"),
    [
        ("debug", ["debug", "info", "warn", "error", "critical"]),
        ("warn", ["warn", "error", "critical"]),
        ("critical", ["critical"]),
    ],
)
def test_what_is_below_the_level_is_not_written(level: str, seen: list[str]) -> None:
    stream = io.StringIO()
    log = logger_to(stream, level=level)
    for name in ("debug", "info", "warn", "error", "critical"):
        getattr(log, name)("x")
    assert [line["level"] for line in lines_of(stream)] == seen


def test_twisted_tells_of_its_factories_only_when_debugging() -> None:
    for level, count in (("info", 1), ("debug", 2)):
        stream = io.StringIO()
        observer = make_observer(LogSettings.model_validate({"format": "json", "level": level}), stream)
        twisted = Logger(namespace="twisted.internet.tcp", observer=observer)
        twisted.info("Starting factory")
        twisted.warn("bad")
        assert len(lines_of(stream)) == count


@contextmanager
def logging_to(stream: io.StringIO, **settings: str) -> Iterator[LogPublisher]:
    """The daemon's logging, on a publisher of its own."""
    publisher = LogPublisher()
    beginner = LogBeginner(publisher, io.StringIO(), SimpleNamespace(), SimpleNamespace(showwarning=None))
    stop = start_logging(LogSettings.model_validate({"format": "json", **settings}), stream, beginner)
    try:
        yield publisher
    finally:
        stop()


def test_libraries_that_use_logging_are_heard() -> None:
    stream = io.StringIO()
    with logging_to(stream):
        library = logging.getLogger("alembic.runtime.migration")
        library.info("Running upgrade %s {not a field}", "0612345678")
        library.debug("not this")
        try:
            raise ValueError("why")
        except ValueError:
            library.exception("it broke")
    logging.getLogger("alembic").warning("after the stop: not this")
    first, second = lines_of(stream)
    assert (first["logger"], first["level"]) == ("alembic.runtime.migration", "info")
    assert first["event"] == "Running upgrade 06*****678 {not a field}"
    assert (second["level"], second["event"]) == ("error", "it broke")
    assert second["exception"].endswith("builtins.ValueError: why")


def test_libraries_that_would_log_pdus_are_not_heard_even_when_debugging() -> None:
    stream = io.StringIO()
    with logging_to(stream, level="debug"):
        logging.getLogger("smpplib.client").debug("00000021 PDU")
        logging.getLogger("smpplib.client").warning("heard")
    assert [line["event"] for line in lines_of(stream)] == ["heard"]


def test_what_was_logged_before_is_not_lost() -> None:
    publisher = LogPublisher()
    beginner = LogBeginner(publisher, io.StringIO(), SimpleNamespace(), SimpleNamespace(showwarning=None))
    Logger(namespace="gateway.early", observer=publisher).info("early")
    stream = io.StringIO()
    start_logging(LogSettings(format="json"), stream, beginner)()
    assert [line["event"] for line in lines_of(stream)] == ["early"]


def test_level_of_every_record_is_kept() -> None:
    seen = []
    bridge = StdlibBridge(lambda event: seen.append(event["log_level"].name))
    for level in (5, 10, 20, 25, 30, 40, 50):
        bridge.emit(logging.LogRecord("x", level, "f", 1, "m", None, None))
    assert seen == ["debug", "debug", "info", "info", "warn", "error", "critical"]


def test_old_style_error_makes_a_line_with_its_traceback() -> None:
    stream = io.StringIO()
    observer = make_observer(LogSettings(format="json"), stream)
    publisher = LogPublisher(observer)
    old = OldLogPublisher(observerPublisher=publisher, publishPublisher=publisher)
    old.msg(message=("x",), isError=1, system="HTTP", why=None, format="broken for %(who)s", who="0612345678")
    (line,) = lines_of(stream)
    assert line["event"] == "broken for 06*****678"
    assert line["level"] == "critical"


# ---------------------------------------------------------------- metrics


def figures(metrics: Metrics) -> dict[str, float]:
    """Samples as they stand in the text, without what says nothing."""
    found = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            if not sample.name.endswith(("_created", "_bucket")) and sample.name.startswith("burgernet_"):
                found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def status(name: str = "alpha", **changes: Any) -> CarrierStatus:
    values: dict[str, Any] = {
        "state": "bound", "since": NOW, "binds_bound": 1, "binds": 2, "queue": 7, "in_flight": 3, "rate_per_s": 93.5,
        "submitted": 12, "accepted": 10, "receipts": 4,
    }  # fmt: skip
    return CarrierStatus(name, **{**values, **changes})


def test_events_are_counted_by_what_happened() -> None:
    metrics = Metrics()
    metrics.event(Event(events.ACTION_STARTED, NOW, "a", {"kind": "fire", "planned": {"sms": 5, "voice": 2}}))
    metrics.event(Event(events.ACTION_STARTED, NOW, "b", {"kind": "fire"}))
    metrics.event(Event(events.ACTION_UPDATED, NOW, "a", {"version": 2}))
    metrics.event(Event(events.ACTION_CLOSED, NOW, "a", {"outcome": "success"}))
    metrics.event(Event(events.RESPONSE_RECEIVED, NOW, "a", {"kind": "sms"}))
    metrics.event(Event("something.else", NOW))
    found = figures(metrics)
    assert found["burgernet_actions_total{detail=fire,event=started}"] == 2
    assert found["burgernet_actions_total{detail=success,event=closed}"] == 1
    assert found["burgernet_planned_total{lane=sms}"] == 5
    assert found["burgernet_planned_total{lane=voice}"] == 2
    assert found["burgernet_responses_total{kind=sms}"] == 1


def test_outcomes_are_counted_by_lane_state_and_reason() -> None:
    metrics = Metrics()
    failed = Settlement(1, DeliveryState.FAILED, Reason.INVALID_NUMBER, NOW)
    metrics.settled([failed, failed, Settlement(2, DeliveryState.CANCELLED, None, NOW)])
    metrics.settled([Settlement(3, DeliveryState.HEARD_FULL, None, NOW)], Lane.VOICE)
    metrics.receipts(
        [
            Receipt("alpha", "1", SegmentState.DELIVERED, None, "000", NOW),
            Receipt("alpha", "2", SegmentState.FAILED, Reason.UNDELIVERABLE, "011", NOW),
            Receipt("alpha", "3", SegmentState.FAILED, Reason.UNDELIVERABLE, "012", NOW),
        ]
    )
    found = figures(metrics)
    assert found["burgernet_deliveries_total{lane=sms,reason=invalid_number,state=failed}"] == 2
    assert found["burgernet_deliveries_total{lane=sms,reason=,state=cancelled}"] == 1
    assert found["burgernet_deliveries_total{lane=voice,reason=,state=heard_full}"] == 1
    assert found["burgernet_receipts_total{carrier=alpha,reason=,state=delivered}"] == 1
    assert found["burgernet_receipts_total{carrier=alpha,reason=undeliverable,state=failed}"] == 2


def test_carriers_are_asked_when_somebody_looks() -> None:
    metrics = Metrics()
    carriers = [status(errors={"ESME_RTHROTTLED": 2})]
    asked = []

    def ask() -> list[CarrierStatus]:
        asked.append(1)
        return carriers

    metrics.watch_carriers(ask)
    assert not asked
    found = figures(metrics)
    assert found["burgernet_submit_sm_total{carrier=alpha,status=ESME_ROK}"] == 10
    assert found["burgernet_submit_sm_total{carrier=alpha,status=ESME_RTHROTTLED}"] == 2
    assert found["burgernet_carrier_queue{carrier=alpha}"] == 7
    assert found["burgernet_carrier_in_flight{carrier=alpha}"] == 3
    assert found["burgernet_carrier_binds_bound{carrier=alpha}"] == 1
    assert found["burgernet_carrier_rate_per_s{carrier=alpha}"] == 93.5
    assert found["burgernet_carrier_receipts_total{carrier=alpha}"] == 4
    carriers[0] = status(accepted=11)
    assert figures(metrics)["burgernet_submit_sm_total{carrier=alpha,status=ESME_ROK}"] == 11


def test_carrier_that_invents_statuses_cannot_grow_the_metrics() -> None:
    metrics = Metrics()
    errors = {f"0x{number:08x}": 1 for number in range(10_000)} | {"ESME_RTHROTTLED": 500}
    metrics.watch_carriers(lambda: [status(errors=errors)])
    found = {name: value for name, value in figures(metrics).items() if name.startswith("burgernet_submit_sm")}
    assert len(found) == 66
    assert found["burgernet_submit_sm_total{carrier=alpha,status=ESME_RTHROTTLED}"] == 500
    assert sum(found.values()) == 10 + 10_500


def test_requests_are_counted_by_method_route_and_status() -> None:
    metrics = Metrics()
    metrics.request("POST", "/actions", 201, 0.012)
    metrics.request("BREW", "/actions", 405, 0.001)
    found = figures(metrics)
    assert found["burgernet_http_requests_total{method=POST,route=/actions,status=201}"] == 1
    assert found["burgernet_http_requests_total{method=other,route=/actions,status=405}"] == 1
    assert found["burgernet_http_request_seconds_count{route=/actions}"] == 2
    assert found["burgernet_http_request_seconds_sum{route=/actions}"] == pytest.approx(0.013)


def test_figure_that_is_watched_is_asked_for_each_time() -> None:
    metrics = Metrics()
    backlog = [3.0]
    metrics.watch("backlog", "Outcomes not in the ledger yet.", lambda: backlog[0])
    assert figures(metrics)["burgernet_backlog"] == 3
    backlog[0] = 4
    assert figures(metrics)["burgernet_backlog"] == 4


def test_each_set_of_metrics_is_its_own() -> None:
    first, second = Metrics(), Metrics()
    first.reply("alpha")
    assert "burgernet_replies_total{carrier=alpha}" not in figures(second)


class Recorder:
    """Every port at once: keeps the names of what it was asked."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> None:
            self.calls.append(name)

        return call


def test_metered_outcomes_and_events_pass_everything_on() -> None:
    metrics, inner = Metrics(), Recorder()
    outcomes = MeteredOutcomes(inner, metrics)
    outcomes.accepted(Accepted(carrier="alpha", at=NOW, segments={1: "x", 2: "y"}))
    outcomes.settled([Settlement(1, DeliveryState.FAILED, Reason.REJECTED, NOW)])
    outcomes.receipts([Receipt("alpha", "1", SegmentState.DELIVERED, None, "000", NOW)], lambda: None)
    outcomes.reply(SmsReply("alpha", "+31612345678", "2525", "ja", NOW), lambda: None)
    outcomes.capacity_changed()
    MeteredEvents(inner, metrics).emit(Event(events.ACTION_CLOSED, NOW, "a", {"outcome": "stopped"}))
    assert inner.calls == ["accepted", "settled", "receipts", "reply", "capacity_changed", "emit"]
    found = figures(metrics)
    assert found["burgernet_segments_accepted_total{carrier=alpha}"] == 2
    assert found["burgernet_replies_total{carrier=alpha}"] == 1
    assert found["burgernet_actions_total{detail=stopped,event=closed}"] == 1
    assert b"31612345678" not in metrics.render()


class SlowLedger:
    """A ledger that takes a quarter of a second."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    async def claim_sms(self, limit: int, *, now: datetime) -> list[Any]:
        return [SimpleNamespace(recipients=[(1, "+31612345678"), (2, "+31612345679")])]

    async def record(self, **_: Any) -> Recorded:
        self.clock.advance(0.25)
        return Recorded(matched=2, orphaned=1)

    async def next_retry(self) -> datetime:
        return NOW

    async def progress(self, actions: Any) -> dict[str, Any]:
        return {"a": {}}


def result_of(deferred: Deferred[Any]) -> Any:
    found: list[Any] = []
    deferred.addCallback(found.append)
    return found[0]


def test_ledger_is_timed_and_its_batches_measured() -> None:
    metrics, clock = Metrics(), Clock()
    ledger = MeteredLedger(SlowLedger(clock), metrics, clock.seconds)  # type: ignore[arg-type]

    async def use() -> Any:
        await ledger.claim_sms(10, now=NOW)
        await ledger.record(
            accepted=[Accepted(carrier="alpha", at=NOW, segments={1: "x", 2: "y"})],
            settled=[Settlement(3, DeliveryState.FAILED, Reason.REJECTED, NOW)],
            now=NOW,
        )
        return await ledger.next_retry(), await ledger.progress({1})

    assert result_of(Deferred.fromCoroutine(use())) == (NOW, {"a": {}})
    found = figures(metrics)
    assert found["burgernet_claimed_total{lane=sms}"] == 2
    assert found["burgernet_ledger_batch_rows_sum"] == 3
    assert found["burgernet_ledger_write_seconds_sum"] == 0.25
    assert found["burgernet_receipts_applied_total{result=matched}"] == 2
    assert found["burgernet_receipts_applied_total{result=orphaned}"] == 1


def test_lag_is_what_the_reactor_was_late() -> None:
    clock = Clock()
    seen: list[float] = []
    probe = LagProbe(clock, seen.append)
    probe.start()
    clock.advance(0.5)
    clock.advance(2.0)
    clock.advance(0.5)
    probe.stop()
    clock.advance(5)
    assert seen == [0.0, 1.5, 0.0]
    assert not clock.getDelayedCalls()


# ---------------------------------------------------------------- systemd


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


def heard(listening: socket.socket) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(listening.recv(1024))
        except BlockingIOError:
            return found


def test_systemd_hears_that_we_are_ready_and_stopping(supervisor: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": supervisor.getsockname()})
    notifier.ready()
    notifier.status("2 of 2 carriers\nSTOPPING=1")
    notifier.stopping()
    assert heard(supervisor) == [b"READY=1", b"STATUS=2 of 2 carriers STOPPING=1", b"STOPPING=1"]


def test_systemd_hears_that_we_live_twice_in_each_interval(supervisor: socket.socket) -> None:
    clock = Clock()
    environ = {"NOTIFY_SOCKET": supervisor.getsockname(), "WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "77"}
    notifier = Notifier(environ, pid=77)
    assert notifier.watchdog_s == 10
    notifier.start_watchdog(clock)
    for _ in range(4):
        clock.advance(2.5)
    assert heard(supervisor) == [b"WATCHDOG=1"] * 3
    notifier.stop_watchdog()
    clock.advance(60)
    assert heard(supervisor) == []
    assert not clock.getDelayedCalls()


def test_socket_of_the_abstract_namespace_is_reached(tmp_path: Path) -> None:
    name = f"burgernet-test-{tmp_path.name}-{id(tmp_path)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.setblocking(False)
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).ready()
        assert heard(listening) == [b"READY=1"]


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"NOTIFY_SOCKET": ""},
        {"NOTIFY_SOCKET": "/nowhere/at/all"},
        {"NOTIFY_SOCKET": "relative"},
        {"NOTIFY_SOCKET": "/" + "x" * 200},
        {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"},
    ],
)
def test_without_a_supervisor_nothing_happens(environ: dict[str, str]) -> None:
    clock = Clock()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        notifier = Notifier(environ, pid=77)
        notifier.ready()
        notifier.start_watchdog(clock)
        notifier.stop_watchdog()
        notifier.stopping()
    assert notifier.watchdog_s is None
    assert not clock.getDelayedCalls()
