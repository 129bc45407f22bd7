"""Alert in: from the control room's press to deliveries that the lanes can claim; and how an action changes and ends.

This is where the story begins. ``Alert.start`` judges the request, has the store select and plan in one transaction,
and wakes the dispatcher; ``flows.dispatch`` takes it from there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.domain import events
from gateway.domain.action import (
    URGENCY_OF,
    Action,
    ActionDraft,
    ActionRequest,
    Outcome,
    Policy,
    Text,
    wording_for,
)
from gateway.domain.delivery import Lane, Purpose
from gateway.domain.errors import Fault, InvalidRequestError
from gateway.domain.events import Event
from gateway.domain.plan import ComposedSms, Estimate, PlanCounts
from gateway.domain.selection import check_area
from gateway.domain.speech import NoSpeechError, Sound, spoken_languages, spoken_message
from gateway.domain.wording import Hint, hints
from gateway.ports import ActionStore, Clock, EventSink, Idempotency, SmsLane, Speech, Tasks, VoiceLane


@dataclass(frozen=True, slots=True)
class PreviewSpeech:
    """What a language's voice says.

    Attributes:
        text: the words as they are read: numbers, times and plates in words.
        sound: to listen to; ``None`` where the action calls nobody, or where ``problem`` says why there is none.
    """

    text: str
    sound: Sound | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What an action would do.

    Attributes:
        sms: how each language's text will look to the carriers.
        speech: what each language's voice would say.
        hints: words and characters that could be better, by language.
    """

    request: ActionRequest
    planned: PlanCounts
    estimate: Estimate
    sms: Mapping[str, ComposedSms]
    speech: Mapping[str, PreviewSpeech]
    hints: Mapping[str, Sequence[Hint]]


