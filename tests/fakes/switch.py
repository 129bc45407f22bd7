"""An Asterisk in memory, as far as the voice lane sees it, and the lane on it with time moved by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from fakes.memory import HandClock, MemorySpeech
from twisted.internet.task import Clock

from gateway.domain.action import Text, Wording
from gateway.domain.calling import CallAttempt, CallBatch, Callee, CallPolicy, CallResult
from gateway.domain.delivery import Purpose
from gateway.settings import TrunkSettings
from gateway.voice.lane import TrunkLane
from gateway.voice.trunks import Trunk
from gateway.wiring.runtime import ReactorTasks
from ivr.ami import AmiEvent, AmiReply, AmiRequest, Headers, NoReply

WORDS: Text = {"nl": Wording("Vermist: jongen van vijf jaar")}


class FakeManager:
    """Takes every request and queues every call.

    Attributes:
        placed: ChannelIds in the order of dialling; ``dialled`` what was dialled for each.
        hung_up: ChannelIds that we wanted ended.
        channels: what ``CoreShowChannels`` lists.
        devices: states by device.
    """

    def __init__(self) -> None:
        self.connected = True
        self.placed: list[str] = []
        self.dialled: dict[str, dict[str, str]] = {}
        self.hung_up: list[str] = []
        self.channels: list[AmiEvent] = []
        self.devices: dict[str, str] = {}
        self.refusal: AmiReply | NoReply | None = None

    async def request(self, request: AmiRequest) -> AmiReply | NoReply:
        headers = dict(request.headers)
        if request.name == "Originate":
            if self.refusal is not None:
                return self.refusal
            self.placed.append(headers["ChannelId"])
            self.dialled[headers["ChannelId"]] = headers
            return answer("Originate successfully queued")
        if request.name == "Hangup":
            self.hung_up.append(headers["Channel"])
        if request.name == "CoreShowChannels":
            return answer("", self.channels)
        if request.name == "DeviceStateList":
            states = [event("DeviceStateChange", Device=name, State=state) for name, state in self.devices.items()]
            return answer("", states)
        return answer("")


def answer(message: str, events: Sequence[AmiEvent] = ()) -> AmiReply:
    return AmiReply(True, message, Headers([("Response", "Success")]), tuple(events))


def event(name: str, **headers: str) -> AmiEvent:
    return AmiEvent(name, Headers([("Event", name), *headers.items()]))


@dataclass
class Exchange:
    """The lane, its trunks and what came of it.

    Attributes:
        saved: attempts, each before it was dialled.
        forbidden: actions of which nothing may be dialled.
        results: what the lane gave back.
        room: how often it said that it can take more.
    """

    lane: TrunkLane
    manager: FakeManager
    time: Clock
    clock: HandClock
    speech: MemorySpeech
    tasks: ReactorTasks
    saved: list[CallAttempt] = field(default_factory=list)
    forbidden: set[int] = field(default_factory=set)
    results: list[CallResult] = field(default_factory=list)
    room: int = 0
    place_fails: Exception | None = None

    # the ports that the lane calls

    def ended(self, results: Sequence[CallResult]) -> None:
        self.results += results

    def capacity_changed(self) -> None:
        self.room += 1

    async def place(self, attempts: Sequence[CallAttempt]) -> frozenset[str]:
        if self.place_fails is not None:
            raise self.place_fails
        allowed = [one for one in attempts if one.action not in self.forbidden]
        assert not {one.id for one in allowed} & set(self.manager.placed), "dialled before it was saved"
        self.saved += allowed
        return frozenset(one.id for one in allowed)

    # what happens

    def wait(self, seconds: float, step: float = 0.05) -> None:
        """Let time go by."""
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            self.time.advance(step)

    def submit(self, people: int = 1, *, action: int = 1, first: int = 1, **more: Any) -> CallBatch:
        """Deliveries ``first`` and on, claimed."""
        recipients = more.pop("recipients", None) or [
            Callee(first + index, f"+31294{first + index:06}") for index in range(people)
        ]
        batch = CallBatch(
            action=action,
            action_id=f"action{action}",
            code="123",
            version=more.pop("version", 1),
            purpose=more.pop("purpose", Purpose.ALERT),
            domain="burgernet",
            urgency=more.pop("urgency", 1),
            place="Weesp",
            control_room="Midden",
            language=more.pop("language", "nl"),
            text=more.pop("text", WORDS),
            expires_at=more.pop("expires_at", self.clock.now() + timedelta(minutes=30)),
            recipients=recipients,
        )
        self.lane.submit(batch)
        return batch

    def tell(self, channel_id: str, name: str, **headers: str) -> None:
        """Asterisk tells about a channel."""
        self.lane.take_event(event(name, Uniqueid=channel_id, Channel=f"PJSIP/x-{channel_id}", **headers))

    def ring(self, channel_id: str) -> None:
        self.tell(channel_id, "Newchannel", ChannelState="0")
        self.tell(channel_id, "Newstate", ChannelState="5")

    def pick_up(self, channel_id: str) -> None:
        self.ring(channel_id)
        self.tell(channel_id, "Newstate", ChannelState="6")

    def hang_up(self, channel_id: str, cause: int = 16, **headers: str) -> None:
        self.tell(channel_id, "Hangup", Cause=str(cause), **headers)

    def fail(self, channel_id: str, cause: int, **headers: str) -> CallResult:
        """A call that rings and then ends; what the lane made of it."""
        self.ring(channel_id)
        self.hang_up(channel_id, cause, **headers)
        return self.results[-1]


def exchange(*trunks: dict[str, Any], policy: CallPolicy | None = None, left_over: Sequence[Any] = ()) -> Exchange:
    """A lane that is connected; without arguments on one trunk of 20 channels and 10 calls a second."""
    time, clock, speech, manager = Clock(), HandClock(), MemorySpeech(), FakeManager()
    tasks = ReactorTasks(time)
    given = trunks or ({"name": "alpha"},)
    defaults = {"host": "h", "channels": 25, "reserve_inbound": 5, "calls_per_s": 10.0, "caller_id": "+31343529850"}
    made = [
        Trunk(TrunkSettings.model_validate(defaults | one), index, clock, time.seconds())
        for index, one in enumerate(given)
    ]
    holder: list[Exchange] = []
    lane = TrunkLane(
        made,
        speech,
        _Later(lambda: holder[0]),
        lambda attempts: holder[0].place(attempts),
        policy or CallPolicy(),
        time,
        clock,
        tasks,
    )
    holder.append(Exchange(lane, manager, time, clock, speech, tasks))
    lane.start(manager, left_over)
    lane.connected()
    return holder[0]


class _Later:
    """Outcomes of an exchange that is not made yet."""

    def __init__(self, whose: Callable[[], Exchange]) -> None:
        self._whose = whose

    def ended(self, results: Sequence[CallResult]) -> None:
        self._whose().ended(results)

    def capacity_changed(self) -> None:
        self._whose().capacity_changed()
