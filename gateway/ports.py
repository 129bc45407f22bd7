"""What the flows need from the world, as protocols. Adapters are in carriers, voice, storage, web and telemetry.

Everything that may wait is a coroutine. Times are aware UTC ``datetime``; durations ``timedelta``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, Protocol

from gateway.domain.action import Action, ActionRequest, Outcome, Text
from gateway.domain.calling import ActionNews, CallAttempt, CallBatch, CallResult
from gateway.domain.delivery import Accepted, Lane, Receipt, Ref, Settlement, SmsBatch, SmsReply
from gateway.domain.events import Event
from gateway.domain.participant import FaultyRow
from gateway.domain.plan import ComposedSms, Estimate, PlanCounts
from gateway.domain.report import Report
from gateway.domain.response import Response
from gateway.domain.speech import Sound, SpokenMessage


class Clock(Protocol):
    """Tells the time; a fake one is moved by hand."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        ...


class Tasks(Protocol):
    """Background work with an owner, who logs its failure and cancels it at stop."""

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run it beside the caller."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class EventSink(Protocol):
    """Takes what happened. Never blocks and never raises: a lost event must not lose a message."""

    def emit(self, event: Event) -> None:
        """Store the event and tell whoever listens, soon."""
        ...


# ---------------------------------------------------------------- lanes


@dataclass(frozen=True, slots=True)
class CarrierStatus:
    """How a carrier's link is doing, for operators and for ``GET /carriers``.

    Attributes:
        state: ``bound`` (every bind), ``partly_bound``, ``connecting`` or ``refused``.
        since: when it came into that state.
        queue: deliveries taken and not yet sent.
        in_flight: segments sent and not yet answered.
        rate_per_s: segments a second, now.
        errors: refusals by SMPP status name since the start.
        peer_binds: binds that the carrier itself has made to us.
    """

    name: str
    state: str
    since: datetime
    binds_bound: int
    binds: int
    queue: int
    in_flight: int
    rate_per_s: float
    submitted: int
    accepted: int
    receipts: int
    errors: Mapping[str, int] = field(default_factory=dict)
    detail: str = ""
    peer_binds: int = 0


class SmsOutcomes(Protocol):
    """Where the SMS lane brings what came of it; ``flows.outcome`` implements it. Calls return at once."""

    def accepted(self, accepted: Accepted) -> None:
        """A carrier accepted segments."""
        ...

    def settled(self, settlements: Sequence[Settlement]) -> None:
        """Deliveries that are refused, uncertain, cancelled or to be tried again."""
        ...

    def receipts(self, receipts: Sequence[Receipt], committed: Callable[[], None]) -> None:
        """Receipts that came in; ``committed`` is called once they are on the disk and may be acknowledged."""
        ...

    def reply(self, reply: SmsReply, committed: Callable[[], None]) -> None:
        """A citizen's message; ``committed`` likewise."""
        ...

    def capacity_changed(self) -> None:
        """The lane can take more, or no longer can."""
        ...


class SmsLane(Protocol):
    """The carriers, seen from the flows."""

    def capacity(self) -> int:
        """How many deliveries the lane would take now; 0 while no carrier is bound or enough are waiting."""
        ...

    def submit(self, batch: SmsBatch) -> None:
        """Take a batch; every recipient comes back through :class:`SmsOutcomes`, once."""
        ...

    def cancel(self, action: int) -> None:
        """Give back, as cancelled settlements, what has not left yet of an action."""
        ...

    def compose(self, text: str) -> ComposedSms:
        """How this text will look to the carriers."""
        ...

    def estimate(self, segments_by_country: Mapping[int, int]) -> Estimate:
        """Cost and seconds for so many segments by calling code."""
        ...

    def status(self) -> Sequence[CarrierStatus]:
        """Every carrier, in the order of the settings."""
        ...


