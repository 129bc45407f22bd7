"""Long answers, written no faster than the client reads them."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from gateway.web.site import ApiRequest

PATIENCE_S = 60.0
"""A client that reads nothing for so long, while some 64 kB wait for it, is dropped."""


class ClientGoneError(Exception):
    """The client hung up, or was dropped; there is nobody to answer."""


@implementer(IPushProducer)
class Outflow:
    """Writes pieces of an answer; holds nothing back but the piece in hand.

    Raises:
        ClientGoneError: the client went away before the first piece.
    """

    def __init__(self, request: ApiRequest, clock: IReactorTime) -> None:
        if request.gone:
            raise ClientGoneError
        self._request = request
        self._clock = clock
        self._room: Deferred[None] | None = None
        self._patience: IDelayedCall | None = None
        self.gone: Deferred[None] = Deferred()
        request.registerProducer(self, True)
        request.notifyFinish().addErrback(self._lost)

    async def write(self, data: bytes) -> None:
        """Write when there is room.

        Raises:
            ClientGoneError: there is nobody to write to.
        """
        while self._room is not None and not self.gone.called:
            await self._room
        if self.gone.called:
            raise ClientGoneError
        self._request.write(data)

    def close(self) -> None:
        """No more pieces."""
        self._settle()
        if not self._request.gone:
            self._request.unregisterProducer()

    def pauseProducing(self) -> None:
        """The transport holds enough."""
        if self._room is None:
            self._room = Deferred()
            self._patience = self._clock.callLater(PATIENCE_S, self._drop)

    def resumeProducing(self) -> None:
        """The transport has room again."""
        self._settle()

    def stopProducing(self) -> None:
        """The connection is closing; :meth:`_lost` follows."""

    def _drop(self) -> None:
        self._request.transport.abortConnection()

    def _lost(self, _: Failure) -> None:
        if not self.gone.called:
            self.gone.callback(None)
        self._settle()

    def _settle(self) -> None:
        if self._patience is not None and self._patience.active():
            self._patience.cancel()
        room, self._room = self._room, None
        if room is not None:
            room.callback(None)
