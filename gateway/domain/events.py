"""What happened, told to whoever listens: screens, logs, metrics. The core logs nothing; it emits these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

# The kinds, dotted, as they stand in the SSE stream. Extended freely, never renamed.
ACTION_STARTED = "action.started"
ACTION_UPDATED = "action.updated"
ACTION_CLOSED = "action.closed"
ACTION_PROGRESS = "action.progress"  # counts per lane and state, at most a few a second for each action
RESPONSE_RECEIVED = "response.received"
RESPONSE_CHANGED = "response.changed"
CARRIER_STATE = "carrier.state"
DELIVERIES_UNCERTAIN = "deliveries.uncertain"
SPEECH_FAILED = "speech.failed"  # a language cannot be spoken; its calls wait or become SMS
TRUNK_STATE = "trunk.state"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        kind: one of the constants of this module.
        action_id: the action it is about, or ``None``.
        data: JSON values only; no full phone number, no secret.
        id: the place in the stream, given by the store; 0 before it is stored.
    """

    kind: str
    at: datetime
    action_id: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    id: int = 0