class CallOutcomes(Protocol):
    """Where the voice lane brings what came of it; ``flows.calls`` implements it. Calls return at once."""

    def ended(self, results: Sequence[CallResult]) -> None:
        """Calls that are over, and deliveries that were not called after all."""
        ...

    def capacity_changed(self) -> None:
        """The lane can take more, or no longer can."""
        ...


@dataclass(frozen=True, slots=True)
class TrunkStatus:
    """How a trunk is doing, for operators and for ``GET /trunks``.

    Attributes:
        state: ``up``, ``down`` (Asterisk reaches nobody there), ``slowed`` (it says that it is full) or ``unknown``
            (Asterisk is away).
        since: when it came into that state.
        channels, reserve_inbound: as contracted; ``in_use`` counts our calls on it.
        rate_per_s: new calls a second, now.
        outcomes: ended calls by kind since the start.
    """

    name: str
    state: str
    since: datetime
    channels: int
    reserve_inbound: int
    in_use: int
    ringing: int
    rate_per_s: float
    dialled: int
    answered: int
    outcomes: Mapping[str, int] = field(default_factory=dict)
    detail: str = ""


class VoiceLane(Protocol):
    """The trunks, seen from the flows."""

    def capacity(self) -> int:
        """How many deliveries the lane would take now; 0 while no trunk can be used or enough are waiting."""
        ...

    def submit(self, batch: CallBatch) -> None:
        """Take a batch; every recipient comes back through :class:`CallOutcomes`, once."""
        ...

    def cancel(self, action: int) -> None:
        """Dial nobody for this action any more, and end what only rings; who listens hears it to the end."""
        ...

    def status(self) -> Sequence[TrunkStatus]:
        """Every trunk, in the order of the settings."""
        ...


class Journal(Protocol):
    """What is on the wire, kept where a killed process leaves it; see docs/adr for why it is not in the database."""

    def sent(self, refs: Sequence[Ref]) -> None:
        """These segments are about to be handed to the network. Returns when a killed process would not lose it."""
        ...

    def accepted(self, carrier: str, segments: Mapping[Ref, str]) -> None:
        """These were accepted, with these message ids; told before anything else is done about it."""
        ...

    def gone(self, refs: Sequence[Ref]) -> None:
        """These were refused, or are settled without an answer: they are not on the wire any more."""
        ...

    def mark(self) -> int:
        """How many lines of acceptances it holds that are not :meth:`stored` yet."""
        ...

    def stored(self, mark: int) -> None:
        """The first ``mark`` of them are in the ledger now."""
        ...


# ---------------------------------------------------------------- speech


class Speech(Protocol):
    """Makes sound of text. What was made once is found again."""

    def complaint(self, message: SpokenMessage) -> str | None:
        """Why this can never be spoken (nothing in it that a voice can read), in words; ``None`` where it can."""
        ...

    def as_spoken(self, message: SpokenMessage) -> str:
        """The words as a voice reads them, numbers and plates in words; empty where nothing can be read."""
        ...

    async def render(self, message: SpokenMessage) -> Sound:
        """The sound of a whole message; soon where somebody asked for it before. Raises NoSpeechError."""
        ...

    async def prompt(self, prompt: str, language: str, **values: object) -> Sound:
        """A fixed prompt of the catalogue (``out.seen``). Raises NoSpeechError."""
        ...

    async def keep_recording(self, path: str, data: bytes, language: str) -> str:
        """Keep an uploaded WAV or MP3; its digest stands for it.

        Raises:
            InvalidRequestError: it cannot be played; the fault is at ``path``.
            UnavailableError: there is no room for it.
        """
        ...

    async def wav(self, key: str) -> bytes | None:
        """A sound as a WAV file to listen to, or ``None``."""
        ...


# ---------------------------------------------------------------- store


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The key under which a client may repeat its request, and a digest of the body that it stands for."""

    key: str
    principal: str
    body_sha256: bytes


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery as the API shows it.

    Attributes:
        number: masked: ``+31*****678``.
        ref: the participant's own reference.
    """

    id: int
    lane: Lane
    purpose: str
    version: int
    ref: str
    number: str
    language: str
    state: str
    reason: str | None
    attempts: int
    at: datetime | None
    detail: str = ""


