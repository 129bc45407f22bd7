"""The voice line: ledger, lane, Asterisk's manager interface and FastAGI, put together where there is a trunk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import HostnameEndpoint, TCP4ServerEndpoint, TCP6ServerEndpoint, wrapClientTLS
from twisted.internet.interfaces import IListeningPort, IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS

from gateway.domain.calling import CallBatch
from gateway.flows.calls import CallRecorder
from gateway.flows.dispatch import Dispatcher
from gateway.ports import CallLedger, Clock, EventSink, Recorded, Speech, Tasks
from gateway.settings import AsteriskSettings, Settings
from gateway.telemetry import Metrics
from gateway.voice.fastagi import FastAgi
from gateway.voice.lane import TrunkLane
from gateway.voice.manager import ManagerService
from gateway.voice.scripts import OutboundScripts
from gateway.voice.trunks import Trunk
from gateway.wiring.runtime import log_failure
from ivr.ami import AmiEvent, AmiProfile
from ivr.calls import EVENTS

PROMPTS = (
    *("out.seen", "out.again", "out.menu_again", "out.menu_sms", "out.menu_not_now", "out.menu_never"),
    *("out.connecting", "out.sms_sent", "out.sms_no_mobile", "out.not_now_done", "out.never_ask", "out.never_done"),
    *("out.never_kept", "out.unknown_key", "out.closing_thanks", "out.goodbye"),
)
"""Rendered when the daemon starts, so that no call waits for one."""


@dataclass(slots=True)
class VoiceLine:
    """The line from a claim to a telephone and back, put together."""

    lane: TrunkLane
    recorder: CallRecorder
    dispatcher: Dispatcher[CallBatch]
    manager: ManagerService
    agi: FastAgi
    settings: AsteriskSettings
    ledger: CallLedger
    speech: Speech
    tasks: Tasks
    port: IListeningPort | None = None

    async def start(self, reactor: Any) -> None:
        """Listen for Asterisk, find the calls of a daemon before us, connect, dial."""
        listen = self.settings.agi_listen
        kind: Any = TCP6ServerEndpoint if ":" in listen.host else TCP4ServerEndpoint
        self.port = await kind(reactor, listen.port, interface=listen.host).listen(self.agi)
        self.lane.start(self.manager, await self.ledger.left_over())
        self.manager.start()
        self.tasks.spawn("calls", self.dispatcher.run())
        self.tasks.spawn("news of actions", self.recorder.follow(self.lane))
        self.tasks.spawn("prompts", self._warm())

    async def stop(self) -> None:
        """Dial nobody more; what rings is hung up, what is heard goes on; everything is written."""
        self.dispatcher.stop()
        self.recorder.stop()
        await self.lane.stop()
        while not self.recorder.idle:
            await self.tasks.sleep(0.01)
        if self.port is not None:
            await maybeDeferred(self.port.stopListening)
        for line in list(self.agi.lines.values()):
            # The dialplan goes on with the call.
            line.transport.loseConnection()
        await self.manager.stop()

    async def _warm(self) -> None:
        for prompt in PROMPTS:
            try:
                await self.speech.prompt(prompt, "nl")
            except Exception as error:  # a boundary: told once here, and again by the call that misses it
                log_failure(f"prompt {prompt} cannot be spoken", error)


def build_voice(
    settings: Settings,
    reactor: Any,
    clock: Clock,
    tasks: Tasks,
    ledger: CallLedger,
    speech: Speech,
    sink: EventSink,
    metrics: Metrics,
    *,
    changed: Callable[[Recorded], None],
    sms_planned: Callable[[], None],
) -> VoiceLine:
    """Compose the line; ``sms_planned`` is told when SMS follow a call."""
    recorder = CallRecorder(
        ledger,
        sink,
        clock,
        tasks,
        changed=changed,
        sms_planned=sms_planned,
        room=lambda: dispatcher.look(),
        failed=log_failure,
    )
    trunks = [Trunk(one, index, clock, reactor.seconds()) for index, one in enumerate(settings.trunk)]
    lane = TrunkLane(
        trunks,
        speech,
        recorder,
        ledger.place,
        settings.policy.to_calls(),
        reactor,
        clock,
        tasks,
        settings.number[0].number if settings.number else None,
    )
    dispatcher: Dispatcher[CallBatch] = Dispatcher(
        lambda limit, now: ledger.claim_voice(limit, now=now),
        lane,
        clock,
        tasks,
        backlog=lambda: recorder.backlog,
        failed=log_failure,
    )
    scripts = OutboundScripts(lane, speech, recorder, clock)
    agi = FastAgi(scripts.script_for, [ip_network(one) for one in settings.asterisk.agi_allow])

    def take(event: AmiEvent) -> None:
        lane.take_event(event)
        if event.name == "ChannelTalkingStop":
            channel_id, duration = event.headers.get("Uniqueid", ""), event.headers.get("Duration", "")
            if scripts.talked(channel_id, int(duration) if duration.isdigit() else 0) and channel_id in agi.lines:
                agi.lines[channel_id].cut()

    asterisk = settings.asterisk
    profile = AmiProfile(asterisk.ami_user, asterisk.ami_secret.get_secret_value(), wanted=EVENTS)
    manager = ManagerService(
        profile,
        _ami_endpoint(asterisk, reactor),
        reactor,
        event=take,
        up=lane.connected,
        down=lane.disconnected,
    )
    metrics.watch_trunks(lane.status)
    return VoiceLine(lane, recorder, dispatcher, manager, agi, asterisk, ledger, speech, tasks)


def _ami_endpoint(asterisk: AsteriskSettings, reactor: Any) -> IStreamClientEndpoint:
    plain = HostnameEndpoint(reactor, asterisk.ami_host, asterisk.ami_port, timeout=5)
    if not asterisk.ami_tls:
        return plain
    return wrapClientTLS(optionsForClientTLS(asterisk.ami_host), plain)
