"""The ports in memory: stores and lanes for tests of what stands on them."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

from twisted.internet.defer import Deferred
from twisted.python import log

from gateway.domain.access import Principal, Role
from gateway.domain.action import Action, ActionRequest, ActionState, Outcome, Text
from gateway.domain.delivery import Lane, SmsBatch, SmsReply
from gateway.domain.enrolment import parse_body
from gateway.domain.errors import ConflictError, Fault, InvalidRequestError, NotFoundError
from gateway.domain.events import Event
from gateway.domain.participant import FaultyRow, lane_words
from gateway.domain.plan import ComposedSms, CostlyCharacter, Estimate, PlanCounts
from gateway.domain.report import ReachPoint, Report, ResponseCounts, SmsCounts, VoiceCounts
from gateway.domain.response import Response, ResponseKind
from gateway.domain.selection import LeftOut, Municipality
from gateway.domain.speech import NoSpeechError, Sound, SpokenMessage
from gateway.ports import CarrierStatus, DeliveryRow, Idempotency

NOON = datetime(2016, 5, 4, 10, 30, tzinfo=UTC)


async def _at_once() -> None:
    return None


class HandClock:
    """A :class:`gateway.ports.Clock` that is moved by hand."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


class MemoryActions:
    """A :class:`gateway.ports.ActionStore` that plans the same for everybody.

    Attributes:
        gate: awaited before an action is stored, to hold a request in the midst of it.
        rows: deliveries by action.
    """

    def __init__(self, municipalities: Sequence[str] = ("weesp",)) -> None:
        self.actions: list[Action] = []
        self.rows: dict[str, list[DeliveryRow]] = {}
        self.gate: Callable[[], Awaitable[None]] = _at_once
        self._municipalities = set(municipalities)
        self._keys: dict[tuple[str, str], tuple[bytes, str]] = {}
        self.counts = PlanCounts(
            sms=1000,
            voice=200,
            left_out={LeftOut.PAUSED: 3, LeftOut.NO_LANE: 2},
            sms_by_country_language={(31, "nl"): 900, (49, "de"): 100},
            voice_by_language={"nl": 200},
        )

    async def create(
        self, request: ActionRequest, *, created_by: str, now: datetime, idempotency: Idempotency | None
    ) -> tuple[Action, PlanCounts, bool]:
        await self.preview(request, now=now)
        await self.gate()
        if idempotency is not None:
            known = self._keys.get((idempotency.principal, idempotency.key))
            if known is not None:
                if known[0] != idempotency.body_sha256:
                    raise ConflictError("this Idempotency-Key stands for another body")
                return await self.get(known[1]), self.counts, False
        number = len(self.actions) + 1
        action = Action(
            id=f"action{number}",
            number=number,
            code=f"{110 + number}",
            request=request,
            state=ActionState.OPEN,
            version=1,
            created_at=now,
            expires_at=now + request.expires_in,
            created_by=created_by,
            planned={"sms": self.counts.sms, "voice": self.counts.voice},
            left_out={reason.value: count for reason, count in self.counts.left_out.items()},
        )
        self.actions.append(action)
        if idempotency is not None:
            self._keys[idempotency.principal, idempotency.key] = idempotency.body_sha256, action.id
        return action, self.counts, True

    async def preview(self, request: ActionRequest, *, now: datetime) -> PlanCounts:
        for index, shape in enumerate(request.area):
            if isinstance(shape, Municipality) and shape.key not in self._municipalities:
                path = "area" if len(request.area) == 1 else f"area[{index}]"
                raise InvalidRequestError.at(f"{path}.municipality", f"there is no municipality {shape.name}")
        return self.counts

    async def get(self, action_id: str) -> Action:
        for action in self.actions:
            if action.id == action_id:
                return action
        raise NotFoundError(f"there is no action {action_id}")

    async def find(self, *, open_only: bool = False, limit: int = 100, before: int | None = None) -> Sequence[Action]:
        found = [
            action
            for action in reversed(self.actions)
            if (before is None or action.number < before) and (not open_only or action.state is ActionState.OPEN)
        ]
        return found[:limit]

    async def add_version(self, action_id: str, text: Text, *, by: str, now: datetime) -> Action:
        action = await self.get(action_id)
        action.require_open()
        return self._put(replace(action, version=action.version + 1, request=replace(action.request, text=text)))

    async def close(
        self, action_id: str, outcome: Outcome, *, text: Text | None, by: str, now: datetime
    ) -> tuple[Action, bool]:
        action = await self.get(action_id)
        if action.state is ActionState.CLOSED:
            if action.outcome is not outcome:
                raise ConflictError(f"action {action.code} ended as {action.outcome}")
            return action, False
        return self._put(replace(action, state=ActionState.CLOSED, outcome=outcome, closed_at=now)), True

    async def expired(self, now: datetime) -> Sequence[str]:
        return [a.id for a in self.actions if a.state is ActionState.OPEN and a.expires_at <= now]

    async def deliveries(
        self,
        action_id: str,
        *,
        lane: Lane | None = None,
        state: str | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> Sequence[DeliveryRow]:
        await self.get(action_id)
        found = [
            row
            for row in self.rows.get(action_id, [])
            if row.id > after and (lane is None or row.lane is lane) and (state is None or row.state == state)
        ]
        return found[:limit]

    async def report(self, action_id: str) -> Report:
        action = await self.get(action_id)
        return Report(
            action={"id": action.id, "code": action.code, "state": action.state.value},
            versions=[{"version": 1, "at": action.created_at}],
            sms=SmsCounts(planned=1000, submitted=990, delivered=980, failed={"undeliverable": 10}, uncertain=1),
            voice=VoiceCounts(planned=200),
            reach=[ReachPoint(1.5, 400, 0), ReachPoint(3.0, 980, 0)],
            first_s=0.8,
            t50_s=1.7,
            t95_s=2.9,
            responses=ResponseCounts(total=2, sms=2, useful=1),
            segments={31: 1980},
            cost_eur=118.804,
        )

    def _put(self, action: Action) -> Action:
        self.actions[action.number - 1] = action
        return action


def delivery(number: int, *, lane: Lane = Lane.SMS, state: str = "delivered", detail: str = "") -> DeliveryRow:
    return DeliveryRow(
        id=number,
        lane=lane,
        purpose="alert",
        version=1,
        ref=f"p{number}",
        number="+31*****678",
        language="nl",
        state=state,
        reason=None,
        attempts=1,
        at=NOON,
        detail=detail,
    )


class MemoryResponses:
    """A :class:`gateway.ports.ResponseStore`."""

    def __init__(self, actions: MemoryActions) -> None:
        self._actions = actions
        self.found: list[Response] = []

    async def record_reply(self, reply: SmsReply, *, now: datetime) -> Response:
        response = Response(
            id=f"response{len(self.found) + 1}",
            action_id=self._actions.actions[-1].id if self._actions.actions else None,
            kind=ResponseKind.SMS,
            at=reply.at,
            caller="+31*****678",
            routed_by="contacted",
            text=reply.text,
        )
        self.found.append(response)
        return response

    async def responses(self, action_id: str, *, limit: int = 1000) -> Sequence[Response]:
        await self._actions.get(action_id)
        return [response for response in self.found if response.action_id == action_id][:limit]

    async def change(
        self, response_id: str, *, useful: bool | None, led_to_success: bool | None, note: str | None, by: str
    ) -> Response:
        for index, response in enumerate(self.found):
            if response.id == response_id:
                given = {"useful": useful, "led_to_success": led_to_success, "note": note}
                changed = {name: value for name, value in given.items() if value is not None}
                self.found[index] = replace(response, **changed)
                return self.found[index]
        raise NotFoundError(f"there is no response {response_id}")


class MemoryEvents:
    """A :class:`gateway.ports.EventStore`.

    Attributes:
        broken: what every call raises, while set.
        reads: how often it was asked for events.
    """

    def __init__(self) -> None:
        self.stored: list[Event] = []
        self.broken: Exception | None = None
        self.reads = 0
        self.gate: Callable[[], Awaitable[None]] = _at_once

    async def append(self, events: Sequence[Event]) -> None:
        await self.gate()
        if self.broken is not None:
            raise self.broken
        for event in events:
            self.stored.append(replace(event, id=len(self.stored) + 1))

    async def after(self, last_id: int, *, action_id: str | None = None, limit: int = 500) -> Sequence[Event]:
        self.reads += 1
        if self.broken is not None:
            raise self.broken
        newer = (event for event in self.stored[last_id:] if action_id is None or event.action_id == action_id)
        return list(newer)[:limit]

    async def last_id(self) -> int:
        return len(self.stored)


class EventList:
    """A :class:`gateway.ports.EventSink` that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]


class FakeSmsLane:
    """A :class:`gateway.ports.SmsLane` that sends nothing: 160 characters a part, 6 cent, 100 a second."""

    def __init__(self) -> None:
        self.batches: list[SmsBatch] = []
        self.cancelled: list[int] = []

    def capacity(self) -> int:
        return 1000

    def submit(self, batch: SmsBatch) -> None:
        self.batches.append(batch)

    def cancel(self, action: int) -> None:
        self.cancelled.append(action)

    def compose(self, text: str) -> ComposedSms:
        parts = [text[index : index + 160] for index in range(0, len(text), 160)] or [""]
        costly = [CostlyCharacter("€", "two", "euro", text.count("€"))] if "€" in text else []
        return ComposedSms(text, "gsm7", parts, len(text), -len(text) % 160, costly)

    def estimate(self, segments_by_country: Mapping[int, int]) -> Estimate:
        segments = sum(segments_by_country.values())
        return Estimate(segments, segments * 0.06, segments / 100)

    def status(self) -> Sequence[CarrierStatus]:
        return [
            CarrierStatus(
                name="alpha",
                state="bound",
                since=NOON,
                binds_bound=2,
                binds=2,
                queue=5,
                in_flight=10,
                rate_per_s=93.5,
                submitted=100,
                accepted=90,
                receipts=80,
                errors={"ESME_RTHROTTLED": 3},
            )
        ]


class MemorySpeech:
    """A :class:`gateway.ports.Speech` that speaks a word in half a second.

    Attributes:
        rendered: what was asked for, in order.
        broken: why nothing can be rendered, while set.
    """

    def __init__(self) -> None:
        self.rendered: list[SpokenMessage] = []
        self.broken: str | None = None

    def complaint(self, message: SpokenMessage) -> str | None:
        return None if any(char.isalnum() for char in message.words) else "there is nothing that a voice can read"

    def as_spoken(self, message: SpokenMessage) -> str:
        return message.words

    async def render(self, message: SpokenMessage) -> Sound:
        self.rendered.append(message)
        return self._sound(message.words)

    async def prompt(self, prompt: str, language: str, **values: object) -> Sound:
        return self._sound(prompt)

    async def keep_recording(self, path: str, data: bytes, language: str) -> str:
        if not data.startswith(b"RIFF"):
            raise InvalidRequestError.at(path, "cannot be played: neither WAV nor MP3")
        return hashlib.sha256(data).hexdigest()

    async def wav(self, key: str) -> bytes | None:
        return b"RIFF" if key == key_of("Vermist") else None

    def _sound(self, words: str) -> Sound:
        if self.broken is not None:
            raise NoSpeechError(self.broken)
        return Sound(f"/sounds/{key_of(words)}", len(words.split()) / 2, 0.5, key_of(words), "fake")


def key_of(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()[:40]


class IdleTasks:
    """:class:`gateway.ports.Tasks` whose work runs at once, as far as it does not wait."""

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        Deferred.fromCoroutine(work).addErrback(log.err, name)

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody sleeps here")


@dataclass
class KnownKeys:
    """Knows whose key is whose: ``reader-key``, ``operator-key``, ``admin-key``.

    Attributes:
        asked: every key that was looked at.
    """

    keys: dict[str, Principal] = field(
        default_factory=lambda: {f"{role.value}-key": Principal(f"the {role.value}", role, role.value) for role in Role}
    )
    asked: list[str] = field(default_factory=list)
    gate: Callable[[], Awaitable[None]] = _at_once

    async def verify(self, key: str) -> Principal | None:
        self.asked.append(key)
        await self.gate()
        return self.keys.get(key)


@dataclass(frozen=True)
class Imported:
    """What an import did."""

    rows: int
    added: int
    changed: int
    unchanged: int
    faulty: int


class MemoryParticipants:
    """A :class:`gateway.ports.ParticipantStore`.

    Attributes:
        gate: awaited before a CSV is read.
        read: the bodies of imports.
    """

    def __init__(self) -> None:
        self.people: dict[str, dict[str, Any]] = {}
        self.gate: Callable[[], Awaitable[None]] = _at_once
        self.read: list[bytes] = []

    async def get(self, ref: str) -> Mapping[str, Any]:
        if ref not in self.people:
            raise NotFoundError("there is no such participant")
        return self.people[ref]

    async def put(self, ref: str, body: Mapping[str, object], *, now: datetime) -> bool:
        change = parse_body(ref, body)
        person, new = change.participant, ref not in self.people
        self.people[ref] = {
            "ref": person.ref,
            "mobile": person.mobile.e164 if person.mobile else None,
            "landline": person.landline.e164 if person.landline else None,
            "language": person.language,
            "lanes": lane_words(person.lanes).split(),
            "left": bool(change.left),
            "paused_until": change.paused_until.isoformat() if change.paused_until else None,
            "places": [
                {"lat": p.lat, "lon": p.lon, "municipality": p.municipality, "label": p.label} for p in person.places
            ],
        }
        return new

    async def delete(self, ref: str, *, now: datetime) -> None:
        await self.get(ref)
        del self.people[ref]

    async def import_csv(
        self,
        file: BinaryIO,
        *,
        now: datetime,
        progress: Callable[[str, int, int | None], None],
        faults: Callable[[FaultyRow], None],
    ) -> Imported:
        await self.gate()
        data = file.read()
        self.read.append(data)
        header, *rows = data.decode().splitlines()
        if "ref" not in header.split(","):
            raise InvalidRequestError.at("header", "the column ref is missing")
        bad = [number for number, row in enumerate(rows, 2) if "bad" in row]
        for line in bad:
            faults(FaultyRow(line, f"p{line}", (Fault("mobile", "is no number"),)))
        return Imported(len(rows), len(rows) - len(bad), 0, 0, len(bad))