class ActionStore(Protocol):
    """Actions and the deliveries planned for them."""

    async def create(
        self, request: ActionRequest, *, created_by: str, now: datetime, idempotency: Idempotency | None
    ) -> tuple[Action, PlanCounts, bool]:
        """Store an action and plan its deliveries, all or nothing; ``False`` where the key had made it before.

        Raises:
            InvalidRequestError: the area holds no participants or the municipality is unknown.
            ConflictError: the key stands for another body.
        """
        ...

    async def preview(self, request: ActionRequest, *, now: datetime) -> PlanCounts:
        """What :meth:`create` would plan; nothing is stored. Raises as it does."""
        ...

    async def get(self, action_id: str) -> Action:
        """Raises NotFoundError."""
        ...

    async def find(self, *, open_only: bool = False, limit: int = 100, before: int | None = None) -> Sequence[Action]:
        """Newest first; ``before`` is the ``number`` of the last one seen."""
        ...

    async def add_version(self, action_id: str, text: Text, *, by: str, now: datetime) -> Action:
        """A newer text; what is not sent yet goes out with it. Raises NotFoundError, ConflictError."""
        ...

    async def close(
        self, action_id: str, outcome: Outcome, *, text: Text | None, by: str, now: datetime
    ) -> tuple[Action, bool]:
        """Close and cancel what is not claimed; plan the closing message where ``text`` is given.

        ``False`` when it was closed with this outcome already.

        Raises:
            NotFoundError: no such action.
            ConflictError: it is closed with another outcome.
        """
        ...

    async def expired(self, now: datetime) -> Sequence[str]:
        """Open actions whose life is over."""
        ...

    async def deliveries(
        self,
        action_id: str,
        *,
        lane: Lane | None = None,
        state: str | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> Sequence[DeliveryRow]:
        """In the order of their ids. Raises NotFoundError."""
        ...

    async def report(self, action_id: str) -> Report:
        """The report without cost. Raises NotFoundError."""
        ...


@dataclass(frozen=True, slots=True)
class Recorded:
    """What writing outcomes changed.

    Attributes:
        actions: numbers of the actions whose counts changed.
        matched, orphaned, repeated: receipts that settled a segment, that no segment is known for (yet), and that
            said nothing new.
        planned_sms: SMS that were planned because of it.
    """

    actions: frozenset[int] = frozenset()
    matched: int = 0
    orphaned: int = 0
    repeated: int = 0
    planned_sms: int = 0


@dataclass(frozen=True, slots=True)
class Pressed:
    """What a key did.

    Attributes:
        response: what went on record, for key 1.
        sms: whether an SMS is on its way, for key 3; ``False`` where there is no mobile.
    """

    response: Response | None = None
    sms: bool = False


class SmsLedger(Protocol):
    """The SMS side of the ledger: claimed in batches, written in batches."""

    async def claim_sms(self, limit: int, *, now: datetime) -> Sequence[SmsBatch]:
        """At most ``limit`` deliveries of open actions, most urgent first; they are this daemon's until answered."""
        ...

    async def record(
        self,
        *,
        accepted: Sequence[Accepted] = (),
        settled: Sequence[Settlement] = (),
        receipts: Sequence[Receipt] = (),
        now: datetime,
    ) -> Recorded:
        """Write outcomes in one transaction. Applying the same one twice changes nothing.

        Receipts that match no segment are kept and matched when the segment comes.
        """
        ...

    async def outstanding(self, action: int, carriers: Sequence[str]) -> Mapping[str, Sequence[tuple[str, int, str]]]:
        """Segments of an action that these carriers accepted and have not told the end of, by carrier.

        Each is (message id, calling code of the number, domain of the action).
        """
        ...

    async def next_retry(self) -> datetime | None:
        """When the next delivery is to be tried again."""
        ...

    async def progress(self, actions: Collection[int]) -> Mapping[str, Mapping[str, Any]]:
        """Counts per lane and state, by the action's id, for the live events."""
        ...


class CallLedger(Protocol):
    """The voice side of the ledger."""

    async def claim_voice(self, limit: int, *, now: datetime) -> Sequence[CallBatch]:
        """At most ``limit`` deliveries of open actions, most urgent first; they are this daemon's until settled.

        Who has left, pauses or is in quiet hours by now is settled and not among them.
        """
        ...

    async def place(self, attempts: Sequence[CallAttempt]) -> frozenset[str]:
        """Save attempts before they are dialled; gives those that may be: not of an action that has ended."""
        ...

    async def record_calls(self, results: Sequence[CallResult], *, now: datetime) -> Recorded:
        """Write what came of calls in one transaction. Applying the same one twice changes nothing."""
        ...

    async def left_over(self) -> Sequence[tuple[CallAttempt, str, datetime]]:
        """Calls of a dead daemon of this node, ours from now on, with the action's id and the end of its life."""
        ...

    async def news_of(self, versions: Mapping[int, int]) -> Sequence[ActionNews]:
        """Of these actions, by the version that is known: those that are closed or have a newer text."""
        ...

    async def pressed(self, delivery: int, key: str, *, now: datetime) -> Pressed:
        """Apply what a key means: 1 a response, 3 an SMS, 9 a pause until tomorrow, 0 no more calls."""
        ...


class ResponseStore(Protocol):
    """What citizens gave back."""

    async def record_reply(self, reply: SmsReply, *, now: datetime) -> Response:
        """Put a reply on record at the newest open action that reached this number, else at the last one."""
        ...

    async def responses(self, action_id: str, *, limit: int = 1000) -> Sequence[Response]:
        """Oldest first. Raises NotFoundError."""
        ...

    async def change(
        self, response_id: str, *, useful: bool | None, led_to_success: bool | None, note: str | None, by: str
    ) -> Response:
        """What the operator made of it; ``None`` leaves a field as it is. Raises NotFoundError."""
        ...


# ---------------------------------------------------------------- what is told


class EventStore(Protocol):
    """What happened, in the order in which it was committed, over all daemons that share the store."""

    async def append(self, events: Sequence[Event]) -> None:
        """Store events in this order and give them ids that rise with it."""
        ...

    async def after(self, last_id: int, *, action_id: str | None = None, limit: int = 500) -> Sequence[Event]:
        """The events that follow ``last_id``, of one action or of all."""
        ...

    async def last_id(self) -> int:
        """The id of the newest event, 0 where there is none."""
        ...


# ---------------------------------------------------------------- participants


class ImportCounts(Protocol):
    """What an import did: lines that hold something, persons, and rows that fell out."""

    @property
    def rows(self) -> int:
        """Lines of the file that hold something, the header not counted."""
        ...

    @property
    def added(self) -> int:
        """Persons that were not there."""
        ...

    @property
    def changed(self) -> int:
        """Persons that differ now."""
        ...

    @property
    def unchanged(self) -> int:
        """Persons that were so already."""
        ...

    @property
    def faulty(self) -> int:
        """Rows that fell out."""
        ...


class ParticipantStore(Protocol):
    """The participants, as JSON values (docs: Participants)."""

    async def get(self, ref: str) -> Mapping[str, Any]:
        """A participant; :meth:`put` takes the same. Raises NotFoundError."""
        ...

    async def put(self, ref: str, body: Mapping[str, object], *, now: datetime) -> bool:
        """Make a participant what the body says; ``True`` where there was none. Raises InvalidRequestError."""
        ...

    async def delete(self, ref: str, *, now: datetime) -> None:
        """Remove a participant. Raises NotFoundError."""
        ...

    async def import_csv(
        self,
        file: BinaryIO,
        *,
        now: datetime,
        progress: Callable[[str, int, int | None], None],
        faults: Callable[[FaultyRow], None],
    ) -> ImportCounts:
        """Bring a CSV in; ``progress`` and ``faults`` are called in another thread. Raises InvalidRequestError."""
        ...
