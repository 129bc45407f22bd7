"""An ESME: one system_id with all its binds, and what is to be delivered to it."""

from __future__ import annotations

from collections import deque

from gateway.rehearsal.scenario import Account
from gateway.rehearsal.smsc.delivery import Delivery
from gateway.rehearsal.smsc.session import SmscSession


class Esme:
    """A customer of the SMSC.

    Attributes:
        name: its system_id.
        sessions: its binds, oldest first.
        ghosts: until when connections that broke off still count as binds.
        waiting: what no bind could take.
    """

    def __init__(self, name: str, account: Account, limit: int) -> None:
        self.name = name
        self.account = account
        self.sessions: list[SmscSession] = []
        self.ghosts: list[float] = []
        self.waiting: deque[Delivery] = deque()
        self._limit = limit
        self._turn = 0

    def binds(self, now: float) -> int:
        """How many binds count."""
        self.ghosts = [until for until in self.ghosts if until > now]
        return len(self.sessions) + len(self.ghosts)

    @property
    def queued(self) -> int:
        """Deliveries that wait or are not answered."""
        return len(self.waiting) + sum(session.queued for session in self.sessions)

    def deliver(self, delivery: Delivery, now: float) -> bool:
        """Send it by one of the binds, or keep it until there is one; ``False`` where there is no more room."""
        if self.queued >= self._limit:
            return False
        session = self._choose(delivery)
        if session is None:
            self.waiting.append(delivery)
        else:
            session.deliver(delivery, now)
        return True

    def bound(self, session: SmscSession, now: float) -> None:
        """A new bind; what waits goes to it if it receives."""
        self.sessions.append(session)
        if session.receives:
            waiting, self.waiting = self.waiting, deque()
            for delivery in waiting:
                self.deliver(delivery, now)

    def left(self, session: SmscSession, now: float) -> None:
        """A bind has gone; what it did not get or did not acknowledge goes to the others, or waits."""
        self.sessions.remove(session)
        for delivery in session.undelivered():
            self.deliver(delivery, now)

    def _choose(self, delivery: Delivery) -> SmscSession | None:
        receivers = [session for session in self.sessions if session.receives]
        if len(receivers) > 1 and delivery.bind != "any":
            same = delivery.bind == "same"
            receivers = [s for s in receivers if (s is delivery.origin) is same] or receivers
        if not receivers:
            return None
        self._turn += 1
        return receivers[self._turn % len(receivers)]
