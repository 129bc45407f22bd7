"""Events: stored, then told, in order, without a gap and without a double."""

from __future__ import annotations

from typing import Any

import pytest
from fakes.http import Wire, dechunked, events_of
from fakes.memory import NOON, MemoryEvents
from fakes.office import Office
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock

from gateway.domain.events import Event
from gateway.storage.database import Database
from gateway.storage.repositories.events import EventRepository
from gateway.web import events as hub_module
from gateway.web import streams as streams_module
from gateway.web.events import EventHub


def happened(number: int, action_id: str | None = "action1") -> Event:
    return Event("action.progress", NOON, action_id, {"n": number})


def numbers(events: Any) -> list[int]:
    return [event["data"]["n"] if isinstance(event, dict) else event.data["n"] for event in events]


def follow(office: Office, path: str = "/api/v1/events", key: str = "reader-key", **headers: str) -> Wire:
    wire = office.wire()
    wire.request("GET", path, key=key, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return wire


def emit(office: Office, *them: int, action_id: str | None = "action1") -> None:
    for number in them:
        office.hub.emit(happened(number, action_id))


# ---------------------------------------------------------------- the stream


def test_a_stream_tells_what_happens_as_it_happens(office: Office) -> None:
    wire = follow(office)
    answer = wire.take()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Type: text/event-stream\r\n" in answer
    assert b"X-Accel-Buffering: no\r\n" in answer
    assert b"Cache-Control: no-store\r\n" in answer
    emit(office, 1)
    [event] = events_of(wire.take())
    assert event == {
        "id": 1,
        "kind": "action.progress",
        "at": "2016-05-04T10:30:00.000Z",
        "action_id": "action1",
        "data": {"n": 1},
    }


def test_a_stream_begins_with_the_id_to_resume_from(office: Office) -> None:
    emit(office, 1, 2, 3)
    assert dechunked(follow(office).take()) == b"retry: 3000\nid: 3\n\n"


@pytest.mark.parametrize("way", ["header", "query"])
def test_a_stream_resumes_after_the_last_id_without_gap_or_double(office: Office, way: str) -> None:
    emit(office, 1, 2, 3, 4)
    wire = follow(office, Last_Event_ID="2") if way == "header" else follow(office, "/api/v1/events?last_event_id=2")
    emit(office, 5)
    assert [event["id"] for event in events_of(wire.take())] == [3, 4, 5]


def test_the_header_goes_before_the_query(office: Office) -> None:
    emit(office, 1, 2, 3)
    wire = follow(office, "/api/v1/events?last_event_id=0", Last_Event_ID="2")
    assert numbers(events_of(wire.take())) == [3]


def test_without_an_id_a_stream_begins_now_and_an_actions_stream_at_its_beginning(office: Office) -> None:
    office.ask("POST", "/api/v1/actions", {"kind": "fire", "area": {"municipality": "Weesp"}, "text": "Brand"})
    emit(office, 1)
    emit(office, 2, action_id="another")
    everything, action = follow(office), follow(office, "/api/v1/actions/action1/events")
    emit(office, 3, action_id="another")
    emit(office, 4)
    assert numbers(events_of(everything.take())) == [3, 4]
    told = events_of(action.take())
    assert [event["kind"] for event in told] == ["action.started", "action.progress", "action.progress"]
    assert numbers(told[1:]) == [1, 4]


@pytest.mark.parametrize("last", ["abc", "-1", "1.5", "9" * 30])
def test_a_faulty_last_event_id_is_refused(office: Office, last: str) -> None:
    answer = office.ask("GET", "/api/v1/events", key="reader-key", headers={"Last-Event-ID": last})
    assert (answer.status, list(answer.faults)) == (422, ["Last-Event-ID"])


def test_an_id_from_before_the_store_was_put_back_does_not_silence_the_stream(office: Office) -> None:
    emit(office, 1, 2)
    wire = follow(office, Last_Event_ID="500")
    emit(office, 3)
    assert numbers(events_of(wire.take())) == [3]


@pytest.mark.parametrize("memory", [4, 2000])
def test_a_resumed_stream_is_the_same_from_memory_and_from_the_store(
    office: Office, monkeypatch: pytest.MonkeyPatch, memory: int
) -> None:
    office.hub._memory = type(office.hub._memory)(maxlen=memory)
    monkeypatch.setattr(hub_module, "MEMORY", memory)
    for number in range(1, 1201):
        emit(office, number, action_id=f"action{number % 3}")
    for after in (0, 1, 599, 1150, 1197, 1200):
        told = events_of(follow(office, Last_Event_ID=str(after)).take())
        assert [event["id"] for event in told] == list(range(after + 1, 1201))


def test_events_that_come_while_a_stream_reads_the_store_come_once(office: Office) -> None:
    office.hub._memory.clear()
    emit(office, *range(1, 11))
    office.hub._floor = 10  # nothing remembered: the store is asked
    held: Deferred[None] = Deferred()
    ask = office.events.after

    async def slowly(last_id: int, **options: Any) -> Any:
        found = await ask(last_id, **options)
        await held
        return found

    office.events.after = slowly  # type: ignore[method-assign]
    wire = follow(office, Last_Event_ID="5")
    office.events.after = ask  # type: ignore[method-assign]
    emit(office, 11, 12)
    assert events_of(wire.take()) == []
    held.callback(None)
    emit(office, 13)
    assert numbers(events_of(wire.take())) == [6, 7, 8, 9, 10, 11, 12, 13]


def test_a_quiet_stream_has_a_heartbeat(office: Office) -> None:
    wire = follow(office)
    wire.take()
    office.time.advance(14.9)
    assert wire.take() == b""
    office.time.advance(0.2)
    assert dechunked(wire.take()) == b": \n\n"
    office.time.advance(15)
    assert dechunked(wire.take()) == b": \n\n"


def test_a_client_that_reads_nothing_is_served_when_it_reads_again(office: Office) -> None:
    wire = follow(office)
    wire.take()
    wire.transport.capacity = 300
    emit(office, *range(1, 101))
    pieces = []
    for _ in range(200):
        piece = wire.take()
        if not piece:
            break
        pieces.append(piece)
    assert len(pieces) > 1
    assert numbers(events_of(b"".join(pieces))) == list(range(1, 101))


def test_a_client_that_reads_nothing_for_a_minute_is_dropped_and_holds_nothing(office: Office) -> None:
    wire = follow(office)
    wire.take()
    wire.transport.capacity = 300
    emit(office, *range(1, 1001))
    held = len(wire.received)
    assert held < 1000
    office.time.advance(61)
    assert not wire.open
    assert len(wire.received) == held
    assert not office.hub._listeners


def test_a_client_that_hangs_up_leaves_nothing_behind(office: Office) -> None:
    wires = [follow(office) for _ in range(3)]
    assert len(office.hub._listeners) == 3
    for wire in wires:
        wire.hang_up()
    assert not office.hub._listeners
    assert not office.time.getDelayedCalls()


def test_a_key_that_is_revoked_loses_its_streams(office: Office) -> None:
    wire = follow(office)
    office.time.advance(15.1)
    wire.take()
    del office.keys.keys["reader-key"]
    office.time.advance(15.1)
    assert wire.take().endswith(b"0\r\n\r\n")
    assert not office.hub._listeners


def test_stopping_ends_the_streams_and_takes_no_new_ones(office: Office) -> None:
    wire = follow(office)
    emit(office, 1)
    Deferred.fromCoroutine(office.hub.stop())
    data = wire.take()
    assert numbers(events_of(data)) == [1]
    assert data.endswith(b"0\r\n\r\n")
    assert office.ask("GET", "/api/v1/events").status == 503


def test_a_key_has_only_so_many_streams(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams_module, "MAX_STREAMS_A_KEY", 2)
    monkeypatch.setattr(streams_module, "MAX_STREAMS", 3)
    first, _ = follow(office), follow(office)
    assert office.ask("GET", "/api/v1/events", key="reader-key").status == 429
    follow(office, key="operator-key")
    assert office.ask("GET", "/api/v1/events", key="admin-key").status == 503
    first.hang_up()
    assert follow(office).received.startswith(b"HTTP/1.1 200")


def test_line_breaks_in_an_event_stay_within_its_data(office: Office) -> None:
    wire = follow(office)
    wire.take()
    office.hub.emit(Event("response.received", NOON, None, {"text": "a\n\nid: 99\r\nb \u2028 é"}))
    [event] = events_of(wire.take())
    assert (event["id"], event["data"]["text"]) == (1, "a\n\nid: 99\r\nb \u2028 é")


# ---------------------------------------------------------------- the hub


def make_hub(store: MemoryEvents, clock: Clock, poll_s: float | None = None) -> EventHub:
    hub = EventHub(store, clock, poll_s=poll_s)
    Deferred.fromCoroutine(hub.start())
    return hub


def read(hub: EventHub, after: int) -> list[int]:
    pages: list[Any] = []
    Deferred.fromCoroutine(hub.read(after)).addCallback(pages.append)
    return numbers(pages[0].events)


def test_what_happens_before_the_hub_starts_is_told_after() -> None:
    store = MemoryEvents()
    hub = EventHub(store, Clock())
    hub.emit(happened(1))
    assert store.stored == []
    Deferred.fromCoroutine(hub.start())
    assert numbers(store.stored) == read(hub, 0) == [1]


def test_events_that_come_together_are_stored_together() -> None:
    store = MemoryEvents()
    held: Deferred[None] = Deferred()
    store.gate = lambda: held
    batches: list[int] = []
    append = store.append

    async def count(events: Any) -> None:
        batches.append(len(events))
        await append(events)

    store.append = count  # type: ignore[method-assign]
    hub = make_hub(store, Clock())
    for number in range(1, 1102):
        hub.emit(happened(number))
    held.callback(None)
    assert batches == [1, 500, 500, 100]
    assert numbers(store.stored) == list(range(1, 1102))


def test_a_store_that_is_away_gets_everything_when_it_is_back() -> None:
    store, clock = MemoryEvents(), Clock()
    hub = make_hub(store, clock)
    store.broken = ConnectionError("away")
    for number in (1, 2, 3):
        hub.emit(happened(number))
    clock.advance(1)
    assert store.stored == []
    store.broken = None
    clock.advance(1)
    assert numbers(store.stored) == read(hub, 0) == [1, 2, 3]
    assert not clock.getDelayedCalls()


def test_a_store_that_stays_away_costs_the_oldest_events_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "CAPACITY", 10)
    store, clock = MemoryEvents(), Clock()
    hub = make_hub(store, clock)
    held: Deferred[None] = Deferred()
    store.gate = lambda: held
    for number in range(1, 16):
        hub.emit(happened(number))
    assert hub.dropped == 5
    held.callback(None)
    # The first was on its way to the store already when it was the oldest here.
    assert numbers(store.stored) == [1, *range(6, 16)]


