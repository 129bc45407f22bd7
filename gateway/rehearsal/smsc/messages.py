"""The messages that the SMSC holds: on their way, and those whose end can still be asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from gateway.rehearsal.scenario import Limits, MessageKnobs
from gateway.rehearsal.smsc.content import Content
from gateway.rehearsal.smsc.session import SmscSession
from gateway.smpp.pdu import Address, CancelSm, MessageState, QuerySm, ReplaceSm


@dataclass(slots=True, eq=False)
class Held:
    """One accepted submit.

    Attributes:
        id: the message id of the response.
        receipt_id: that of the receipts.
        destination: the number, without ``+``.
        account: the system_id of the ESME.
        origin: the connection that it came on.
        at: when it was accepted; aware, UTC.
        state: ``ENROUTE`` until it has its end.
        done_at: when it got there.
    """

    id: str
    receipt_id: str
    destination: str
    content: Content
    knobs: MessageKnobs
    account: str
    origin: SmscSession
    at: datetime
    state: MessageState = MessageState.ENROUTE
    done_at: datetime | None = None

    @property
    def on_its_way(self) -> bool:
        """Whether it has no end yet."""
        return self.state is MessageState.ENROUTE


Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """The last entries of many: at least ``size``, at most twice that, without the cost of a queue."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._new: dict[Key, Value] = {}
        self._old: dict[Key, Value] = {}

    def put(self, key: Key, value: Value) -> None:
        """Remember."""
        if len(self._new) >= self._size:
            self._old, self._new = self._new, {}
        self._new[key] = value

    def get(self, key: Key) -> Value | None:
        """What is remembered under this key."""
        found = self._new.get(key)
        return self._old.get(key) if found is None else found

    def clear(self) -> None:
        """Forget."""
        self._new.clear()
        self._old.clear()


class Messages:
    """Every message, found by id; those on their way also by number."""

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.pending
        self._pending: dict[str, Held] = {}
        self._by_number: dict[str, list[Held]] = {}
        self._ended: Recent[str, Held] = Recent(limits.kept)

    @property
    def pending(self) -> int:
        """How many are on their way."""
        return len(self._pending)

    @property
    def full(self) -> bool:
        """Whether no more can be taken."""
        return len(self._pending) >= self._limit

    def waiting_for(self, number: str) -> int:
        """How many are on their way to a number."""
        return len(self._by_number.get(number, ()))

    def hold(self, held: Held) -> None:
        """Take a message on its way."""
        self._pending[held.id] = held
        self._by_number.setdefault(held.destination, []).append(held)

    def end(self, held: Held, state: MessageState, at: datetime) -> None:
        """Give a message its end; also one that was never held."""
        held.state, held.done_at = state, at
        self._ended.put(held.id, held)
        if self._pending.pop(held.id, None) is not None:
            same = self._by_number[held.destination]
            same.remove(held)
            if not same:
                del self._by_number[held.destination]

    def unfinished(self) -> Iterable[Held]:
        """Those on their way."""
        return self._pending.values()

    def clear(self) -> None:
        """Forget every message; those on their way get nowhere."""
        for held in self._pending.values():
            held.state = MessageState.DELETED
        self._pending.clear()
        self._by_number.clear()
        self._ended.clear()

    # ------------------------------------------------------------ what ESMEs ask (each sees its own only)

    def find(self, asked: QuerySm | ReplaceSm | CancelSm, account: str) -> Held | None:
        """The message of that id, on its way or not; the source must be the message's own (SMPP 3.4 section 4.8.1)."""
        held = self._pending.get(asked.message_id) or self._ended.get(asked.message_id)
        if held is None or held.account != account:
            return None
        return held if _same_address(asked.source, held.content.source) else None

    def to_cancel(self, asked: CancelSm, account: str) -> list[Held]:
        """What a cancel_sm means: one by its id, else all of a source, destination and service type (section 4.9)."""
        if asked.message_id:
            held = self.find(asked, account)
            return [held] if held is not None and held.on_its_way else []
        return self.alike(asked.destination.value, asked.source, asked.service_type, account)

    def alike(self, number: str, source: Address, service_type: str, account: str) -> list[Held]:
        """Those on their way with this destination, source and service type (section 5.2.18)."""
        return [
            held
            for held in self._by_number.get(number.lstrip("+"), ())
            if held.account == account
            and held.content.source.value == source.value
            and (not service_type or held.content.body.service_type == service_type)
        ]


def _same_address(asked: Address, own: Address) -> bool:
    return not asked.value or asked.value == own.value
