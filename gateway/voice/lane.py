"""The voice lane: from a claimed delivery to a call that is being heard, and back with what came of it.

The story of a call::

    submit -> its speech is there -> a trunk has room -> the attempt is saved -> Originate
           -> Asterisk's events, by our ChannelId -> a result

Nothing is dialled that is not on record. What waits here is given back when its action ends or the daemon stops; what
rings is hung up; who listens hears the message to its end.
"""

from __future__ import annotations

import heapq
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from math import ceil
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from gateway.domain.calling import ActionNews, CallAttempt, CallBatch, Callee, CallPolicy, CallResult, after
from gateway.domain.delivery import DeliveryState, Purpose, Reason
from gateway.domain.numbers import NumberError, may_be_dialled, parse_number
from gateway.domain.speech import NoSpeechError, Sound, SpokenMessage, spoken_message
from gateway.ports import CallOutcomes, Clock, Speech, Tasks, TrunkStatus
from gateway.voice.trial import UNREACHABLE
from gateway.voice.trunks import Trunk, choose
from gateway.voice.verdict import ALARMS, REASONS
from ivr.ami import AmiEvent, AmiReply, AmiRequest, CallerId, NoReply, core_show_channels, device_state_list, originate
from ivr.ami import hangup as hangup_request
from ivr.calls import Answered, CallBook, CallChange, Ended, Reported, Stranger
from ivr.causes import CallEnd, EndKind
from ivr.errors import IvrError

PREFIX = "bn."
"""Of our ChannelIds: ``bn.DELIVERY.TOKEN``. Channels without it are none of our business."""

CONTEXT = "burgernet-out"
EXTEN = "s"
"""Where the dialplan takes an answered call (config/asterisk)."""

PLAYED = "BurgernetPlayed"
"""What the dialplan tells when it has played the whole message by itself."""

TRY_AGAIN = timedelta(seconds=5)
"""After a fault of ours."""

TICK_S = 0.25
LOOK_AT_TRUNKS_S = 5.0
STOP_S = 5.0
"""How long a stopping daemon waits for people who are listening; after it the dialplan goes on without us."""

Place = Callable[[Sequence[CallAttempt]], Awaitable[frozenset[str]]]


class Manager(Protocol):
    """Asterisk's manager interface, as the lane uses it."""

    @property
    def connected(self) -> bool:
        """Whether requests can be made."""
        ...

    async def request(self, request: AmiRequest) -> AmiReply | NoReply:
        """Ask; always comes back, at the latest by its deadline."""
        ...


@dataclass(slots=True)
class Heard:
    """What a call script found out about an answered call.

    Attributes:
        complete: the whole message was heard at least once, ``complete_at`` for the first time.
        heard_ms: how much of it, at most.
        voicemail: a machine took it.
        key: the last key that meant something.
        version: of the text that was played last.
    """

    complete: bool = False
    complete_at: datetime | None = None
    heard_ms: int = 0
    voicemail: bool = False
    key: str | None = None
    version: int | None = None


@dataclass(slots=True, order=True)
class _Job:
    """Somebody who waits to be called; the most urgent first, then in the order of claiming."""

    rank: tuple[int, int]
    batch: CallBatch = field(compare=False)
    callee: Callee = field(compare=False)
    sound: Sound = field(compare=False)


@dataclass(slots=True)
class LiveCall:
    """A call that we have under way.

    Attributes:
        batch, callee: ``None`` where a daemon before us had placed it.
        sound: the message, as it was when the call was placed.
        heard: set by the script that talks to whoever answers.
        gave_up: why we end it, where we do.
    """

    attempt: CallAttempt
    trunk: Trunk | None
    batch: CallBatch | None = None
    callee: Callee | None = None
    until: datetime | None = None
    sound: Sound | None = None
    answered_at: datetime | None = None
    heard: Heard | None = None
    gave_up: Reason | None = None


