"""How late the reactor is: what everything else waits for when something blocks it."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

EVERY_S = 0.5


class LagProbe:
    """Asks to be called every half second and tells how much later it was.

    Args:
        clock: the reactor.
        observe: gets the seconds, never negative.
    """

    def __init__(self, clock: IReactorTime, observe: Callable[[float], None]) -> None:
        self._clock = clock
        self._observe = observe
        self._call: IDelayedCall | None = None
        self._due = 0.0

    def start(self) -> None:
        """Begin."""
        self._due = self._clock.seconds() + EVERY_S
        self._call = self._clock.callLater(EVERY_S, self._measure)

    def stop(self) -> None:
        """End; nothing is left in the reactor."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _measure(self) -> None:
        self._observe(max(0.0, self._clock.seconds() - self._due))
        self.start()
