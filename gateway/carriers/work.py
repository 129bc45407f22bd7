"""Work: one text for many numbers, on its way through one carrier."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import repeat

from gateway.domain.delivery import Ref, make_ref
from gateway.smpp.hot import SubmitTemplate

Token = tuple[Ref, "Work", int]
"""What a submit stands for: its ref, its work, and the number of the segment in it."""

BLOCK = 256
"""Recipients whose parts are sent together: part 1 to each, then part 2 to each, so that a person's parts stay near."""


class Work:
    """Segments to send, in order. A *segment* is counted from 0: ``recipient * parts + part``.

    Args:
        templates: one a part.
        recipients: (delivery id, E.164 number with its ``+``).
    """

    __slots__ = ("_block", "_offset", "_part", "_start", "action", "deliveries", "expires_at", "numbers", "parts",
                 "skipped", "templates", "urgency")  # fmt: skip

    def __init__(
        self,
        action: int,
        urgency: int,
        expires_at: datetime,
        templates: Sequence[SubmitTemplate],
        recipients: Sequence[tuple[int, str]],
    ) -> None:
        self.action = action
        self.urgency = urgency
        self.expires_at = expires_at
        self.templates = templates
        self.parts = len(templates)
        self.deliveries = [delivery for delivery, _ in recipients]
        self.numbers = [number[1:].encode("ascii") for _, number in recipients]
        self.skipped: set[int] = set()  # recipients whose other parts need not go any more
        self._start = 0
        self._part = 0
        self._offset = 0
        self._block = len(recipients) if self.parts == 1 else min(BLOCK, len(recipients))

    @property
    def left(self) -> int:
        """Segments that were not taken yet."""
        total = len(self.deliveries) * self.parts
        return total - self._start * self.parts - self._part * self._block - self._offset

    @property
    def untouched(self) -> int:
        """How many deliveries no part was taken of yet."""
        return len(self.deliveries) - self._begun

    @property
    def _begun(self) -> int:
        return self._start + (self._block if self._part else self._offset)

    def cut(self) -> list[int]:
        """Take the untouched deliveries out and return them; what was begun goes on to its last part."""
        begun = self._begun
        cut = self.deliveries[begun:]
        del self.deliveries[begun:], self.numbers[begun:]
        if self._part == 0:
            self._block = self._offset
            if self._offset:
                self._advance(0)
        return cut

    def take(self, most: int) -> tuple[SubmitTemplate, list[Token], list[bytes], list[Ref]]:
        """The next run of segments with one template: (template, tokens, numbers, refs); at most ``most``."""
        first = self._start + self._offset
        count = min(most, self._block - self._offset)
        part, parts = self._part, self.parts
        self._advance(count)
        mark = parts << 8 | part + 1
        refs = [delivery << 16 | mark for delivery in self.deliveries[first : first + count]]
        numbers = self.numbers[first : first + count]
        tokens = list(zip(refs, repeat(self), range(first * parts + part, (first + count) * parts + part, parts)))
        if self.skipped:
            keep = [i for i in range(count) if first + i not in self.skipped]
            tokens, numbers, refs = [tokens[i] for i in keep], [numbers[i] for i in keep], [refs[i] for i in keep]
        return self.templates[part], tokens, numbers, refs

    def one(self, segment: int) -> tuple[SubmitTemplate, list[Token], list[bytes], list[Ref]]:
        """A segment that is to be sent again."""
        recipient, part = divmod(segment, self.parts)
        ref = make_ref(self.deliveries[recipient], self.parts, part + 1)
        return self.templates[part], [(ref, self, segment)], [self.numbers[recipient]], [ref]

    def skip(self, segment: int) -> None:
        """The recipient of this segment gets no further part."""
        if self.parts > 1:
            self.skipped.add(segment // self.parts)

    def _advance(self, count: int) -> None:
        self._offset += count
        if self._offset < self._block:
            return
        self._offset = 0
        self._part += 1
        if self._part == self.parts:
            self._part = 0
            self._start += self._block
            self._block = min(self._block, len(self.deliveries) - self._start)
