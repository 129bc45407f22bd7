"""What the API takes and gives, as pydantic models. The OpenAPI document is made from them.

Models that take refuse fields they do not know; short forms (one shape, a bare text) are widened before they are
checked. ``to_draft`` and its neighbours turn them into the domain's words; ``*_out`` the other way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Base64Bytes,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    StrictBool,
    StringConstraints,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from gateway.domain.action import (
    LANGUAGES,
    Action,
    ActionDraft,
    Kind,
    Outcome,
    Text,
    Urgency,
    Wording,
    text_to_json,
)
from gateway.domain.delivery import DeliveryState, Lane
from gateway.domain.plan import ComposedSms, Estimate
from gateway.domain.report import Report
from gateway.domain.response import Response
from gateway.domain.selection import Circle, Municipality, Polygon, Shape, area_to_json
from gateway.flows.alert import Preview, PreviewSpeech
from gateway.ports import CarrierStatus, DeliveryRow

MAX_SMS_CHARS = 20_000
"""Far beyond what the policy lets pass; only bounds the work of saying so."""

MAX_LIFE_S = 31 * 86400.0


class Taken(BaseModel):
    """A body or a query from outside: unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Given(BaseModel):
    """A body of ours."""


class Nothing(Taken):
    """No body, no query."""


class FaultOut(Given):
    """One bad field."""

    path: str
    message: str


def _printable(text: str) -> str:
    bad = next((character for character in text if ord(character) < 32 and character not in "\n\t"), None)
    if bad is not None or "\x7f" in text:
        raise ValueError("has a control character")
    return text


def _one_line(text: str) -> str:
    if "\n" in text or "\t" in text:
        raise ValueError("must be one line")
    return _printable(text)


def _line(max_length: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=max_length)


Number = Annotated[float, Field(strict=True)]
Whole = Annotated[int, Field(strict=True)]
Name = Annotated[str, _line(80), AfterValidator(_one_line)]
PlaceName = Annotated[str, _line(200), AfterValidator(_one_line)]
Prose = Annotated[str, AfterValidator(_printable)]
LaneWord = Literal["sms", "voice"]


def _moment(value: datetime) -> str:
    return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[datetime, PlainSerializer(_moment, return_type=str, when_used="json")]
"""An aware time in UTC; ``2026-05-04T10:30:00.000Z`` on the wire (RFC 3339)."""


# ---------------------------------------------------------------- an action, taken


class CircleIn(Taken):
    """A great-circle disc, border included."""

    lat: Annotated[Number, Field(ge=-90, le=90)]
    lon: Annotated[Number, Field(ge=-180, le=180)]
    radius_m: Annotated[Number, Field(gt=0)]


Position = Annotated[list[Number], Field(min_length=2, max_length=3, description="longitude, latitude (RFC 7946)")]
Ring = Annotated[list[Position], Field(min_length=4)]


class PolygonIn(Taken):
    """A GeoJSON polygon (RFC 7946 section 3.1.6): an outer ring, then holes."""

    type: Literal["Polygon"]
    coordinates: Annotated[list[Ring], Field(min_length=1)]
    bbox: Annotated[list[Number] | None, Field(description="allowed by GeoJSON; not used")] = None

    def to_domain(self) -> Polygon:
        """The same without altitudes."""
        return Polygon(tuple(tuple((lon, lat) for lon, lat, *_ in ring) for ring in self.coordinates))


class ShapeIn(Taken):
    """One shape: exactly one of the three."""

    circle: CircleIn | None = None
    polygon: PolygonIn | None = None
    municipality: Name | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(shape is not None for shape in (self.circle, self.polygon, self.municipality)) != 1:
            raise ValueError("name exactly one of circle, polygon, municipality")
        return self

    def to_domain(self) -> Shape:
        """The domain's shape."""
        if self.circle is not None:
            return Circle(self.circle.lat, self.circle.lon, self.circle.radius_m)
        if self.polygon is not None:
            return self.polygon.to_domain()
        assert self.municipality is not None
        return Municipality(self.municipality)


