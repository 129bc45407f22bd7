"""What is to happen when. No clock of its own."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count


class Agenda:
    """Actions by time; those of one time in the order in which they were written down."""

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, Callable[[float], None]]] = []
        self._running = count()

    def __len__(self) -> int:
        return len(self._entries)

    def at(self, due: float, action: Callable[[float], None]) -> None:
        """Call ``action(now)`` once ``due`` has come."""
        heapq.heappush(self._entries, (due, next(self._running), action))

    def next(self) -> float | None:
        """When the next action is due."""
        return self._entries[0][0] if self._entries else None

    def run(self, now: float) -> None:
        """Do what is due; also what that puts on the agenda for now."""
        while self._entries and self._entries[0][0] <= now:
            heapq.heappop(self._entries)[2](now)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