def test_an_event_that_is_no_json_is_dropped_alone() -> None:
    store = MemoryEvents()
    hub = make_hub(store, Clock())
    hub.emit(Event("action.progress", NOON, None, {"n": object()}))
    hub.emit(happened(2))
    assert numbers(store.stored) == [2]


def test_another_daemons_events_are_found_by_looking() -> None:
    store, clock = MemoryEvents(), Clock()
    one, other = make_hub(store, clock, poll_s=1.0), make_hub(store, clock, poll_s=1.0)
    woken: list[str] = []
    other.listen(lambda: woken.append("other"))
    one.emit(happened(1))
    assert read(other, 0) == []
    clock.advance(1)
    assert read(other, 0) == [1]
    assert woken == ["other"]
    for hub in (one, other):
        Deferred.fromCoroutine(hub.stop())
    assert not clock.getDelayedCalls()


def test_a_quiet_action_does_not_ask_the_store_again_and_again(office: Office) -> None:
    office.hub._memory = type(office.hub._memory)(maxlen=10)
    office.ask("POST", "/api/v1/actions", {"kind": "fire", "area": {"municipality": "Weesp"}, "text": "Brand"})
    wire = follow(office, "/api/v1/actions/action1/events")
    wire.take()
    before = office.events.reads
    for number in range(1, 101):
        emit(office, number, action_id="another")
    # The hub itself reads once an event.
    assert office.events.reads - before == 100
    assert wire.take() == b""


