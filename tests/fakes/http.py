"""An HTTP client that speaks with a server in memory, byte by byte: what goes wrong on a wire can be shown."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from http.client import HTTPResponse
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.testing import StringTransportWithDisconnection


class Answer:
    """A whole answer."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def faults(self) -> dict[str, str]:
        """The problem's messages by the path of the bad field."""
        assert self.headers["Content-Type"] == "application/problem+json", self.headers
        return {fault["path"]: fault["message"] for fault in self.json["errors"]}

    def __repr__(self) -> str:
        return f"<{self.status} {self.body[:300]!r}>"


class Pipe(StringTransportWithDisconnection):
    """A transport that holds so many bytes, then asks its producer to wait until they are taken."""

    capacity: int | None = None
    full = False

    def write(self, data: bytes) -> None:
        super().write(data)
        self._look()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        super().writeSequence(data)
        self._look()

    def clear(self) -> None:
        super().clear()
        if self.full:
            self.full = False
            self.producer.resumeProducing()

    def _look(self) -> None:
        if self.capacity is not None and not self.full and len(self.value()) > self.capacity:
            self.full = True
            self.producer.pauseProducing()


class Wire:
    """A connection to a server."""

    def __init__(self, doors: IProtocolFactory, host: str = "127.0.0.1") -> None:
        self.address = IPv4Address("TCP", host, 40000)
        self.protocol = doors.buildProtocol(self.address)
        self.transport = Pipe(peerAddress=self.address)
        self.transport.protocol = self.protocol
        self.protocol.makeConnection(self.transport)

    @property
    def open(self) -> bool:
        return self.transport.connected

    def send(self, data: bytes) -> None:
        self.protocol.dataReceived(data)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Send a request; a body that is not bytes goes as JSON."""
        fields = {"Host": "burgernet.example"}
        if key is not None:
            fields["Authorization"] = f"Bearer {key}"
        if body is not None:
            if not isinstance(body, bytes):
                body = json.dumps(body).encode()
                fields["Content-Type"] = "application/json"
            fields["Content-Length"] = str(len(body))
        fields |= headers or {}
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.send(head.encode("latin-1") + b"\r\n" + (body or b""))

    def answer(self, method: str = "GET") -> Answer:
        """The next answer, which is taken from the wire."""
        data = self.received
        reader = io.BytesIO(data)
        response = HTTPResponse(_Socket(reader), method=method)
        response.begin()
        body = response.read()
        self.transport.clear()
        self.transport.io.write(data[reader.tell() :])
        return Answer(response.status, dict(response.headers), body)

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        """Send a request and take its answer."""
        self.request(method, path, body, **options)
        return self.answer(method)

    @property
    def received(self) -> bytes:
        """What the server wrote, and nobody took yet."""
        return self.transport.value()

    def take(self) -> bytes:
        """The same, taken."""
        data = self.received
        self.transport.clear()
        return data

    def hang_up(self) -> None:
        """Close the connection from this side."""
        self.transport.loseConnection()


class _Socket:
    def __init__(self, reader: io.BytesIO) -> None:
        self._reader = reader

    def makefile(self, mode: str) -> _Unclosed:
        return _Unclosed(self._reader)


class _Unclosed(io.BytesIO):
    """Reads from another file, which stays open and keeps its place."""

    def __init__(self, reader: io.BytesIO) -> None:
        super().__init__()
        self._reader = reader

    def read(self, size: int | None = -1) -> bytes:
        return self._reader.read(size)

    def read1(self, size: int = -1) -> bytes:
        return self._reader.read1(size)

    def readinto(self, buffer: Any) -> int:
        return self._reader.readinto(buffer)

    def readline(self, size: int | None = -1) -> bytes:
        return self._reader.readline(size)

    def peek(self, size: int = 0) -> bytes:
        place = self._reader.tell()
        data = self._reader.read(size or -1)
        self._reader.seek(place)
        return data


def events_of(data: bytes) -> list[dict[str, Any]]:
    """Server-sent events in a piece of a chunked answer, with their ids; heartbeats and lone ids left out."""
    events = []
    for block in dechunked(data).split(b"\n\n"):
        fields = dict(
            line.split(b": ", 1) for line in block.split(b"\n") if b": " in line and not line.startswith(b":")
        )
        if b"data" in fields:
            event = json.loads(fields[b"data"])
            assert event["kind"] == fields[b"event"].decode()
            events.append(event | {"id": int(fields[b"id"])})
    return events


def dechunked(data: bytes) -> bytes:
    """The chunks of an answer that is under way, after its header if that is there."""
    if data.startswith(b"HTTP/"):
        data = data.partition(b"\r\n\r\n")[2]
    whole = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        whole += data[: int(size, 16)]
        data = data[int(size, 16) + 2 :]
    return whole
