"""Time and background work, on the real reactor."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger


class SystemClock:
    """Implements :class:`gateway.ports.Clock` on the computer's own clock."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        return datetime.now(UTC)


class ReactorTasks:
    """Implements :class:`gateway.ports.Tasks`: coroutines with an owner.

    Args:
        reactor: makes the pauses.
    """

    _log = Logger()

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._running: set[Deferred[None]] = set()

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """See the port."""
        running = Deferred.fromCoroutine(work)
        self._running.add(running)

        def ended(result: Any) -> None:
            self._running.discard(running)
            if result is not None and not result.check(CancelledError):
                self._log.failure("{task} failed", failure=result, task=name)

        running.addBoth(ended)

    async def sleep(self, seconds: float) -> None:
        """See the port."""
        await deferLater(self._reactor, seconds)

    def cancel(self) -> None:
        """Cancel what still runs."""
        for running in list(self._running):
            running.cancel()


def log_failure(what: str, error: BaseException) -> None:
    """A failure that is being dealt with, in one line."""
    Logger("gateway").error("{what}: {error}", what=what, error=f"{type(error).__name__}: {error}")
