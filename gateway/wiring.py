"""Composition: settings in, a running daemon out. The only module that knows every part."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.ssl import Certificate, PrivateCertificate, optionsForClientTLS, trustRootFromCertificates
from twisted.internet.task import deferLater
from twisted.logger import Logger

from gateway.carriers.carrier import Carrier
from gateway.carriers.lane import CarrierLane
from gateway.flows.dispatch import Dispatcher
from gateway.flows.outcome import Outcomes
from gateway.ports import EventSink, Recorded
from gateway.settings import CarrierSettings, Settings
from gateway.storage.journal import WireJournal
from gateway.storage.repositories.ledger import Ledger
from gateway.storage.repositories.responses import Responses

EXPIRY_EVERY_S = 1.0
TIDY_EVERY_S = 10.0


class SystemClock:
    """Implements :class:`gateway.ports.Clock` on the computer's own clock."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        return datetime.now(UTC)


class ReactorTasks:
    """Implements :class:`gateway.ports.Tasks`: coroutines with an owner.

    Args:
        reactor: makes the pauses.
    """

    _log = Logger()

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._running: set[Deferred[None]] = set()

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """See the port."""
        running = Deferred.fromCoroutine(work)
        self._running.add(running)

        def ended(result: Any) -> None:
            self._running.discard(running)
            if result is not None and not result.check(CancelledError):
                self._log.failure("{task} failed", failure=result, task=name)

        running.addBoth(ended)

    async def sleep(self, seconds: float) -> None:
        """See the port."""
        await deferLater(self._reactor, seconds)

    def cancel(self) -> None:
        """Cancel what still runs."""
        for running in list(self._running):
            running.cancel()


@dataclass(slots=True)
class SmsLine:
    """The line from a claim to a carrier and back, put together."""

    ledger: Ledger
    lane: CarrierLane
    outcomes: Outcomes
    dispatcher: Dispatcher


def build_sms(
    settings: Settings,
    reactor: Any,
    tasks: ReactorTasks,
    ledger: Ledger,
    responses: Responses,
    journal: WireJournal,
    sink: EventSink,
    changed: Callable[[Recorded], None],
) -> SmsLine:
    """Compose ledger, outcomes, carriers and dispatcher."""
    clock = SystemClock()
    outcomes = Outcomes(
        ledger,
        responses,
        journal,
        sink,
        clock,
        tasks,
        changed=changed,
        room=lambda: dispatcher.look(),
        failed=_log_failure,
    )
    policy = settings.to_policy()
    carriers = [
        Carrier(
            one,
            partial(carrier_endpoint, one, reactor),
            reactor,
            clock,
            journal,
            outcomes,
            retry_delays=policy.retry_delays,
            resend_uncertain=policy.resend_uncertain,
        )
        for one in settings.carrier
    ]
    lane = CarrierLane(carriers, clock, outcomes)
    dispatcher = Dispatcher(ledger, lane, clock, tasks, backlog=lambda: outcomes.backlog, failed=_log_failure)
    return SmsLine(ledger, lane, outcomes, dispatcher)


def carrier_endpoint(settings: CarrierSettings, reactor: Any) -> IStreamClientEndpoint:
    """Where a carrier is; over TLS with a verified certificate where its profile says so."""
    plain = HostnameEndpoint(reactor, settings.host, settings.port, timeout=settings.connect_timeout_s)
    if not settings.tls:
        return plain
    return wrapClientTLS(_tls_options(settings), plain)


def _tls_options(settings: CarrierSettings) -> Any:
    trust = None
    if settings.tls_ca_file is not None:
        authority = Certificate.loadPEM(Path(settings.tls_ca_file).read_bytes())
        trust = trustRootFromCertificates([authority])  # type: ignore[no-untyped-call]
    own = None
    if settings.tls_cert_file is not None and settings.tls_key_file is not None:
        pem = Path(settings.tls_cert_file).read_bytes() + b"\n" + Path(settings.tls_key_file).read_bytes()
        own = PrivateCertificate.loadPEM(pem)  # type: ignore[no-untyped-call]
    return optionsForClientTLS(settings.tls_server_name or settings.host, trustRoot=trust, clientCertificate=own)


def _log_failure(what: str, error: BaseException) -> None:
    Logger("gateway").error("{what}: {error}", what=what, error=f"{type(error).__name__}: {error}")