class Alert:
    """Starts, changes and ends actions.

    Args:
        voice: ``None`` where there is no trunk; calls then wait in the ledger.
        wake: called after deliveries were planned or cancelled; must return at once.
    """

    def __init__(
        self,
        store: ActionStore,
        sms: SmsLane,
        speech: Speech,
        events: EventSink,
        clock: Clock,
        tasks: Tasks,
        policy: Policy,
        wake: Callable[[], None],
        voice: VoiceLane | None = None,
    ) -> None:
        self._store = store
        self._sms = sms
        self._speech = speech
        self._voice = voice
        self._tasks = tasks
        self._events = events
        self._clock = clock
        self._policy = policy
        self._wake = wake

    async def preview(self, draft: ActionDraft) -> Preview:
        """Judge a draft and count whom it would reach; stores nothing.

        Raises:
            InvalidRequestError: with every fault found.
        """
        request = self._judge(draft)
        counts = await self._store.preview(request, now=self._clock.now())
        return Preview(
            request=request,
            planned=counts,
            estimate=self._estimate(request.text, counts),
            sms={language: self._sms.compose(wording.sms) for language, wording in request.text.items()},
            speech={language: await self._preview_speech(request, language) for language in request.text},
            hints={language: hints(wording.sms, language) for language, wording in request.text.items()},
        )

    async def start(
        self, draft: ActionDraft, *, by: str, idempotency: Idempotency | None = None
    ) -> tuple[Action, Estimate, bool]:
        """Raise the alarm. ``False`` where the same idempotency key had started it before.

        Raises:
            InvalidRequestError: with every fault found; nothing is stored.
            ConflictError: the key stands for another body.
        """
        request = self._judge(draft)
        now = self._clock.now()
        action, counts, created = await self._store.create(request, created_by=by, now=now, idempotency=idempotency)
        if created:
            self._wake()
            if counts.voice:
                people = spoken_languages(request.text, counts.voice_by_language)
                self._tasks.spawn("speech", self._prepare(request, request.text, people, Purpose.ALERT, action.id))
            self._events.emit(
                Event(
                    events.ACTION_STARTED,
                    now,
                    action.id,
                    {
                        "code": action.code,
                        "kind": request.kind.value,
                        "urgency": request.urgency.word,
                        "place": request.place,
                        "planned": {"sms": counts.sms, "voice": counts.voice},
                    },
                )
            )
        return action, self._estimate(action.request.text, counts), created

    async def update(self, action_id: str, text: Text, *, by: str, allow_long: bool = False) -> Action:
        """A newer text: what has not left yet goes out with it.

        Raises:
            NotFoundError, ConflictError: there is no such open action.
            InvalidRequestError: the text cannot be sent.
        """
        faults = self._text_faults(text, allow_long=allow_long)
        known = (await self._store.get(action_id)).request
        faults += self._speech_faults(text, known.lanes, known.domain, known.place)
        if faults:
            raise InvalidRequestError(faults)
        now = self._clock.now()
        action = await self._store.add_version(action_id, text, by=by, now=now)
        self._wake()
        if action.planned.get(Lane.VOICE.word):
            self._tasks.spawn("speech", self._prepare(action.request, text, text, Purpose.ALERT, action.id))
        self._events.emit(Event(events.ACTION_UPDATED, now, action.id, {"version": action.version}))
        return action

    async def close(self, action_id: str, outcome: Outcome, *, text: Text | None = None, by: str) -> Action:
        """End an action: nothing of it leaves any more. The same outcome again changes nothing.

        Raises:
            NotFoundError: there is no such action.
            ConflictError: it ended with another outcome.
            InvalidRequestError: the closing text cannot be sent.
        """
        if text is not None:
            faults = self._text_faults(text, allow_long=False)
            known = (await self._store.get(action_id)).request
            faults += self._speech_faults(text, known.lanes, known.domain, known.place)
            if faults:
                raise InvalidRequestError(faults)
        now = self._clock.now()
        action, closed_now = await self._store.close(action_id, outcome, text=text, by=by, now=now)
        if closed_now:
            self._sms.cancel(action.number)
            if self._voice is not None:
                self._voice.cancel(action.number)
            self._wake()
            if text is not None and action.planned.get(Lane.VOICE.word):
                self._tasks.spawn("speech", self._prepare(action.request, text, text, Purpose.CLOSING, action.id))
            self._events.emit(
                Event(events.ACTION_CLOSED, now, action.id, {"code": action.code, "outcome": outcome.value})
            )
        return action

    async def expire(self) -> int:
        """Close every action whose life is over; returns how many."""
        over = await self._store.expired(self._clock.now())
        for action_id in over:
            await self.close(action_id, Outcome.EXPIRED, by="expiry")
        return len(over)

    def _judge(self, draft: ActionDraft) -> ActionRequest:
        policy = self._policy
        faults = list(check_area(draft.area, max_radius_m=policy.max_radius_m))
        faults += self._text_faults(draft.text, allow_long=draft.allow_long)
        urgency = URGENCY_OF[draft.kind] if draft.urgency is None else draft.urgency
        lanes = policy.lanes[urgency] if draft.lanes is None else draft.lanes
        if not lanes:
            faults.append(Fault("lanes", "name at least one of sms, voice"))
        faults += self._speech_faults(draft.text, lanes, draft.domain, draft.place)
        life = policy.life if draft.expires_in is None else draft.expires_in
        if not 0 < life.total_seconds() <= policy.max_life.total_seconds():
            faults.append(Fault("expires_in_s", f"must be from 1 to {policy.max_life.total_seconds():.0f} seconds"))
        if draft.control_room is not None and policy.rooms and draft.control_room not in policy.rooms:
            faults.append(
                Fault(
                    "control_room", f"there is no control room {draft.control_room!r}; known: {', '.join(policy.rooms)}"
                )
            )
        if faults:
            raise InvalidRequestError(faults)
        return ActionRequest(
            kind=draft.kind,
            area=draft.area,
            text=draft.text,
            urgency=urgency,
            lanes=lanes,
            expires_in=life,
            domain=draft.domain,
            control_room=draft.control_room,
            place=draft.place,
        )

    def _text_faults(self, text: Text, *, allow_long: bool) -> list[Fault]:
        faults = []
        if "nl" not in text:
            faults.append(Fault("text.nl", "is required: Dutch stands in for every language that is not given"))
        for language, wording in text.items():
            if not wording.sms.strip():
                faults.append(Fault(f"text.{language}", "is empty"))
                continue
            parts = len(self._sms.compose(wording.sms).parts)
            if parts > self._policy.max_parts and not allow_long:
                faults.append(
                    Fault(
                        f"text.{language}",
                        f"needs {parts} SMS parts; at most {self._policy.max_parts} go out"
                        " (shorten it, or send allow_long to send it all the same)",
                    )
                )
            if len(wording.spoken) > self._policy.max_speech_chars:
                faults.append(
                    Fault(
                        f"text.{language}",
                        f"is {len(wording.spoken)} characters to speak; at most {self._policy.max_speech_chars}",
                    )
                )
        return faults

    def _speech_faults(self, text: Text, lanes: Collection[Lane], domain: str, place: str | None) -> list[Fault]:
        """What no voice could read; asked only where somebody may be called and the text is right otherwise."""
        if Lane.VOICE not in lanes or self._text_faults(text, allow_long=True):
            return []
        judged = {language: self._speech.complaint(spoken_message(text, language, domain, place)) for language in text}
        return [Fault(f"text.{language}", complaint) for language, complaint in judged.items() if complaint]

    async def _preview_speech(self, request: ActionRequest, language: str) -> PreviewSpeech:
        message = spoken_message(request.text, language, request.domain, request.place)
        words = self._speech.as_spoken(message)
        if Lane.VOICE not in request.lanes:
            return PreviewSpeech(words)
        try:
            return PreviewSpeech(words, await self._speech.render(message))
        except NoSpeechError as error:
            return PreviewSpeech(words, problem=str(error))

    async def _prepare(
        self, request: ActionRequest, text: Text, languages: Iterable[str], purpose: Purpose, action_id: str
    ) -> None:
        """Have the voices speak beside everything else, so that no call waits for more than its own language."""
        for language in languages:
            message = spoken_message(text, language, request.domain, request.place, purpose)
            try:
                await self._speech.render(message)
            except NoSpeechError as error:
                told = {"language": language, "problem": str(error)}
                self._events.emit(Event(events.SPEECH_FAILED, self._clock.now(), action_id, told))

    def _estimate(self, text: Text, counts: PlanCounts) -> Estimate:
        """Segments by calling code, each person's in their own language."""
        segments: dict[int, int] = {}
        for (country, language), people in counts.sms_by_country_language.items():
            parts = len(self._sms.compose(wording_for(text, language).sms).parts)
            segments[country] = segments.get(country, 0) + people * parts
        return self._sms.estimate(segments)
