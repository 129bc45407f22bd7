"""The telephones: what citizens read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.rehearsal.scenario import Limits
from gateway.rehearsal.smsc.content import Content
from gateway.smpp.pdu import Address
from gateway.smpp.text import Encoding

MAX_UNFINISHED = 50
"""Long messages of which parts are missing, a handset; the oldest goes, as on a real one."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message on a handset, whole.

    Attributes:
        contents: its parts, in order.
        at: when the last part arrived; aware, UTC.
        alphabet: what data_coding 0 meant.
        account: the system_id of the ESME that sent it.
    """

    contents: Sequence[Content]
    at: datetime
    alphabet: Encoding
    account: str

    @property
    def text(self) -> str:
        """What the citizen reads. Each part is read by itself, so that one which ends within a character shows."""
        return "".join(content.text(self.alphabet) for content in self.contents)

    @property
    def source(self) -> Address:
        """From whom."""
        return self.contents[0].source

    def as_dict(self) -> Mapping[str, object]:
        """For the control port."""
        first = self.contents[0]
        return {
            "at": self.at.isoformat(),
            "from": self.source.value,
            "text": self.text,
            "parts": len(self.contents),
            "flash": first.flash,
            "replace_type": first.replace_type,
        }


Unfinished = dict[tuple[str, int, int], dict[int, Content]]
"""Parts by sender, reference and total, and then by number."""


class Handsets:
    """Every telephone that ever got a message, by number without ``+``.

    A telephone is no object: with a million of them, each object more is a minute of garbage collection.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._inboxes: dict[str, list[Arrived]] = {}
        self._unfinished: dict[str, Unfinished] = {}

    def __len__(self) -> int:
        return len(self._inboxes)

    def inbox(self, number: str) -> Sequence[Arrived]:
        """What is on that number's telephone, oldest first."""
        return tuple(self._inboxes.get(number, ()))

    def receive(self, number: str, content: Content, at: datetime, alphabet: Encoding, account: str) -> Arrived | None:
        """A message or a part of one arrives; returns it where it is whole now."""
        inbox = self._inboxes.get(number)
        if inbox is None:
            if len(self._inboxes) >= self._limits.numbers:
                return None
            inbox = self._inboxes[number] = []
        contents = content.alone or self._complete(number, content)
        if contents is None:
            return None
        arrived = Arrived(contents, at, alphabet, account)
        if content.replace_type is not None:
            _take_replaced(inbox, arrived)
        inbox.append(arrived)
        if len(inbox) > self._limits.inbox:
            del inbox[0]
        return arrived

    def clear(self) -> None:
        """New telephones for everybody."""
        self._inboxes.clear()
        self._unfinished.clear()

    def _complete(self, number: str, content: Content) -> tuple[Content, ...] | None:
        """The parts of a long message in order, when this was the last one missing."""
        part = content.part
        assert part is not None
        unfinished = self._unfinished.setdefault(number, {})
        key = (content.source.value, part.reference, part.total)
        if key not in unfinished and len(unfinished) >= MAX_UNFINISHED:
            del unfinished[next(iter(unfinished))]
        parts = unfinished.setdefault(key, {})
        parts[part.number] = content
        if len(parts) < part.total:
            return None
        del unfinished[key]
        if not unfinished:
            del self._unfinished[number]
        return tuple(parts[number] for number in sorted(parts))


def _take_replaced(inbox: list[Arrived], arrived: Arrived) -> None:
    """Take away the message that this one replaces: same sender, same type (3GPP TS 23.040 section 9.2.3.9)."""
    kind, source = arrived.contents[0].replace_type, arrived.source.value
    for index, earlier in enumerate(inbox):
        if earlier.contents[0].replace_type == kind and earlier.source.value == source:
            del inbox[index]
            return
