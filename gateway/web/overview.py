"""How we are doing: carriers, trunks, control rooms, health, metrics; and the description of the API itself."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from gateway.domain.access import Right
from gateway.ports import SmsLane
from gateway.web.auth import Gate
from gateway.web.routes import JSON, Call, Reply, Route
from gateway.web.schemas import (
    CarriersOut,
    CheckOut,
    ControlRoomsOut,
    HealthOut,
    Nothing,
    TrunksOut,
    carriers_out,
)

PROBE_S = 5.0
"""A part that does not answer by then is not well."""

METRICS_MEDIA = "text/plain; version=0.0.4; charset=utf-8"  # Prometheus text exposition format

Probe = Callable[[], Awaitable[str]]
"""Gives a few words where a part is well; raises where it is not, and the error says why."""

States = Callable[[], Sequence[Mapping[str, Any]]]
"""The state of each trunk or control room, as JSON values."""


class OverviewPages:
    """``/carriers``, ``/trunks``, ``/control-rooms``, ``/healthz``, ``/readyz``, ``/metrics``, ``/openapi.json``.

    Args:
        probes: what must be well before actions can be taken, by name.
        metrics: everything in Prometheus' text format.
        document: the OpenAPI document.
    """

    _log = Logger()

    def __init__(
        self,
        lane: SmsLane,
        trunks: States,
        control_rooms: States,
        probes: Mapping[str, Probe],
        metrics: Callable[[], bytes],
        document: Callable[[], Mapping[str, Any]],
        gate: Gate,
        clock: IReactorTime,
    ) -> None:
        self._lane = lane
        self._trunks = trunks
        self._control_rooms = control_rooms
        self._probes = probes
        self._metrics = metrics
        self._document = document
        self._gate = gate
        self._clock = clock

    def routes(self) -> Sequence[Route[Any, Any]]:
        """The table."""
        return (
            Route(
                "GET",
                "/api/v1/carriers",
                self.carriers,
                "Each carrier: bound or not, since when, queue, rate, errors",
                Right.READ,
                gives={200: CarriersOut},
            ),
            Route(
                "GET",
                "/api/v1/trunks",
                self.trunks,
                "Each telephone trunk",
                Right.READ,
                gives={200: TrunksOut},
            ),
            Route(
                "GET",
                "/api/v1/control-rooms",
                self.control_rooms,
                "Each control room",
                Right.READ,
                gives={200: ControlRoomsOut},
            ),
            Route("GET", "/api/v1/openapi.json", self.openapi, "This description", None, gives={200: None}),
            Route("GET", "/healthz", self.healthz, "Whether the daemon is up", None, gives={200: HealthOut}),
            Route(
                "GET",
                "/readyz",
                self.readyz,
                "Whether actions can be taken; 503 with the same body where not",
                None,
                gives={200: HealthOut, 503: HealthOut},
            ),
            Route(
                "GET",
                "/metrics",
                self.metrics,
                "Prometheus metrics; from another machine with a key",
                None,
                gives={200: None},
                gives_media=("text/plain",),
                problems=(401, 403, 429),
            ),
        )

    async def carriers(self, call: Call[Nothing, Nothing]) -> Reply:
        """``GET /carriers``."""
        return Reply(carriers_out(self._lane.status()))

    async def trunks(self, call: Call[Nothing, Nothing]) -> Reply:
        """``GET /trunks``."""
        return Reply(TrunksOut(trunks=[dict(trunk) for trunk in self._trunks()]))

    async def control_rooms(self, call: Call[Nothing, Nothing]) -> Reply:
        """``GET /control-rooms``."""
        return Reply(ControlRoomsOut(control_rooms=[dict(room) for room in self._control_rooms()]))

    async def openapi(self, call: Call[Nothing, Nothing]) -> Reply:
        """``GET /openapi.json``."""
        return Reply(json.dumps(self._document(), ensure_ascii=False).encode(), media=JSON)

    async def healthz(self, call: Call[Nothing, Nothing]) -> Reply:
        """``GET /healthz``: that this answers is the answer."""
        return Reply(HealthOut(status="ok"))

    async def readyz(self, call: Call[Nothing, Nothing]) -> Reply:
        """``GET /readyz``."""
        checks = [await self._check(name, probe) for name, probe in self._probes.items()]
        if all(check.ok for check in checks):
            return Reply(HealthOut(status="ready", checks=checks))
        return Reply(HealthOut(status="not_ready", checks=checks), 503)

    async def metrics(self, call: Call[Nothing, Nothing]) -> Reply:
        """``GET /metrics``."""
        if not call.request.is_local:
            await self._gate.admit(call.request, call.request.address, Right.READ)
        return Reply(self._metrics(), media=METRICS_MEDIA)

    async def _check(self, name: str, probe: Probe) -> CheckOut:
        try:
            asked = Deferred.fromCoroutine(_ask(probe)).addTimeout(PROBE_S, self._clock)
            return CheckOut(name=name, ok=True, detail=await asked)
        except DeferredTimeoutError:
            return CheckOut(name=name, ok=False, detail=f"gave no answer within {PROBE_S:.0f} s")
        except Exception as error:
            self._log.warn("{name} is not well: {error}", name=name, error=str(error))
            return CheckOut(name=name, ok=False, detail=type(error).__name__)


async def _ask(probe: Probe) -> str:
    return await probe()
