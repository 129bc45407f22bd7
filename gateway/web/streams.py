"""Server-sent events (WHATWG HTML, section 9.2): what happens, as it happens, and what happened while one was away."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from gateway.domain.access import Right
from gateway.domain.events import Event
from gateway.ports import ActionStore
from gateway.web.auth import Gate, bearer_key
from gateway.web.events import EventHub
from gateway.web.outflow import Outflow
from gateway.web.problems import RETRY_AFTER_S, TOO_MANY, UNAVAILABLE, ProblemError
from gateway.web.routes import EVENT_STREAM, STREAMED, Call, Route, Streamed, invalid_field
from gateway.web.schemas import EventsQuery, Nothing
from gateway.web.site import begin

HEARTBEAT_S = 15.0
"""Proxies close a connection that is silent for a minute, some after 30 s."""

RECONNECT_MS = 3000
MAX_STREAMS = 200
MAX_STREAMS_A_KEY = 50

_HEADERS = {"X-Accel-Buffering": "no"}  # nginx would hold events back to fill its buffer


class EventPages:
    """``/events`` and ``/actions/{id}/events``."""

    def __init__(self, hub: EventHub, actions: ActionStore, gate: Gate, clock: IReactorTime) -> None:
        self._hub = hub
        self._actions = actions
        self._gate = gate
        self._clock = clock
        self._open: Counter[str] = Counter()

    def routes(self) -> Sequence[Route[Any, Any]]:
        """The table."""
        resume = {"Last-Event-ID": "the id of the last event that was received; the stream goes on after it"}
        return (
            Route(
                "GET",
                "/api/v1/events",
                self.all_events,
                "Everything that happens from now, or after Last-Event-ID",
                Right.READ,
                query=EventsQuery,
                gives={200: None},
                gives_media=(EVENT_STREAM,),
                problems=(429, 503),
                headers=resume,
            ),
            Route(
                "GET",
                "/api/v1/actions/{id}/events",
                self.action_events,
                "What happens to an action, from its beginning or after Last-Event-ID",
                Right.READ,
                query=EventsQuery,
                gives={200: None},
                gives_media=(EVENT_STREAM,),
                problems=(404, 429, 503),
                headers=resume,
            ),
        )

    async def all_events(self, call: Call[Nothing, EventsQuery]) -> Streamed:
        """``GET /events``."""
        return await self._stream(call, None, self._hub.last_id)

    async def action_events(self, call: Call[Nothing, EventsQuery]) -> Streamed:
        """``GET /actions/{id}/events``."""
        action = await self._actions.get(call.path["id"])
        return await self._stream(call, action.id, 0)

    async def _stream(self, call: Call[Nothing, EventsQuery], action_id: str | None, otherwise: int) -> Streamed:
        if self._hub.stopped:
            raise ProblemError(UNAVAILABLE, "the daemon is stopping", headers={"Retry-After": str(RETRY_AFTER_S)})
        asked = _resume_after(call)
        # An id that does not exist yet (the store was put back from a copy) must not silence the stream.
        after = otherwise if asked is None else min(asked, self._hub.last_id)
        key = bearer_key(call.request)
        self._take_place(call.by)
        try:
            begin(call.request, 200, EVENT_STREAM, _HEADERS)
            if call.request.method != b"HEAD":
                out = Outflow(call.request, self._clock)
                await EventStream(self._hub, out, self._clock, action_id, lambda: self._gate.still_valid(key)).run(
                    after
                )
        finally:
            self._leave_place(call.by)
        return STREAMED

    def _take_place(self, who: str) -> None:
        if self._open.total() >= MAX_STREAMS:
            raise ProblemError(UNAVAILABLE, "there are too many streams", headers={"Retry-After": str(RETRY_AFTER_S)})
        if self._open[who] >= MAX_STREAMS_A_KEY:
            raise ProblemError(TOO_MANY, "this key has too many streams open", headers={"Retry-After": "60"})
        self._open[who] += 1

    def _leave_place(self, who: str) -> None:
        self._open[who] -= 1
        if not self._open[who]:
            del self._open[who]


class EventStream:
    """One client's stream: a cursor that follows the hub at the client's pace.

    Args:
        still_valid: whether the client's key is good still; asked at every heartbeat.
    """

    def __init__(
        self,
        hub: EventHub,
        out: Outflow,
        clock: IReactorTime,
        action_id: str | None,
        still_valid: Callable[[], Awaitable[bool]],
    ) -> None:
        self._hub = hub
        self._out = out
        self._clock = clock
        self._action_id = action_id
        self._still_valid = still_valid
        self._news = False
        self._waiting: Deferred[None] | None = None

    async def run(self, after: int) -> None:
        """Send what follows ``after`` until the client goes, its key is revoked or the hub stops.

        Raises:
            ClientGoneError: it went.
        """
        stop_listening = self._hub.listen(self._wake)
        self._out.gone.addCallback(lambda _: self._wake())
        try:
            # The id alone is no event, but a client that is cut off before the first one knows where to go on.
            await self._out.write(b"retry: %d\nid: %d\n\n" % (RECONNECT_MS, after))
            while not self._hub.stopped and not self._out.gone.called:
                self._news = False
                page = await self._hub.read(after, action_id=self._action_id)
                if page.events:
                    await self._out.write(b"".join(map(block, page.events)))
                moved, after = page.upto > after, page.upto
                if not page.events and not moved and not await self._rest():
                    return
        finally:
            stop_listening()
            self._out.close()

    async def _rest(self) -> bool:
        """Wait for news; beat meanwhile. ``False`` where the stream should end."""
        while not self._news:
            self._waiting = Deferred()
            timer = self._clock.callLater(HEARTBEAT_S, self._waiting.callback, None)
            await self._waiting
            self._waiting = None
            if timer.active():
                timer.cancel()
                continue
            if not await self._still_valid():
                return False
            await self._out.write(b": \n\n")
        return True

    def _wake(self) -> None:
        self._news = True
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.called:
            waiting.callback(None)


def block(event: Event) -> bytes:
    """An event as it stands in the stream."""
    data = json.dumps(
        {
            "kind": event.kind,
            "at": event.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "action_id": event.action_id,
            "data": dict(event.data),
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )
    # JSON has no line break outside its strings, and escapes those within: one data line.
    return f"id: {event.id}\nevent: {event.kind}\ndata: {data}\n\n".encode("utf-8", "replace")


def _resume_after(call: Call[Nothing, EventsQuery]) -> int | None:
    header = call.header("last-event-id")
    if not header:
        return call.query.last_event_id
    if not (header.isascii() and header.isdigit() and len(header) <= 18):
        raise invalid_field("Last-Event-ID", "must be the id of an event of this stream")
    return int(header)
