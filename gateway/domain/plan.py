"""The plan: how many people an action reaches on which lane, what it costs and how long it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.domain.selection import LeftOut


@dataclass(frozen=True, slots=True)
class PlanCounts:
    """What selection found.

    Attributes:
        sms, voice: deliveries a lane.
        left_out: persons by the first reason that fits; only reasons that occur.
        sms_by_country_language: the SMS deliveries by calling code (31, 49, 32) and language, for parts and price.
        voice_by_language: the voice deliveries by language.
    """

    sms: int
    voice: int
    left_out: Mapping[LeftOut, int]
    sms_by_country_language: Mapping[tuple[int, str], int] = field(default_factory=dict)
    voice_by_language: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Deliveries over all lanes."""
        return self.sms + self.voice


@dataclass(frozen=True, slots=True)
class CostlyCharacter:
    """A character that makes an SMS longer than it looks.

    Attributes:
        character: as it stands in the text.
        effect: ``two`` (an escape pair in GSM 03.38) or ``ucs2`` (forces 70 characters a part for the whole text).
        instead: what to write instead, or ``None`` where there is nothing that reads the same.
        count: how often it occurs.
    """

    character: str
    effect: str
    instead: str | None
    count: int


@dataclass(frozen=True, slots=True)
class ComposedSms:
    """A text as the carrier will get it.

    Attributes:
        text: as it will read on the handset (what cannot be encoded is replaced already).
        encoding: ``gsm7``, ``latin1``, ``ascii`` or ``ucs2``.
        parts: the text of each part, in order.
        units: how long it is in the encoding's units (septets, octets or UTF-16 code units).
        units_left: how many more fit before another part is needed.
    """

    text: str
    encoding: str
    parts: Sequence[str]
    units: int
    units_left: int
    costly: Sequence[CostlyCharacter] = ()


@dataclass(frozen=True, slots=True)
class Estimate:
    """What sending will take: segments at the carriers, euro, and seconds until the last message has left."""

    segments: int
    cost_eur: float
    seconds: float
