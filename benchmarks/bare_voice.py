"""The ceiling of the voice benchmark: calls through AMI as fast as Asterisk takes them, an empty FastAGI exchange each.

Nothing is stored, nothing is decided. Prints calls a second, from the first Originate to the last Hangup.
"""

from __future__ import annotations

import sys
import time

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.protocol import Protocol, ServerFactory

from gateway.voice.manager import ManagerService
from ivr.ami import AmiEvent, AmiProfile, originate


class EmptyAgi(Protocol):
    """Reads what Asterisk tells, says nothing, closes."""

    def connectionMade(self) -> None:
        """Asterisk is there."""
        self._data = b""

    def dataReceived(self, data: bytes) -> None:
        """Its environment ends with an empty line."""
        self._data += data
        if self._data.endswith(b"\n\n"):
            assert self.transport is not None
            self.transport.loseConnection()


class Loop:
    """So many calls, so many of them at once."""

    def __init__(self, ami: int, secret: str, calls: int, window: int) -> None:
        self._calls, self._window = calls, window
        self._placed = self._ended = 0
        self._began = self._last = 0.0
        profile = AmiProfile("burgernet", secret, wanted=frozenset({"Hangup", "OriginateResponse"}))
        self._manager = ManagerService(
            profile,
            TCP4ClientEndpoint(reactor, "127.0.0.1", ami),
            reactor,
            event=self._event,
            up=self._up,
            down=lambda _: None,
        )
        self._manager.start()

    def _up(self) -> None:
        self._began = self._last = time.perf_counter()
        reactor.callLater(1.0, self._watch)
        for _ in range(min(self._window, self._calls)):
            self._place()

    def _place(self) -> None:
        self._placed += 1
        request = originate(
            f"PJSIP/+31294{self._placed:06}@sipp",
            context="bench-bare",
            exten="s",
            # Asterisk takes an id for used that another one begins with (22.10).
            channel_id=f"bare.{self._placed:08}",
            codecs=("alaw",),
        )
        Deferred.fromCoroutine(self._manager.request(request))

    def _event(self, event: AmiEvent) -> None:
        failed = event.name == "OriginateResponse" and event.headers.get("Response") == "Failure"
        if event.name != "Hangup" and not (failed and event.headers.get("Uniqueid", "<null>") == "<null>"):
            return
        self._ended += 1
        self._last = time.perf_counter()
        if self._placed < self._calls:
            self._place()
        elif self._ended >= self._calls:
            self._tell()

    def _tell(self) -> None:
        print(self._ended / (self._last - self._began))
        reactor.stop()

    def _watch(self) -> None:
        """Under load Asterisk now and then keeps an event to itself: nothing more comes, and that is the end."""
        if time.perf_counter() - self._last > 3.0:
            self._tell()
        else:
            reactor.callLater(1.0, self._watch)


def main() -> None:
    """``ami_port secret agi_port calls window``."""
    ami, secret, agi, calls, window = sys.argv[1:]
    factory = ServerFactory.forProtocol(EmptyAgi)
    factory.noisy = False
    TCP4ServerEndpoint(reactor, int(agi), interface="127.0.0.1").listen(factory)
    Loop(int(ami), secret, int(calls), int(window))
    reactor.run()


if __name__ == "__main__":
    main()
