"""What is to happen when. No clock of its own."""

from __future__ import annotations

import heapq
from collections.abc import Callable

Action = Callable[[float], None]


class Agenda:
    """Actions by time; those of one time in the order in which they were written down.

    What one read brings is mostly due at one moment, so moments are in a heap, and actions in a list a moment.
    """

    def __init__(self) -> None:
        self._moments: list[float] = []
        self._actions: dict[float, list[Action]] = {}

    def at(self, due: float, action: Action) -> None:
        """Call ``action(now)`` once ``due`` has come."""
        actions = self._actions.get(due)
        if actions is None:
            self._actions[due] = [action]
            heapq.heappush(self._moments, due)
        else:
            actions.append(action)

    def next(self) -> float | None:
        """When the next action is due."""
        return self._moments[0] if self._moments else None

    def run(self, now: float) -> None:
        """Do what is due; also what that puts on the agenda for now."""
        while self._moments and self._moments[0] <= now:
            for action in self._actions.pop(heapq.heappop(self._moments)):
                action(now)
