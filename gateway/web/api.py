"""The HTTP API: every page, put together behind one gate and one table of routes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from werkzeug.exceptions import HTTPException

from gateway.domain.access import Principal, Right
from gateway.flows.alert import Alert
from gateway.ports import ActionStore, Clock, EventSink, ParticipantStore, ResponseStore, SmsLane, Speech
from gateway.web.actions import ActionPages, Reporter
from gateway.web.auth import Authenticator, Gate
from gateway.web.events import EventHub
from gateway.web.openapi import describe
from gateway.web.overview import OverviewPages, Probe, States
from gateway.web.participants import ParticipantPages
from gateway.web.routes import Passage, Route
from gateway.web.site import ApiRequest, ApiSite, Doors, Limits
from gateway.web.speech import SpeechPages
from gateway.web.streams import EventPages


def _none() -> Sequence[Mapping[str, Any]]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Api:
    """What answers HTTP. ``api.doors()`` is the factory to listen with.

    Attributes:
        report: the report on an action, with its cost.
        hub: started and stopped by whoever composes.
        metrics: everything in Prometheus' text format.
        probes: what must be well before actions can be taken, by name.
        trunks, control_rooms: the state of each, as JSON values.
        sink: takes the API's own events; the hub unless something stands before it.
        clock: the time of day; ``reactor`` makes the timeouts.
    """

    alert: Alert
    actions: ActionStore
    responses: ResponseStore
    participants: ParticipantStore
    report: Reporter
    lane: SmsLane
    speech: Speech
    hub: EventHub
    authenticator: Authenticator
    metrics: Callable[[], bytes]
    clock: Clock
    reactor: IReactorTime
    probes: Mapping[str, Probe] = field(default_factory=dict)
    trunks: States = _none
    control_rooms: States = _none
    limits: Limits = field(default_factory=Limits)
    sink: EventSink | None = None

    @cached_property
    def gate(self) -> Gate:
        """Lets requests in."""
        return Gate(self.authenticator, self.reactor)

    @cached_property
    def _passage(self) -> Passage:
        return Passage(self.gate)

    @cached_property
    def routes(self) -> Sequence[Route[Any, Any]]:
        """The whole table."""
        actions = ActionPages(
            self.alert,
            self.actions,
            self.responses,
            self.speech,
            self.report,
            self.sink or self.hub,
            self.clock,
            self.reactor,
        )
        speech = SpeechPages(self.speech)
        participants = ParticipantPages(self.participants, self.clock)
        events = EventPages(self.hub, self.actions, self.gate, self.reactor)
        overview = OverviewPages(
            self.lane,
            self.trunks,
            self.control_rooms,
            self.probes,
            self.metrics,
            lambda: self.document,
            self.gate,
            self.reactor,
        )
        return (
            *actions.routes(),
            *events.routes(),
            *participants.routes(),
            *speech.routes(),
            *overview.routes(),
        )

    @cached_property
    def document(self) -> Mapping[str, Any]:
        """The OpenAPI document."""
        return describe(self.routes)

    def doors(self) -> Doors:
        """The server, ready to listen."""
        return ApiSite(self._klein().resource(), self.reactor, self.limits, self._admit_import).doors()

    def refuse_work(self) -> None:
        """Answer 503 to whatever would change something, from now on: the daemon is stopping."""
        self._passage.stopping = True

    def _klein(self) -> Klein:
        klein, passage = Klein(), self._passage
        klein.url_map.merge_slashes = False
        for route in self.routes:
            klein.route(route.pattern, methods=[route.method], endpoint=f"{route.method} {route.path}")(
                _page(route, passage)
            )

        def refuse(request: Any, failure: Failure) -> None:
            assert isinstance(failure.value, HTTPException)
            passage.refuse(request, failure.value)

        klein.handle_errors(HTTPException)(refuse)
        return klein

    async def _admit_import(self, request: ApiRequest) -> Principal:
        return await self.gate.admit(request, request.address, Right.PARTICIPANTS)


def _page(route: Route[Any, Any], passage: Passage) -> Callable[..., Deferred[None]]:
    def page(request: ApiRequest, **path: str) -> Deferred[None]:
        return passage.serve(route, request, path)

    return page
