"""The telephones: what citizens read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class Handset:
    """One number's telephone.

    Attributes:
        inbox: oldest first.
        unfinished: parts by sender, reference and total, and then by number.
    """

    inbox: list[Arrived] = field(default_factory=list)
    unfinished: dict[tuple[str, int, int], dict[int, Content]] = field(default_factory=dict)


class Handsets:
    """Every telephone that ever got a message, by number without ``+``."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._handsets: dict[str, Handset] = {}

    def __len__(self) -> int:
        return len(self._handsets)

    def numbers(self) -> Iterator[str]:
        """Those with a telephone."""
        return iter(self._handsets)

    def inbox(self, number: str) -> Sequence[Arrived]:
        """What is on that number's telephone, oldest first."""
        handset = self._handsets.get(number)
        return tuple(handset.inbox) if handset else ()

    def receive(self, number: str, content: Content, at: datetime, alphabet: Encoding, account: str) -> Arrived | None:
        """A message or a part of one arrives; returns it where it is whole now."""
        handset = self._handsets.get(number)
        if handset is None:
            if len(self._handsets) >= self._limits.numbers:
                return None
            handset = self._handsets[number] = Handset()
        contents = (content,) if content.part is None else _complete(handset, content)
        if contents is None:
            return None
        arrived = Arrived(contents, at, alphabet, account)
        if content.replace_type is not None:
            _take_replaced(handset, arrived)
        handset.inbox.append(arrived)
        if len(handset.inbox) > self._limits.inbox:
            del handset.inbox[0]
        return arrived

    def clear(self) -> None:
        """New telephones for everybody."""
        self._handsets.clear()


def _complete(handset: Handset, content: Content) -> tuple[Content, ...] | None:
    """The parts of a long message in order, when this was the last one missing."""
    part = content.part
    assert part is not None
    key = (content.source.value, part.reference, part.total)
    if key not in handset.unfinished and len(handset.unfinished) >= MAX_UNFINISHED:
        del handset.unfinished[next(iter(handset.unfinished))]
    parts = handset.unfinished.setdefault(key, {})
    parts[part.number] = content
    if len(parts) < part.total:
        return None
    del handset.unfinished[key]
    return tuple(parts[number] for number in sorted(parts))


def _take_replaced(handset: Handset, arrived: Arrived) -> None:
    """Take away the message that this one replaces: same sender, same type (3GPP TS 23.040 section 9.2.3.9)."""
    kind, source = arrived.contents[0].replace_type, arrived.source.value
    for index, earlier in enumerate(handset.inbox):
        if earlier.contents[0].replace_type == kind and earlier.source.value == source:
            del handset.inbox[index]
            return
