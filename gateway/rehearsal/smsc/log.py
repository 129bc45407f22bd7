"""The log of messages: a line of JSON for each that has its end. It holds numbers and texts: off unless asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from gateway.rehearsal.smsc.delivery import WORDS
from gateway.rehearsal.smsc.messages import Held
from gateway.smpp.pdu import MessageState
from gateway.smpp.text import Encoding

MAX_UNFINISHED = 100_000
"""Long messages of which parts have no end yet; the oldest is written without them."""


class MessageLog:
    """Gathers the parts of messages and writes each message once."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._unfinished: dict[tuple[str, str, int, int], dict[int, Held]] = {}

    def ended(self, held: Held) -> None:
        """A submit has its end."""
        part = held.content.part
        if part is None:
            self._line([held], 1)
            return
        key = (held.destination, held.content.source.value, part.reference, part.total)
        parts = self._unfinished.setdefault(key, {})
        parts[part.number] = held
        if len(parts) == part.total:
            del self._unfinished[key]
            self._line([parts[number] for number in sorted(parts)], part.total)
        elif len(self._unfinished) > MAX_UNFINISHED:
            self._write_oldest()

    def close(self) -> None:
        """Write what is incomplete as it is."""
        while self._unfinished:
            self._write_oldest()

    def _write_oldest(self) -> None:
        key = next(iter(self._unfinished))
        parts = self._unfinished.pop(key)
        self._line([parts[number] for number in sorted(parts)], key[3])

    def _line(self, parts: Sequence[Held], total: int) -> None:
        first, last = parts[0], max(parts, key=lambda held: held.done_at or held.at)
        states = [held.state for held in parts]
        worst = next((state for state in states if state is not MessageState.DELIVERED), MessageState.DELIVERED)
        line = {
            "at": first.at.isoformat(),
            "done_at": last.done_at.isoformat() if last.done_at else None,
            "account": first.account,
            "from": first.content.source.value,
            "to": first.destination,
            "text": "".join(held.content.text(Encoding(held.knobs.alphabet)) for held in parts),
            "parts": total,
            "parts_missing": total - len(parts),
            "state": WORDS[worst],
            "ids": [held.id for held in parts],
            "flash": first.content.flash,
        }
        self._write(json.dumps(line, ensure_ascii=False))
