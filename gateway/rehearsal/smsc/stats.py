"""What the simulated SMSC counts."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from gateway.smpp.pdu import status_name

NOTICES = 100
MAX_KEYS = 4_000_000
"""Accepted messages that are told apart; beyond that duplicates are no longer counted."""


@dataclass(slots=True)
class Stats:
    """Counts since the start or the last reset.

    Attributes:
        submits: submit_sm and data_sm that could be read.
        accepted: those that got status 0, or were to get it.
        throttled: those refused by ``throttle_per_s``.
        refused: by status name, the throttled among them.
        swallowed: accepted, but never answered.
        lost: neither accepted nor answered.
        duplicates: accepted more than once: the same part of the same text to the same number.
        max_window: the most submits of one connection that were read and not answered; what one read brought counts.
        states: messages by their end.
        deliveries_dropped: receipts and replies for which there was no room.
        redelivered: deliver_sm sent again, after a timeout, a temporary refusal or a lost connection.
        first_s, last_s: when the first submit came and the last was answered, by the simulator's clock.
    """

    connections: int = 0
    binds: int = 0
    binds_refused: Counter[str] = field(default_factory=Counter)
    submits: int = 0
    accepted: int = 0
    throttled: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    swallowed: int = 0
    lost: int = 0
    duplicates: int = 0
    max_window: int = 0
    states: Counter[str] = field(default_factory=Counter)
    replaced: int = 0
    cancelled: int = 0
    receipts_sent: int = 0
    receipts_acked: int = 0
    receipts_refused: int = 0
    replies_sent: int = 0
    replies_acked: int = 0
    replies_refused: int = 0
    redelivered: int = 0
    deliveries_dropped: int = 0
    notices: int = 0
    last_notices: deque[str] = field(default_factory=lambda: deque(maxlen=NOTICES))
    first_s: float | None = None
    last_s: float | None = None
    _keys: set[int] = field(default_factory=set)

    def refuse(self, status: int) -> None:
        """A submit was refused."""
        self.refused[status_name(status)] += 1

    def accept(self, number: str, key: int) -> None:
        """A submit was accepted."""
        self.accepted += 1
        known = hash((number, key))
        if known in self._keys:
            self.duplicates += 1
        elif len(self._keys) < MAX_KEYS:
            self._keys.add(known)

    def sent(self, kind: str, *, again: bool) -> None:
        """A ``receipt`` or a ``reply`` was sent to an ESME."""
        if again:
            self.redelivered += 1
        elif kind == "receipt":
            self.receipts_sent += 1
        else:
            self.replies_sent += 1

    def answered(self, kind: str, *, accepted: bool) -> None:
        """An ESME acknowledged a ``receipt`` or a ``reply``, or refused it for good."""
        name = f"{'receipts' if kind == 'receipt' else 'replies'}_{'acked' if accepted else 'refused'}"
        setattr(self, name, getattr(self, name) + 1)

    def notice(self, what: str) -> None:
        """Something odd happened."""
        self.notices += 1
        self.last_notices.append(what)

    @property
    def rate_per_s(self) -> float:
        """Accepted submits a second, from the first submit to the last answer."""
        if self.first_s is None or self.last_s is None or self.last_s <= self.first_s:
            return 0.0
        return self.accepted / (self.last_s - self.first_s)

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        values: dict[str, object] = {}
        for entry in fields(self):
            value = getattr(self, entry.name)
            if entry.name.startswith("_") or entry.name in ("first_s", "last_s"):
                continue
            if isinstance(value, Mapping):
                value = dict(value)
            values[entry.name] = list(value) if isinstance(value, deque) else value
        values["rate_per_s"] = round(self.rate_per_s, 1)
        return values