class TrunkLane:
    """Implements :class:`gateway.ports.VoiceLane` on Asterisk.

    Args:
        trunks: in the order of the settings.
        place: saves attempts before they are dialled and says which may be (``CallLedger.place``).
        default_caller_id: shown where a trunk has none.
    """

    _log = Logger()

    def __init__(
        self,
        trunks: Sequence[Trunk],
        speech: Speech,
        outcomes: CallOutcomes,
        place: Place,
        policy: CallPolicy,
        reactor: IReactorTime,
        clock: Clock,
        tasks: Tasks,
        default_caller_id: str | None = None,
    ) -> None:
        self.trunks = trunks
        self.book = CallBook(PREFIX)
        self._speech = speech
        self._outcomes = outcomes
        self._place = place
        self._policy = policy
        self._reactor = reactor
        self._clock = clock
        self._tasks = tasks
        self._default_caller_id = default_caller_id
        self._manager: Manager | None = None
        # By the trunks that take the number, so that a full trunk holds up nobody who could take another.
        self._queues: dict[tuple[int, ...], list[_Job]] = {}
        self._preparing = 0
        self._order = count()
        self._live: dict[str, LiveCall] = {}
        self._left_over: dict[str, LiveCall] = {}
        self._texts: dict[int, ActionNews] = {}
        self._sounds: dict[SpokenMessage, Sound] = {}
        self._ended_actions: set[int] = set()
        self._pump_call: IDelayedCall | None = None
        self._tick_call: IDelayedCall | None = None
        self._looked_at = 0.0
        self._reconciling = False
        self._stopping = False

    # ------------------------------------------------------------ life

    def start(self, manager: Manager, left_over: Iterable[tuple[CallAttempt, str, datetime]] = ()) -> None:
        """Begin; calls that a daemon before us had placed are looked for as soon as Asterisk answers."""
        self._manager = manager
        by_name = {trunk.name: trunk for trunk in self.trunks}
        for attempt, _, until in left_over:
            self._left_over[attempt.id] = LiveCall(attempt, by_name.get(attempt.trunk), until=until)
        self._tick()

    async def stop(self) -> None:
        """Give back what waits, hang up what rings, let people hear the end for a little while."""
        self._stopping = True
        waiting = [job.callee for queue in self._queues.values() for job in queue]
        self._queues.clear()
        self._give_back(waiting, self._clock.now())
        for live in list(self._live.values()):
            if live.answered_at is None:
                self._hang_up(live, Reason.DAEMON_STOPPED)
        until = self._reactor.seconds() + STOP_S
        while self._live and self._connected and self._reactor.seconds() < until:
            await self._tasks.sleep(0.05)
        for call in (self._tick_call, self._pump_call):
            if call is not None and call.active():
                call.cancel()

    # ------------------------------------------------------------ the port

    def capacity(self) -> int:
        """See the port: what the trunks may begin within a second or so, asked for in halves."""
        if self._stopping or not self._connected:
            return 0
        usable = [trunk for trunk in self.trunks if trunk.usable]
        # Also while every channel is taken: a channel that falls free must not wait for the ledger.
        wanted = ceil(sum(min(trunk.settings.calls_per_s, trunk.most) for trunk in usable))
        waiting = self._waiting
        return wanted - waiting if waiting <= wanted // 2 else 0

    def submit(self, batch: CallBatch) -> None:
        """See the port."""
        self._preparing += len(batch.recipients)
        self._tasks.spawn("speech for calls", self._prepare(batch))

    def cancel(self, action: int) -> None:
        """See the port. Thanks for an action that has ended are not its alert: they still go out."""
        if len(self._ended_actions) > 10_000:
            self._ended_actions.clear()
        self._ended_actions.add(action)
        for key, queue in self._queues.items():
            over = [job for job in queue if self._is_over(job.batch)]
            if over:
                self._queues[key] = [job for job in queue if not self._is_over(job.batch)]
                heapq.heapify(self._queues[key])
                self._outcomes.ended([self._cancelled(job.callee.delivery, job.batch.expires_at) for job in over])
        for live in list(self._live.values()):
            if live.attempt.action == action and live.answered_at is None and not _is_closing(live):
                self._hang_up(live, Reason.ACTION_CLOSED)

    def status(self) -> Sequence[TrunkStatus]:
        """See the port."""
        return [trunk.status() for trunk in self.trunks]

    # ------------------------------------------------------------ what others tell

    def live(self, channel_id: str) -> LiveCall | None:
        """A call that is under way, for the script that talks to whoever answered it."""
        return self._live.get(channel_id)

    def versions(self) -> Mapping[int, int]:
        """The actions that we have calls of, with the version of the text that we know."""
        known: dict[int, int] = {}
        jobs = (job.batch for queue in self._queues.values() for job in queue)
        calls = (live.batch for live in self._live.values() if live.batch is not None)
        for batch in (*jobs, *calls):
            if batch.purpose is not Purpose.CLOSING:
                news = self._texts.get(batch.action)
                known[batch.action] = max(batch.version, news.version if news is not None else 0)
        return known

    def tell(self, news: Iterable[ActionNews]) -> None:
        """Actions that have ended, or that have a newer text: the next start of the message is in its words."""
        for one in news:
            if not one.open:
                self.cancel(one.number)
                continue
            self._texts[one.number] = one
            _forget_oldest(self._texts)
            languages = {batch.language: batch for batch in self._batches() if batch.action == one.number}
            for batch in languages.values():
                self._tasks.spawn("speech for calls", self._learn_newer(self._newest(batch)[0]))

    def current(self, live: LiveCall) -> tuple[Sound | None, int]:
        """The newest message of a call that has been spoken already, and its version."""
        if live.batch is None:
            return live.sound, live.attempt.version
        message, version = self._newest(live.batch)
        sound = self._sounds.get(message)
        return (sound, version) if sound is not None else (live.sound, live.attempt.version)

    def connected(self) -> None:
        """Asterisk's manager interface can be asked: find out which of our calls are up."""
        for trunk in self.trunks:
            trunk.reached(True)
        self._tasks.spawn("look at trunks", self._look_at_trunks())
        self._tasks.spawn("reconcile calls", self._reconcile())
        self._outcomes.capacity_changed()

    def disconnected(self, reason: str) -> None:
        """Asterisk is away: nothing is dialled, and what is up goes on without us."""
        for trunk in self.trunks:
            trunk.reached(None, reason)

    def take_event(self, event: AmiEvent) -> None:
        """An event of Asterisk."""
        self._apply(self.book.take(event, self._reactor.seconds()))

    # ------------------------------------------------------------ before the call

    async def _prepare(self, batch: CallBatch) -> None:
        """Have the message spoken, then queue everybody; who cannot be called is settled at once."""
        try:
            sound = await self._learn(self._newest(batch)[0])
        except NoSpeechError as error:
            self._log.error("action {action}: no speech: {error}", action=batch.action_id, error=str(error))
            self._refuse(batch.recipients, Reason.NO_SPEECH, str(error))
            return
        except Exception:  # a boundary: nobody is lost because of it
            self._log.failure("calls cannot be prepared")
            self._give_back(batch.recipients, self._clock.now() + TRY_AGAIN)
            return
        finally:
            self._preparing -= len(batch.recipients)
        if self._stopping:
            self._give_back(batch.recipients, self._clock.now())
            return
        for callee in batch.recipients:
            trunks = self._trunks_for(callee.number)
            if trunks is None:
                self._refuse([callee], Reason.CLASS_NOT_ALLOWED)
            elif not trunks:
                self._refuse([callee], Reason.NO_ROUTE)
            else:
                job = _Job((-batch.urgency, next(self._order)), batch, callee, sound)
                heapq.heappush(self._queues.setdefault(trunks, []), job)
        self._pump()

    async def _learn(self, message: SpokenMessage) -> Sound:
        """The sound of a message, known from now on."""
        sound = self._sounds.get(message)
        if sound is None:
            sound = self._sounds[message] = await self._speech.render(message)
            _forget_oldest(self._sounds)
        return sound

    async def _learn_newer(self, message: SpokenMessage) -> None:
        try:
            await self._learn(message)
        except NoSpeechError as error:
            self._log.error("a newer text cannot be spoken, calls keep the older one: {error}", error=str(error))

    def _newest(self, batch: CallBatch) -> tuple[SpokenMessage, int]:
        news = self._texts.get(batch.action)
        if news is None or news.version <= batch.version or batch.purpose is Purpose.CLOSING:
            return batch.message, batch.version
        message = spoken_message(news.text, batch.language, batch.domain, batch.place, batch.purpose)
        return message, news.version

    def _trunks_for(self, number: str) -> tuple[int, ...] | None:
        """The trunks that take a number; ``None`` where it may not be dialled, however it came to be here."""
        try:
            if not may_be_dialled(parse_number(number)):
                return None
        except NumberError:
            return None
        return tuple(trunk.index for trunk in self.trunks if trunk.settings.match(number) >= 0)

    # ------------------------------------------------------------ dialling

    def _pump(self) -> None:
        """Begin every call that may begin now, and come back when the next one may."""
        if self._pump_call is not None and self._pump_call.active():
            self._pump_call.cancel()
        self._pump_call = None
        if self._stopping or not self._connected:
            return
        now = self._reactor.seconds()
        begun: list[LiveCall] = []
        for key in sorted((key for key, queue in self._queues.items() if queue), key=lambda key: self._queues[key][0]):
            trunks, queue = [self.trunks[index] for index in key], self._queues[key]
            while queue and (trunk := choose(trunks, queue[0].callee.number, queue[0].callee.last_trunk, now)):
                job = heapq.heappop(queue)
                if self._clock.now() >= job.batch.expires_at:
                    self._outcomes.ended([self._cancelled(job.callee.delivery, job.batch.expires_at)])
                    continue
                trunk.take(now)
                begun.append(self._begin(job, trunk))
        if begun:
            self._tasks.spawn("dial", self._dial(begun))
            self._outcomes.capacity_changed()
        self._come_back(now)

    def _come_back(self, now: float) -> None:
        waits = [
            wait
            for key, queue in self._queues.items()
            if queue
            for index in key
            if (wait := self.trunks[index].wait_s(now)) is not None
        ]
        if waits:
            self._pump_call = self._reactor.callLater(min(waits), self._pump)

    def _begin(self, job: _Job, trunk: Trunk) -> LiveCall:
        batch, callee = job.batch, job.callee
        message, version = self._newest(batch)
        sound = self._sounds.get(message)
        if sound is None:  # the newer text is still being spoken
            sound, version = job.sound, batch.version
        attempt = CallAttempt(
            id=f"{PREFIX}{callee.delivery}.{secrets.token_hex(4)}",
            delivery=callee.delivery,
            action=batch.action,
            version=version,
            trunk=trunk.name,
            placed_at=self._clock.now(),
        )
        return LiveCall(attempt, trunk, batch, callee, batch.expires_at, sound)

    async def _dial(self, begun: Sequence[LiveCall]) -> None:
        """Save the attempts, then dial those that may be."""
        try:
            allowed = await self._place([live.attempt for live in begun])
        except Exception:  # a boundary: nothing was dialled, so everybody goes back
            self._log.failure("attempts cannot be saved")
            for live in begun:
                self._release(live, "not_placed")
            self._give_back((live.callee for live in begun if live.callee), self._clock.now() + TRY_AGAIN)
            return
        for live in begun:
            if live.attempt.id not in allowed:
                self._release(live, "cancelled")
                self._outcomes.ended([self._cancelled(live.attempt.delivery, live.until)])
            elif self._stopping or (live.batch is not None and self._is_over(live.batch)):
                live.gave_up = Reason.DAEMON_STOPPED if self._stopping else Reason.ACTION_CLOSED
                self._finish(live, CallEnd(EndKind.CANCELLED, detail="ended before it was dialled"))
            else:
                self._live[live.attempt.id] = live
                try:
                    self._originate(live)
                except IvrError as error:  # a value that may not reach Asterisk, or one call too many
                    del self._live[live.attempt.id]
                    self._log.error("a call cannot be placed: {error}", error=str(error))
                    self._finish(live, CallEnd(EndKind.NOT_PLACED, detail=str(error)))

    def _originate(self, live: LiveCall) -> None:
        assert live.trunk is not None
        assert live.callee is not None
        assert live.batch is not None
        ring_s = self._policy.ring.total_seconds()
        shown = live.trunk.settings.shown_to(live.callee.number) or self._default_caller_id
        request = originate(
            f"PJSIP/{live.callee.number}@{live.trunk.name}",
            context=CONTEXT,
            exten=EXTEN,
            channel_id=live.attempt.id,
            caller_id=None if shown is None else CallerId(shown),
            timeout_s=ring_s,
            variables={
                # For the dialplan, should we be away when somebody answers.
                "BN_MESSAGE": "" if live.sound is None else live.sound.path,
                "BN_LANGUAGE": live.batch.language,
                "BN_ROOM": _word(live.batch.control_room),
            },
            codecs=("alaw",),
        )
        self.book.place(live.attempt.id, self._reactor.seconds(), ring_s)
        self._tasks.spawn("originate", self._ask_for(live.attempt.id, request))

    async def _ask_for(self, channel_id: str, request: AmiRequest) -> None:
        assert self._manager is not None
        reply = await self._manager.request(request)
        self._apply(self.book.replied(channel_id, reply, self._reactor.seconds()))

    def _hang_up(self, live: LiveCall, why: Reason) -> None:
        if live.gave_up is not None:
            return
        live.gave_up = why
        if self.book.cancelling(live.attempt.id) is not None and self._manager is not None:
            self._tasks.spawn("hang up", self._request(hangup_request(live.attempt.id)))

    async def _request(self, request: AmiRequest) -> None:
        assert self._manager is not None
        await self._manager.request(request)

    # ------------------------------------------------------------ what Asterisk tells

    def _apply(self, changes: Iterable[CallChange]) -> None:
        for changed in changes:
            live = self._live.get(changed.call.channel_id)
            if live is None:
                continue
            if isinstance(changed.change, Answered):
                live.answered_at = self._clock.now()
                if live.trunk is not None:
                    live.trunk.answered()
            elif isinstance(changed.change, Reported) and changed.change.name == PLAYED:
                live.heard = Heard(complete=True, complete_at=self._clock.now())
            elif isinstance(changed.change, Ended):
                del self._live[live.attempt.id]
                self._finish(live, changed.change.end)

    def _finish(self, live: LiveCall, end: CallEnd) -> None:
        """A call is over: tell its trunk, and what becomes of the delivery."""
        now = self._reactor.seconds()
        self._release(live, end.kind.value)
        if live.trunk is not None:
            if end.kind is EndKind.CONGESTION:
                live.trunk.full(now)
            if end.kind in ALARMS:
                self._log.error(
                    "trunk {trunk}: {kind}, cause {cause}, SIP {sip}",
                    trunk=live.trunk.name,
                    kind=end.kind.value,
                    cause=end.cause,
                    sip=end.sip,
                )
        self._outcomes.ended([self._result(live, end)])
        self._pump()

    def _release(self, live: LiveCall, outcome: str) -> None:
        if live.trunk is not None:
            live.trunk.ended(outcome, was_answered=live.answered_at is not None)

    def _result(self, live: LiveCall, end: CallEnd) -> CallResult:
        now = self._clock.now()
        attempt, heard = live.attempt, live.heard
        if end.kind is EndKind.ANSWERED:
            return self._heard_result(live, end, now)
        if live.gave_up is Reason.DAEMON_STOPPED:
            return self._returned(attempt.delivery, now, attempt.id, end)
        reason = REASONS[end.kind]
        callee = live.callee or Callee(attempt.delivery, "", placed=1)
        step = after(reason, callee, self._policy, now=now, until=live.until or now)
        return CallResult(
            attempt=attempt.id,
            delivery=attempt.delivery,
            state=step.state,
            reason=reason,
            at=now,
            retry_at=step.retry_at,
            counts=step.counts,
            sms_instead=step.sms_instead,
            outcome=end.kind.value,
            cause=end.cause,
            sip=end.sip,
            answered_at=live.answered_at,
            heard_ms=None if heard is None else heard.heard_ms,
            detail=f"{attempt.trunk}: {end.detail or end.kind.value}",
        )

    def _heard_result(self, live: LiveCall, end: CallEnd, now: datetime) -> CallResult:
        attempt, heard = live.attempt, live.heard
        if heard is None:
            # Nobody of us talked to them: the dialplan played the message by itself.
            lasted_ms = 0 if live.answered_at is None else round((now - live.answered_at) / timedelta(milliseconds=1))
            whole_ms = None if live.sound is None else round(live.sound.seconds * 1000)
            heard = Heard(complete=whole_ms is not None and lasted_ms >= whole_ms, heard_ms=lasted_ms)
        state = DeliveryState.HEARD_FULL if heard.complete else DeliveryState.HEARD_PART
        return CallResult(
            attempt=attempt.id,
            delivery=attempt.delivery,
            state=DeliveryState.VOICEMAIL if heard.voicemail else state,
            reason=None,
            at=now,
            outcome=end.kind.value,
            cause=end.cause,
            sip=end.sip,
            answered_at=live.answered_at,
            reached_at=heard.complete_at or live.answered_at,
            heard_ms=heard.heard_ms,
            key=heard.key,
            version=heard.version,
            detail=attempt.trunk,
        )

    # ------------------------------------------------------------ now and then

    def _tick(self) -> None:
        now = self._reactor.seconds()
        self._tick_call = self._reactor.callLater(TICK_S, self._tick)
        self._apply(self.book.handle_timer(now))
        for trunk in self.trunks:
            trunk.refresh(now)
        if not self._connected:
            return
        if now - self._looked_at >= LOOK_AT_TRUNKS_S:
            self._tasks.spawn("look at trunks", self._look_at_trunks())
        if self.book.overdue(now):
            self._tasks.spawn("reconcile calls", self._reconcile())
        self._pump()

    async def _look_at_trunks(self) -> None:
        """Whether somebody answers at the other end of each trunk (PJSIP qualify)."""
        assert self._manager is not None
        self._looked_at = self._reactor.seconds()
        reply = await self._manager.request(device_state_list())
        if isinstance(reply, NoReply) or not reply.success:
            return
        states = {event.headers.get("Device", ""): event.headers.get("State", "") for event in reply.events}
        changed = False
        for trunk in self.trunks:
            state = states.get(f"PJSIP/{trunk.name}")
            reachable = state not in UNREACHABLE
            changed |= trunk.reached(reachable, "" if reachable else "nobody answers at the other end")
        if changed:
            self._outcomes.capacity_changed()

    async def _reconcile(self) -> None:
        """Hold what we know against the channels that are up."""
        if self._reconciling or self._manager is None:
            return
        self._reconciling = True
        try:
            asked_at = self._reactor.seconds()
            reply = await self._manager.request(core_show_channels())
            if isinstance(reply, NoReply) or not reply.success:
                return
            now = self._reactor.seconds()
            found = self.book.reconcile(reply.events, asked_at, now)
            self._apply(found.changes)
            self._adopt({stranger.channel_id: stranger for stranger in found.strangers}, now)
        finally:
            self._reconciling = False

    def _adopt(self, strangers: Mapping[str, Stranger], now: float) -> None:
        """Calls of a daemon before us: followed where they are up, uncertain where they are not."""
        left_over, self._left_over = self._left_over, {}
        for channel_id, live in left_over.items():
            stranger = strangers.get(channel_id)
            if stranger is None:
                live.trunk = None
                self._finish(live, CallEnd(EndKind.VANISHED, detail="not among Asterisk's channels after a restart"))
                continue
            self._live[channel_id] = live
            if live.trunk is not None:
                live.trunk.adopted(answered=False)
            self._apply(self.book.adopt(stranger, now))
            if live.answered_at is None and live.attempt.action in self._ended_actions:
                self._hang_up(live, Reason.ACTION_CLOSED)

    # ------------------------------------------------------------ small things

    @property
    def _connected(self) -> bool:
        return self._manager is not None and self._manager.connected

    @property
    def _waiting(self) -> int:
        return self._preparing + sum(map(len, self._queues.values()))

    def _batches(self) -> Iterable[CallBatch]:
        yield from (job.batch for queue in self._queues.values() for job in queue)
        yield from (live.batch for live in self._live.values() if live.batch is not None)

    def _is_over(self, batch: CallBatch) -> bool:
        return batch.action in self._ended_actions and batch.purpose is not Purpose.CLOSING

    def _refuse(self, callees: Iterable[Callee], reason: Reason, detail: str = "") -> None:
        now = self._clock.now()
        self._outcomes.ended(
            [
                CallResult(
                    "",
                    callee.delivery,
                    DeliveryState.FAILED,
                    reason,
                    now,
                    counts=False,
                    sms_instead=self._policy.sms_instead,
                    detail=detail,
                )
                for callee in callees
            ]
        )

    def _give_back(self, callees: Iterable[Callee], again: datetime) -> None:
        returned = [self._returned(callee.delivery, again) for callee in callees]
        if returned:
            self._outcomes.ended(returned)

    def _returned(self, delivery: int, at: datetime, attempt: str = "", end: CallEnd | None = None) -> CallResult:
        outcome = "" if end is None else end.kind.value
        return CallResult(
            attempt, delivery, DeliveryState.RETRY, None, self._clock.now(), at, counts=False, outcome=outcome
        )

    def _cancelled(self, delivery: int, until: datetime | None) -> CallResult:
        now = self._clock.now()
        if until is not None and now >= until:
            return CallResult("", delivery, DeliveryState.EXPIRED, Reason.ACTION_EXPIRED, now, counts=False)
        return CallResult("", delivery, DeliveryState.CANCELLED, Reason.ACTION_CLOSED, now, counts=False)


def _forget_oldest(known: dict[Any, Any], most: int = 500) -> None:
    while len(known) > most:
        del known[next(iter(known))]


def _is_closing(live: LiveCall) -> bool:
    return live.batch is not None and live.batch.purpose is Purpose.CLOSING


def _word(name: str | None) -> str:
    """A name as it may stand in a channel variable."""
    return "".join(char for char in name or "" if char.isascii() and (char.isalnum() or char in "-_ "))[:80].strip()