class _OneOrMany:
    """Takes a bare value for a list of one, and says so in the JSON schema."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        many = handler(core)
        return {"anyOf": [many["items"], many]}


AreaIn = Annotated[
    list[ShapeIn],
    Field(min_length=1),
    BeforeValidator(lambda value: value if isinstance(value, list) else [value]),
    _OneOrMany(),
]


class WordingIn(Taken):
    """The text of one language; a bare string is both read and spoken."""

    sms: Annotated[Prose, Field(max_length=MAX_SMS_CHARS)]
    speech: Annotated[Prose, Field(max_length=MAX_SMS_CHARS)] | None = None
    recording: Base64Bytes | None = Field(
        None, description="a WAV or MP3 file of 1 to 60 seconds, in base64; played instead of a voice"
    )

    @model_validator(mode="before")
    @classmethod
    def _widen(cls, value: Any) -> Any:
        return _widened(value, "sms", "must be a string, or an object with sms and speech")

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """A string, or the object."""
        return {"anyOf": [{"type": "string"}, _inlined(core, handler)]}


class TextIn(Taken):
    """Wordings by language; a bare string is Dutch, which is always there."""

    nl: WordingIn
    de: WordingIn | None = None
    en: WordingIn | None = None
    fr: WordingIn | None = None
    fy: WordingIn | None = None

    @model_validator(mode="before")
    @classmethod
    def _widen(cls, value: Any) -> Any:
        return _widened(value, "nl", "must be a string (Dutch), or an object of languages")

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """A string, or the object."""
        return {"anyOf": [{"type": "string"}, _inlined(core, handler)]}

    @property
    def recordings(self) -> Mapping[str, bytes]:
        """The uploaded recordings by language."""
        given = ((language, getattr(self, language)) for language in LANGUAGES)
        return {language: one.recording for language, one in given if one is not None and one.recording is not None}

    def to_domain(self, recordings: Mapping[str, str] | None = None) -> Text:
        """The domain's wordings, Dutch first; ``recordings`` are the digests of those that were kept."""
        given = ((language, getattr(self, language)) for language in LANGUAGES)
        kept = recordings or {}
        return {
            language: Wording(wording.sms, wording.speech, kept.get(language))
            for language, wording in given
            if wording is not None
        }


def _widened(value: Any, field: str, otherwise: str) -> Any:
    if isinstance(value, str):
        return {field: value}
    if not isinstance(value, dict):
        raise ValueError(otherwise)
    return value


