"""The report on an action: who was reached, how fast, who responded. Counts only, no persons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SmsCounts:
    """The SMS lane, a funnel: ``submitted`` counts all that a carrier accepted, whatever followed.

    Every planned delivery is in exactly one of ``delivered``, ``failed``, ``uncertain``, ``pending`` (has not left
    yet) and ``awaiting_receipt`` (accepted, no last word yet).
    """

    planned: int = 0
    submitted: int = 0
    delivered: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)
    uncertain: int = 0
    pending: int = 0
    awaiting_receipt: int = 0


@dataclass(frozen=True, slots=True)
class VoiceCounts:
    """The voice lane. ``dialled`` and ``answered`` count persons and overlap with the outcomes that follow them."""

    planned: int = 0
    dialled: int = 0
    answered: int = 0
    heard_full: int = 0
    heard_part: int = 0
    voicemail: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)
    uncertain: int = 0
    pending: int = 0


@dataclass(frozen=True, slots=True)
class ReachPoint:
    """Persons reached ``t_s`` seconds after the press, so far, a lane."""

    t_s: float
    sms: int
    voice: int


@dataclass(frozen=True, slots=True)
class ResponseCounts:
    """What citizens gave back."""

    total: int = 0
    call: int = 0
    sms: int = 0
    keypress: int = 0
    spoke_to_operator: int = 0
    useful: int = 0
    led_to_success: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """An action's report. Seconds count from the press; ``None`` where nobody was reached yet.

    Attributes:
        first_s, t50_s, t95_s: until the first, the half and 95 % of those reached so far were reached.
        segments: SMS segments that carriers accepted, by calling code.
        cost_eur: what the carriers will charge, at the prices of the settings.
    """

    action: Mapping[str, object]
    versions: Sequence[Mapping[str, object]]
    sms: SmsCounts
    voice: VoiceCounts
    reach: Sequence[ReachPoint]
    first_s: float | None
    t50_s: float | None
    t95_s: float | None
    responses: ResponseCounts
    segments: Mapping[int, int] = field(default_factory=dict)
    cost_eur: float = 0.0
