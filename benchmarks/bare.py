"""The ceiling: submit_sm packed by struct and written by Twisted, nothing stored, nothing tracked but the window."""

from __future__ import annotations

import sys
import time

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from gateway.smpp.codec import encode
from gateway.smpp.hot import SubmitTemplate
from gateway.smpp.pdu import Address, Bind, Command, Message, Pdu


class Bare(Protocol):
    """Keeps a window full until everything is answered."""

    def __init__(self, count: int, window: int, text: bytes) -> None:
        self.count, self.window = count, window
        self.template = SubmitTemplate(Message(Address("Burgernet", 5, 0), Address("", 1, 1), text))
        self.sent = self.answered = 0
        self.buffer = b""
        self.started = 0.0

    def connectionMade(self) -> None:
        """Bind."""
        self.transport.setTcpNoDelay(True)  # type: ignore[union-attr]
        self.transport.write(encode(Pdu(Command.BIND_TRANSCEIVER, 0, 1, Bind("bare", "bare"))))  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        """Count answers by their length fields, refill the window."""
        buffer, position = self.buffer + data, 0
        while len(buffer) - position >= 16:
            length = int.from_bytes(buffer[position : position + 4], "big")
            if len(buffer) - position < length:
                break
            if self.started:
                self.answered += 1
            else:
                self.started = time.perf_counter()
            position += length
        self.buffer = buffer[position:]
        if self.answered >= self.count:
            print(self.count / (time.perf_counter() - self.started), flush=True)
            reactor.stop()  # type: ignore[attr-defined]
            return
        more = min(self.window - (self.sent - self.answered), self.count - self.sent)
        if more > 0:
            numbers = [b"316%08d" % (10_000_000 + self.sent + i) for i in range(more)]
            self.transport.write(self.template.pack_many(2 + self.sent, numbers))  # type: ignore[union-attr]
            self.sent += more

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Over."""


def main() -> None:
    """PORT COUNT WINDOW: prints submits a second."""
    port, count, window = (int(value) for value in sys.argv[1:4])
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    connectProtocol(endpoint, Bare(count, window, b"x" * 160))
    reactor.run()  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