def _inlined(core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
    return handler.resolve_ref_schema(handler(core))


def _split_lanes(value: Any) -> Any:
    return value.split() if isinstance(value, str) else value


class UrgencyWord(StrEnum):
    """An urgency by name."""

    ROUTINE = "routine"
    IMMEDIATE = "immediate"
    LIFE_SAFETY = "life_safety"


class ActionIn(Taken):
    """What a control room asks for."""

    kind: Kind
    area: AreaIn
    text: TextIn
    urgency: UrgencyWord | None = Field(None, description="without it the kind decides")
    domain: Literal["burgernet", "amber_alert", "municipality"] = "burgernet"
    lanes: Annotated[list[LaneWord], BeforeValidator(_split_lanes)] | None = Field(
        None, description="without it the policy decides by urgency"
    )
    control_room: Name | None = None
    place: PlaceName | None = Field(None, description="how people call the place; read out in menus")
    expires_in_s: Annotated[Number, Field(gt=0, le=MAX_LIFE_S)] | None = None
    allow_long: StrictBool = Field(False, description="send a text of more parts than the policy likes")

    def to_draft(self, recordings: Mapping[str, str]) -> ActionDraft:
        """What the alert flow judges; ``recordings`` are the digests of those that were kept."""
        return ActionDraft(
            kind=self.kind,
            area=tuple(shape.to_domain() for shape in self.area),
            text=self.text.to_domain(recordings),
            urgency=None if self.urgency is None else Urgency[self.urgency.name],
            domain=self.domain,
            lanes=None if self.lanes is None else frozenset(Lane[word.upper()] for word in self.lanes),
            control_room=self.control_room,
            place=self.place,
            expires_in=None if self.expires_in_s is None else timedelta(seconds=self.expires_in_s),
            allow_long=self.allow_long,
        )


class UpdateIn(Taken):
    """A newer text."""

    text: TextIn
    allow_long: StrictBool = False


class CloseIn(Taken):
    """How it ended, and what those reached are told."""

    outcome: Outcome
    text: TextIn | None = None


class ResponsePatch(Taken):
    """What the operator made of a response; what is not named stays as it is."""

    useful: StrictBool | None = None
    led_to_success: StrictBool | None = None
    note: Annotated[Prose, Field(max_length=2000)] | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.useful is None and self.led_to_success is None and self.note is None:
            raise ValueError("name at least one of useful, led_to_success, note")
        return self


# ---------------------------------------------------------------- participants, both ways

_TIME = "local time (Europe/Amsterdam), 22:30; both or neither"


class ParticipantPlace(BaseModel):
    """Where somebody wants to be asked to look out."""

    lat: float = Field(ge=-90, le=90)
    lon: float = Field(ge=-180, le=180)
    municipality: str = Field("", max_length=80)
    quiet_from: str | None = Field(None, description=_TIME)
    quiet_to: str | None = Field(None, description=_TIME)
    quiet_strict: bool = Field(False, description="quiet even where lives are at stake")
    label: str = Field("", max_length=80)


class ParticipantIn(Taken):
    """A participant as it shall be. Only describes: ``domain.enrolment`` judges, as it judges the CSV."""

    ref: str | None = Field(None, description="where given, as in the address")
    mobile: str | None = Field(None, description="national or E.164; this or landline is required")
    landline: str | None = None
    language: Literal["nl", "de", "en", "fr", "fy"] = "nl"
    lanes: list[LaneWord] | str = Field([], description="empty: sms where there is a mobile, else voice")
    places: Annotated[list[ParticipantPlace], Field(min_length=1)]
    left: bool | None = Field(None, description="true leaves, false comes back")
    paused_until: str | None = Field(None, description="a time with its offset; null ends a pause")


class ParticipantOut(Given):
    """A participant, with whole numbers in E.164."""

    ref: str
    mobile: str | None
    landline: str | None
    language: str
    lanes: list[LaneWord]
    left: bool
    paused_until: str | None
    places: list[ParticipantPlace]


class CsvIn(Taken):
    """Stands for a CSV in the table of routes."""


class FaultyRowOut(Given):
    """A row that fell out, and why."""

    line: int
    ref: str | None
    errors: list[FaultOut]


class ImportOut(Given):
    """What an import did: persons, and the rows that fell out (the first thousand of them)."""

    rows: int
    added: int
    changed: int
    unchanged: int
    faulty: int
    faults: list[FaultyRowOut]


# ---------------------------------------------------------------- queries


class ActionsQuery(Taken):
    """Which actions."""

    open: bool = Field(False, description="only those that are open")
    limit: int = Field(100, ge=1, le=1000)
    before: int | None = Field(None, description="the next_before of the page that came before this one")


class DeliveriesQuery(Taken):
    """Which deliveries."""

    lane: LaneWord | None = None
    state: Literal[tuple(state.word for state in DeliveryState)] | None = None  # type: ignore[valid-type]
    after: int = Field(0, ge=0, description="the next_after of the page that came before this one")
    limit: int | None = Field(None, ge=1, le=10_000, description="JSON: 1000 without it; CSV: all")
    format: Literal["json", "csv"] | None = Field(None, description="instead of an Accept header")


class ResponsesQuery(Taken):
    """How many responses."""

    limit: int = Field(1000, ge=1, le=10_000)


class ReportQuery(Taken):
    """In which form."""

    format: Literal["json", "csv"] | None = Field(None, description="instead of an Accept header")


class EventsQuery(Taken):
    """Where to begin."""

    last_event_id: int | None = Field(None, ge=0, description="like the header Last-Event-ID; 0 replays everything")


# ---------------------------------------------------------------- given


class PlannedOut(Given):
    """Whom the plan reaches: persons a lane, and who is left out by the first reason that fits."""

    sms: int
    voice: int
    left_out: dict[str, int]


class EstimateOut(Given):
    """What sending takes; seconds until the last message has left."""

    segments: int
    cost_eur: float
    seconds: float


class StartedOut(Given):
    """An action that was started."""

    id: str
    code: str
    state: str
    version: int
    planned: PlannedOut
    estimate: EstimateOut


class CostlyOut(Given):
    """A character that costs extra, and what to write instead."""

    character: str
    effect: Literal["two", "ucs2"]
    instead: str | None
    count: int


class SmsOut(Given):
    """A text as the carrier will get it."""

    text: str
    encoding: str
    parts: list[str]
    units: int
    units_left: int
    costly: list[CostlyOut]


class HintOut(Given):
    """One thing that could be said better."""

    found: str
    instead: str
    why: str


class SpeechOut(Given):
    """What a voice says, and where to listen to it; ``url`` is null where nobody is called or ``problem`` says why."""

    text: str
    url: str | None
    seconds: float | None
    engine: str | None
    fallbacks: list[str]
    problem: str | None


class PreviewOut(Given):
    """What an action would do."""

    urgency: UrgencyWord
    lanes: list[LaneWord]
    expires_in_s: float
    planned: PlannedOut
    estimate: EstimateOut
    sms: dict[str, SmsOut]
    speech: dict[str, SpeechOut]
    hints: dict[str, list[HintOut]]


class ActionOut(Given):
    """An action as it is on record."""

    id: str
    code: str
    kind: Kind
    urgency: UrgencyWord
    domain: str
    state: str
    version: int
    area: list[dict[str, Any]]
    text: dict[str, dict[str, str]]
    lanes: list[LaneWord]
    control_room: str | None
    place: str | None
    created_at: Moment
    created_by: str
    expires_at: Moment
    closed_at: Moment | None
    outcome: Outcome | None
    planned: PlannedOut


class ActionsOut(Given):
    """Newest first."""

    actions: list[ActionOut]
    next_before: int | None = Field(description="for the next page; null on the last")


class DeliveryOut(Given):
    """One person on one lane, and what became of it. Numbers are masked."""

    id: int
    lane: LaneWord
    purpose: str
    version: int
    ref: str
    number: str
    language: str
    state: str
    reason: str | None
    attempts: int
    at: Moment | None
    detail: str


class DeliveriesOut(Given):
    """In the order of their ids."""

    deliveries: list[DeliveryOut]
    next_after: int | None = Field(description="for the next page; null on the last")


class ResponseOut(Given):
    """What a citizen gave back. The caller is masked, or a pseudonym."""

    id: str
    action_id: str | None
    kind: str
    at: Moment
    caller: str
    routed_by: str
    text: str
    spoke_to_operator: bool
    useful: bool | None
    led_to_success: bool | None
    note: str


class ResponsesOut(Given):
    """Oldest first."""

    responses: list[ResponseOut]


class SmsCountsOut(Given):
    """The SMS lane; every planned delivery is in one of delivered, failed, uncertain, pending, awaiting_receipt."""

    planned: int
    submitted: int
    delivered: int
    failed: dict[str, int]
    uncertain: int
    pending: int
    awaiting_receipt: int


class VoiceCountsOut(Given):
    """The voice lane."""

    planned: int
    dialled: int
    answered: int
    heard_full: int
    heard_part: int
    voicemail: int
    failed: dict[str, int]
    uncertain: int
    pending: int


class LanesOut(Given):
    """Both lanes."""

    sms: SmsCountsOut
    voice: VoiceCountsOut


class ReachOut(Given):
    """Persons reached so many seconds after the press."""

    t_s: float
    sms: int
    voice: int


class ResponseCountsOut(Given):
    """What citizens gave back, counted."""

    total: int
    call: int
    sms: int
    keypress: int
    spoke_to_operator: int
    useful: int
    led_to_success: int


class ReportOut(Given):
    """The report on an action: counts, no persons."""

    action: dict[str, Any]
    versions: list[dict[str, Any]]
    lanes: LanesOut
    reach: list[ReachOut]
    first_s: float | None
    t50_s: float | None
    t95_s: float | None
    responses: ResponseCountsOut
    segments: dict[str, int] = Field(description="SMS segments that carriers accepted, by calling code")
    cost_eur: float


class CarrierOut(Given):
    """How a carrier's link is doing."""

    name: str
    state: str
    since: Moment
    binds_bound: int
    binds: int
    queue: int
    in_flight: int
    rate_per_s: float
    submitted: int
    accepted: int
    receipts: int
    errors: dict[str, int]
    detail: str
    peer_binds: int = Field(description="binds that the carrier itself has made to us")


class CarriersOut(Given):
    """In the order of the settings."""

    carriers: list[CarrierOut]


class TrunksOut(Given):
    """The telephone trunks; empty while no voice lane is configured."""

    trunks: list[dict[str, Any]]


class ControlRoomsOut(Given):
    """The control rooms; empty while no voice lane is configured."""

    control_rooms: list[dict[str, Any]]


class CheckOut(Given):
    """One part of ours, and whether it is well."""

    name: str
    ok: bool
    detail: str


class HealthOut(Given):
    """Whether we are up, and ready to take actions."""

    status: Literal["ok", "ready", "not_ready"]
    checks: list[CheckOut] = []


class ProblemOut(Given):
    """A problem (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FaultOut] | None = None


# ---------------------------------------------------------------- from the domain


def planned_out(sms: int, voice: int, left_out: Mapping[str, int]) -> PlannedOut:
    """A plan's counts."""
    return PlannedOut(sms=sms, voice=voice, left_out={str(reason): count for reason, count in left_out.items()})


def estimate_out(estimate: Estimate) -> EstimateOut:
    """An estimate, to the cent and the tenth of a second."""
    return EstimateOut(
        segments=estimate.segments, cost_eur=round(estimate.cost_eur, 2), seconds=round(estimate.seconds, 1)
    )


def started_out(action: Action, estimate: Estimate) -> StartedOut:
    """The answer to ``POST /actions``."""
    return StartedOut(
        id=action.id,
        code=action.code,
        state=action.state.value,
        version=action.version,
        planned=_planned_of(action),
        estimate=estimate_out(estimate),
    )


def preview_out(preview: Preview) -> PreviewOut:
    """The answer to ``POST /actions/preview``."""
    planned = preview.planned
    return PreviewOut(
        urgency=UrgencyWord(preview.request.urgency.word),
        lanes=_lane_words(preview.request.lanes),
        expires_in_s=preview.request.expires_in.total_seconds(),
        planned=planned_out(planned.sms, planned.voice, {str(key): n for key, n in planned.left_out.items()}),
        estimate=estimate_out(preview.estimate),
        sms={language: _sms_out(composed) for language, composed in preview.sms.items()},
        speech={language: _speech_out(spoken) for language, spoken in preview.speech.items()},
        hints={
            language: [HintOut(found=hint.found, instead=hint.instead, why=hint.why) for hint in found]
            for language, found in preview.hints.items()
        },
    )


def action_out(action: Action) -> ActionOut:
    """An action, with its request."""
    request = action.request
    return ActionOut(
        id=action.id,
        code=action.code,
        kind=request.kind,
        urgency=UrgencyWord(request.urgency.word),
        domain=request.domain,
        state=action.state.value,
        version=action.version,
        area=area_to_json(request.area),
        text=text_to_json(request.text),
        lanes=_lane_words(request.lanes),
        control_room=request.control_room,
        place=request.place,
        created_at=action.created_at,
        created_by=action.created_by,
        expires_at=action.expires_at,
        closed_at=action.closed_at,
        outcome=action.outcome,
        planned=_planned_of(action),
    )


def delivery_out(row: DeliveryRow) -> DeliveryOut:
    """A delivery."""
    return DeliveryOut(
        id=row.id,
        lane=_LANE_WORDS[row.lane],
        purpose=row.purpose,
        version=row.version,
        ref=row.ref,
        number=row.number,
        language=row.language,
        state=row.state,
        reason=row.reason,
        attempts=row.attempts,
        at=row.at,
        detail=row.detail,
    )


def response_out(response: Response) -> ResponseOut:
    """A response."""
    return ResponseOut(
        id=response.id,
        action_id=response.action_id,
        kind=response.kind.value,
        at=response.at,
        caller=response.caller,
        routed_by=response.routed_by,
        text=response.text,
        spoke_to_operator=response.spoke_to_operator,
        useful=response.useful,
        led_to_success=response.led_to_success,
        note=response.note,
    )


def report_out(report: Report) -> ReportOut:
    """A report, in the shape that the contract names."""
    return ReportOut.model_validate(
        {
            "action": dict(report.action),
            "versions": [dict(version) for version in report.versions],
            "lanes": {"sms": report.sms, "voice": report.voice},
            "reach": list(report.reach),
            "first_s": report.first_s,
            "t50_s": report.t50_s,
            "t95_s": report.t95_s,
            "responses": report.responses,
            "segments": {str(country): count for country, count in report.segments.items()},
            "cost_eur": round(report.cost_eur, 2),
        },
        from_attributes=True,
    )


def carriers_out(carriers: Sequence[CarrierStatus]) -> CarriersOut:
    """Every carrier."""
    return CarriersOut(carriers=[CarrierOut.model_validate(status, from_attributes=True) for status in carriers])


_LANE_WORDS: Mapping[Lane, LaneWord] = {Lane.SMS: "sms", Lane.VOICE: "voice"}


def _lane_words(lanes: frozenset[Lane]) -> list[LaneWord]:
    return [_LANE_WORDS[lane] for lane in sorted(lanes)]


def _planned_of(action: Action) -> PlannedOut:
    return planned_out(action.planned.get("sms", 0), action.planned.get("voice", 0), action.left_out)


def _speech_out(spoken: PreviewSpeech) -> SpeechOut:
    sound = spoken.sound
    return SpeechOut(
        text=spoken.text,
        url=None if sound is None else f"/api/v1/speech/{sound.key}.wav",
        seconds=None if sound is None else round(sound.seconds, 1),
        engine=None if sound is None else sound.engine,
        fallbacks=[] if sound is None else list(sound.fallbacks),
        problem=spoken.problem,
    )


def _sms_out(composed: ComposedSms) -> SmsOut:
    return SmsOut(
        text=composed.text,
        encoding=composed.encoding,
        parts=list(composed.parts),
        units=composed.units,
        units_left=composed.units_left,
        costly=[CostlyOut.model_validate(costly, from_attributes=True) for costly in composed.costly],
    )
