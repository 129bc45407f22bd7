"""The SMS line: ledger, outcomes, carriers and dispatcher, put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import Certificate, PrivateCertificate, optionsForClientTLS, trustRootFromCertificates

from gateway.carriers.carrier import Carrier
from gateway.carriers.lane import CarrierLane
from gateway.carriers.listener import Listener
from gateway.domain.delivery import SmsBatch
from gateway.flows.dispatch import Dispatcher
from gateway.flows.outcome import Outcomes
from gateway.ports import Clock, EventSink, Journal, Recorded, ResponseStore, SmsLedger, Tasks
from gateway.settings import CarrierSettings, Settings
from gateway.telemetry import MeteredLedger, MeteredOutcomes, Metrics
from gateway.wiring.runtime import log_failure


@dataclass(slots=True)
class SmsLine:
    """The line from a claim to a carrier and back, put together."""

    outcomes: Outcomes
    lane: CarrierLane
    listener: Listener
    dispatcher: Dispatcher[SmsBatch]


def build_sms(
    settings: Settings,
    reactor: Any,
    clock: Clock,
    tasks: Tasks,
    ledger: SmsLedger,
    responses: ResponseStore,
    journal: Journal,
    sink: EventSink,
    metrics: Metrics,
    changed: Callable[[Recorded], None],
) -> SmsLine:
    """Compose outcomes, carriers and dispatcher; ``changed`` is told after each write what it changed."""
    ledger = MeteredLedger(ledger, metrics, reactor.seconds)
    outcomes = Outcomes(
        ledger,
        responses,
        journal,
        sink,
        clock,
        tasks,
        changed=changed,
        room=lambda: dispatcher.look(),
        failed=log_failure,
    )
    metered = MeteredOutcomes(outcomes, metrics)
    policy = settings.to_policy()
    carriers = [
        Carrier(
            one,
            partial(carrier_endpoint, one, reactor),
            reactor,
            clock,
            journal,
            metered,
            retry_delays=policy.retry_delays,
            resend_uncertain=policy.resend_uncertain,
        )
        for one in settings.carrier
    ]

    async def recall(action: int, names: Sequence[str]) -> None:
        lane.recalled(await ledger.outstanding(action, names))

    lane = CarrierLane(
        carriers, reactor, clock, metered, lambda action, names: tasks.spawn("recall", recall(action, names))
    )
    dispatcher: Dispatcher[SmsBatch] = Dispatcher(
        lambda limit, now: ledger.claim_sms(limit, now=now),
        lane,
        clock,
        tasks,
        backlog=lambda: outcomes.backlog,
        failed=log_failure,
    )
    listener = Listener(settings.smpp_listener, {carrier.name: carrier for carrier in carriers}, reactor)
    return SmsLine(outcomes, lane, listener, dispatcher)


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
