"""An action (Burgernetactie): what is going on, where, how urgent, in which words, and until when."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum

from gateway.domain.delivery import Lane
from gateway.domain.errors import ConflictError
from gateway.domain.selection import Area

LANGUAGES = ("nl", "de", "en", "fr", "fy")
"""What citizens read and hear, Dutch first (ISO 639-1)."""

DOMAINS = ("burgernet", "amber_alert", "municipality")


class Kind(StrEnum):
    """What the action is about; decides the urgency unless the request says otherwise."""

    MISSING_PERSON = "missing_person"
    CAUGHT_IN_THE_ACT = "caught_in_the_act"
    BURGLARY = "burglary"
    ROBBERY = "robbery"
    FIRE = "fire"
    CALAMITY = "calamity"
    INFORMATION = "information"


class Urgency(IntEnum):
    """How much an action may ask of people and of the lanes; a higher one overtakes a lower one."""

    ROUTINE = 0
    IMMEDIATE = 1
    LIFE_SAFETY = 2

    @property
    def word(self) -> str:
        """The name in the API: ``life_safety``."""
        return self.name.lower()


URGENCY_OF: Mapping[Kind, Urgency] = {
    Kind.FIRE: Urgency.LIFE_SAFETY,
    Kind.CALAMITY: Urgency.LIFE_SAFETY,
    Kind.MISSING_PERSON: Urgency.IMMEDIATE,
    Kind.CAUGHT_IN_THE_ACT: Urgency.IMMEDIATE,
    Kind.BURGLARY: Urgency.IMMEDIATE,
    Kind.ROBBERY: Urgency.IMMEDIATE,
    Kind.INFORMATION: Urgency.ROUTINE,
}


class Outcome(StrEnum):
    """How an action ended."""

    SUCCESS = "success"
    SUCCESS_BY_CITIZEN = "success_by_citizen"
    STOPPED = "stopped"
    EXPIRED = "expired"


class ActionState(StrEnum):
    """Where an action is in its life."""

    OPEN = "open"  # messages go out, responses come in
    CLOSED = "closed"  # the outcome is known; the closing message may still be on its way


ACTION_MOVES: Mapping[ActionState, frozenset[ActionState]] = {
    ActionState.OPEN: frozenset({ActionState.CLOSED}),
    ActionState.CLOSED: frozenset({ActionState.OPEN}),  # an update within the hour reopens
}


@dataclass(frozen=True, slots=True)
class Wording:
    """The text of one language: as it is read, and as it is spoken.

    Attributes:
        sms: the message as written; never empty.
        speech: what is spoken instead of ``sms``, or ``None`` to speak the SMS text.
        recording: digest of an uploaded recording that is played instead of a voice, or ``None``.
    """

    sms: str
    speech: str | None = None
    recording: str | None = None

    @property
    def spoken(self) -> str:
        """What a voice says."""
        return self.speech if self.speech is not None else self.sms


Text = Mapping[str, Wording]
"""Wordings by language; ``nl`` is always there and stands in for a language that is not."""


def wording_for(text: Text, language: str) -> Wording:
    """The wording for a person of that language: theirs, else Dutch."""
    return text.get(language) or text["nl"]


def text_to_json(text: Text) -> dict[str, dict[str, str]]:
    """Wordings as they are stored and shown: ``{"nl": {"sms": ..., "speech": ..., "recording": digest}}``."""
    return {
        language: {
            "sms": wording.sms,
            **({} if wording.speech is None else {"speech": wording.speech}),
            **({} if wording.recording is None else {"recording": wording.recording}),
        }
        for language, wording in text.items()
    }


def text_from_json(value: Mapping[str, Mapping[str, str]]) -> Text:
    """The wordings that :func:`text_to_json` wrote."""
    return {
        language: Wording(wording["sms"], wording.get("speech"), wording.get("recording"))
        for language, wording in value.items()
    }


@dataclass(frozen=True, slots=True)
class ActionRequest:
    """What a control room asks for; checked and complete (``flows.alert`` fills the defaults).

    Attributes:
        control_room: the room that takes the calls, or ``None`` for the only one.
        place: how people call the place ("Weesp, rond het Stationsplein"), for menus and operators.
        expires_in: the action's life; afterwards it closes by itself.
        lanes: the lanes that the action uses.
    """

    kind: Kind
    area: Area
    text: Text
    urgency: Urgency
    lanes: frozenset[Lane]
    expires_in: timedelta
    domain: str = "burgernet"
    control_room: str | None = None
    place: str | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """An action as the ledger has it.

    Attributes:
        id: opaque, URL-safe, unique for ever.
        number: the database's own number, dense; used inside.
        code: three digits that people can say; unique among the open actions.
        version: the newest version of the text, from 1.
        closed_at: when it was closed, else ``None``.
    """

    id: str
    number: int
    code: str
    request: ActionRequest
    state: ActionState
    version: int
    created_at: datetime
    expires_at: datetime
    created_by: str
    closed_at: datetime | None = None
    outcome: Outcome | None = None
    planned: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)

    def require_open(self) -> None:
        """Raise unless the action is open.

        Raises:
            ConflictError: it is closed; the message says how and since when.
        """
        if self.state is not ActionState.OPEN:
            raise ConflictError(f"action {self.code} is closed ({self.outcome}) since {self.closed_at}")


def new_action_id() -> str:
    """An id that tells nothing and that nobody can guess: 16 lower-case letters and digits, 80 bits."""
    alphabet = "abcdefghijkmnpqrstuvwxyz23456789"
    return "".join(secrets.choice(alphabet) for _ in range(16))


def pick_code(taken: frozenset[str], chooser: secrets.SystemRandom | None = None) -> str:
    """A spoken code that no open action has: three digits, none of them 0, never 112.

    Three digits are read over a telephone and keyed in without a mistake; four are used when three are all taken.
    """
    rng = chooser or secrets.SystemRandom()
    for length in (3, 4, 5):
        for _ in range(200):
            code = "".join(rng.choice("123456789") for _ in range(length))
            if code not in taken and code != "112":
                return code
    raise ConflictError("there are too many open actions to give each a code")


@dataclass(frozen=True, slots=True)
class ActionDraft:
    """What somebody asked for, parsed but not yet judged; ``None`` where the policy decides.

    Attributes:
        allow_long: send a text that needs more parts than the policy likes.
    """

    kind: Kind
    area: Area
    text: Text
    urgency: Urgency | None = None
    domain: str = "burgernet"
    lanes: frozenset[Lane] | None = None
    control_room: str | None = None
    place: str | None = None
    expires_in: timedelta | None = None
    allow_long: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """What the municipality decided once, for every action.

    Attributes:
        lanes: which lanes an urgency uses.
        life: how long an action lives unless its request says otherwise.
        max_life: the longest that a request may ask for.
        max_parts: an SMS of more parts is refused unless the request allows it.
        max_speech_chars: a longer spoken text is refused.
        max_radius_m: a larger circle is refused.
        retry_delays: how long after the first, second, ... temporary refusal a delivery is tried again.
        resend_uncertain: whether what left without an answer is sent again (and may arrive twice).
    """

    lanes: Mapping[Urgency, frozenset[Lane]] = field(
        default_factory=lambda: {urgency: frozenset(Lane) for urgency in Urgency}
    )
    life: timedelta = timedelta(minutes=30)
    max_life: timedelta = timedelta(hours=24)
    max_parts: int = 5
    max_speech_chars: int = 2000
    max_radius_m: float = 100_000.0
    retry_delays: tuple[timedelta, ...] = (timedelta(seconds=10), timedelta(seconds=30), timedelta(seconds=60))
    resend_uncertain: bool = False
    rooms: tuple[str, ...] = ()
