"""Connections that a carrier makes for us to bind on (outbind, SMPP 3.4 section 2.2.1), as an endpoint to connect to.

So a carrier that calls us is a :class:`~gateway.carriers.link.Link` like any other: connecting means waiting for its
next outbind.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from zope.interface import implementer


@implementer(IStreamClientEndpoint)
class OutbindEndpoint:
    """Gives each connection that was offered to one of those who wait for one."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[IProtocolFactory, Deferred[IProtocol]]] = deque()

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """Wait for an outbind."""
        waiter: Deferred[IProtocol] = Deferred(lambda gone: self._forget(gone))
        self._waiting.append((factory, waiter))
        return waiter

    def offer(self, address: Any, take: Callable[[IProtocol], None]) -> bool:
        """A connection is there; ``take`` puts it under a protocol. ``False``: nobody waits for one."""
        if not self._waiting:
            return False
        factory, waiter = self._waiting.popleft()
        protocol = factory.buildProtocol(address)
        if protocol is None:
            return False
        take(protocol)
        waiter.callback(protocol)
        return True

    def _forget(self, gone: Deferred[IProtocol]) -> None:
        self._waiting = deque(entry for entry in self._waiting if entry[1] is not gone)