# ---------------------------------------------------------------- the store


async def test_stored_events_come_back_in_order_by_action_and_after_an_id(running_database: Database) -> None:
    store = EventRepository(running_database)
    assert await store.last_id() == 0
    await store.append([])
    await store.append([happened(1), happened(2, "action2"), happened(3, None)])
    await store.append([happened(4)])
    everything = await store.after(0)
    assert numbers(everything) == [1, 2, 3, 4]
    first = everything[0]
    assert (first.kind, first.at, first.action_id, first.data) == ("action.progress", NOON, "action1", {"n": 1})
    assert numbers(await store.after(first.id, action_id="action1")) == [4]
    assert numbers(await store.after(0, limit=2)) == [1, 2]
    assert await store.last_id() == everything[-1].id


async def test_ids_are_not_given_again_after_pruning(running_database: Database) -> None:
    store = EventRepository(running_database)
    await store.append([happened(1), happened(2)])
    last = await store.last_id()
    assert await store.prune(NOON.replace(year=2030)) == 2
    await store.append([happened(3)])
    [event] = await store.after(0)
    assert event.id > last


async def test_a_follower_misses_nothing_of_writers_that_write_at_once(running_database: Database) -> None:
    store = EventRepository(running_database)
    writers = gatherResults(
        [Deferred.fromCoroutine(store.append([happened(n), happened(n + 1)])) for n in range(0, 200, 2)]
    )
    seen: list[Event] = []
    while len(seen) < 200:
        done = writers.called
        found = await store.after(seen[-1].id if seen else 0)
        seen.extend(found)
        assert found or not done, f"only {len(seen)} of 200 were seen"
    await writers
    assert sorted(numbers(seen)) == list(range(200))
