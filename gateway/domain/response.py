"""A response: anything that a participant or a passer-by gave back on an action."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ResponseKind(StrEnum):
    """By which way the response came."""

    CALL = "call"
    SMS = "sms"
    KEYPRESS = "keypress"


@dataclass(frozen=True, slots=True)
class Response:
    """One response on record.

    Attributes:
        action_id: the action it belongs to, or ``None`` when no action had reached this number.
        caller: a masked number (``+31*****678``) or a pseudonym; never the number itself.
        routed_by: which rule of routing brought it to the action (docs/architecture.md, the inbound rule).
        text: what was written, or a short word for what was done (the key pressed).
    """

    id: str
    action_id: str | None
    kind: ResponseKind
    at: datetime
    caller: str
    routed_by: str
    text: str = ""
    spoke_to_operator: bool = False
    useful: bool | None = None
    led_to_success: bool | None = None
    note: str = ""
