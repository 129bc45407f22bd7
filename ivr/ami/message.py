r"""Messages of the manager interface: what we write, what we read, and the framing of it.

A message is lines of ``Name: value`` ending in CR LF, closed by an empty line. Names may come more than once. Text is
UTF-8; bytes that are not survive as surrogates. pyst2's ``ManagerMsg`` keeps only the last of repeated names and fails
on ``ChanVariable``, so the parser is ours; ``python -m benchmarks ami`` measures it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from ivr.errors import AmiLocalProtocolError, AmiRemoteProtocolError

MAX_LINE_OUT = 1000
"""Octets of a line of ours. Asterisk 22 takes 1,022 and answers "line too long" to more (tried)."""

MAX_HEADERS_OUT = 120
"""Asterisk takes 128 lines in a message (``AST_MAX_MANHEADERS``; tried)."""

MAX_MESSAGE_IN = 256 * 1024
"""Octets of a message from Asterisk, and so of what we keep of one that has not ended."""

MAX_LINE_IN = 64 * 1024
MAX_HEADERS_IN = 2000

_END = b"\r\n\r\n"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*", re.ASCII)
_FORBIDDEN = re.compile(r"[\r\n\0]")

HeaderList = tuple[tuple[str, str], ...]


class Headers(dict[str, str]):
    """The headers of a message: a ``dict`` of the first value of each name, which also knows the others.

    The first counts, because Asterisk's own headers stand before what a caller or a dialplan could add.
    """

    __slots__ = ("_others",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__()
        self._others: list[tuple[str, str]] | None = None
        for name, value in pairs:
            self.add(name, value)

    def add(self, name: str, value: str) -> None:
        """Add one header."""
        if name not in self:
            self[name] = value
        elif self._others is None:
            self._others = [(name, value)]
        else:
            self._others.append((name, value))

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a name, in the order in which they came."""
        if name not in self:
            return ()
        return (self[name], *(value for other, value in self._others or () if other == name))


@dataclass(frozen=True, slots=True)
class AmiEvent:
    """Something that Asterisk tells: a name (``Newchannel``) and its headers."""

    name: str
    headers: Headers


@dataclass(frozen=True, slots=True)
class AmiReply:
    """Asterisk's answer to a request.

    Attributes:
        success: whether it did what was asked, or took it on.
        message: in Asterisk's words.
        events: for a list: its items, in order, without the closing one.
    """

    success: bool
    message: str
    headers: Headers
    events: tuple[AmiEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class NoReply:
    """There is no answer and there will be none: whether the request was carried out is not known.

    Attributes:
        reason: in words for an operator.
        sent: whether the request can have reached Asterisk at all.
    """

    reason: str
    sent: bool = True


@dataclass(frozen=True, slots=True)
class AmiRequest:
    """A request to the manager interface ("action" is Asterisk's word for it; ours is another).

    Attributes:
        headers: pairs in the order in which they are written; a name may come more than once.
        secret_headers: likewise, but not shown when the request is printed.
    """

    name: str
    headers: HeaderList = ()
    secret_headers: HeaderList = field(default=(), repr=False)


def encode(request: AmiRequest, action_id: str) -> bytes:
    """The bytes of a request. Every header that leaves us passes here.

    Raises:
        AmiLocalProtocolError: a line break or NUL in a name or value (it would inject a header), a malformed name, a
            line or a message longer than Asterisk takes. The words do not repeat the value.
    """
    pairs = (("Action", request.name), ("ActionID", action_id), *request.headers, *request.secret_headers)
    if len(pairs) > MAX_HEADERS_OUT:
        raise AmiLocalProtocolError(f"{request.name}: {len(pairs)} headers, at most {MAX_HEADERS_OUT} are allowed")
    lines = []
    for name, value in pairs:
        if not _NAME.fullmatch(name):
            raise AmiLocalProtocolError(f"{request.name}: {name!r} is no header name")
        if _FORBIDDEN.search(value):
            raise AmiLocalProtocolError(f"{request.name}: line break or NUL in {name}")
        line = f"{name}: {value}\r\n".encode("utf-8", "surrogateescape")
        if len(line) > MAX_LINE_OUT:
            raise AmiLocalProtocolError(f"{request.name}: {name} is {len(line)} octets, {MAX_LINE_OUT} are allowed")
        lines.append(line)
    return b"".join((*lines, b"\r\n"))


def parse(text: str) -> Headers:
    """The headers of one message, without the empty line that closes it.

    Lines without a colon (the output of commands in old Asterisks) are left out.

    Raises:
        AmiRemoteProtocolError: more lines, or a longer one, than we take.
    """
    headers = Headers()
    lines = text.split("\r\n")
    if len(lines) > MAX_HEADERS_IN:
        raise AmiRemoteProtocolError(f"a message of {len(lines)} lines")
    if len(text) > MAX_LINE_IN and max(map(len, lines)) > MAX_LINE_IN:
        raise AmiRemoteProtocolError("a line too long")
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            continue
        value = value.removeprefix(" ")
        if name in headers:
            headers.add(name, value)
        else:
            headers[name] = value
    return headers


class Framer:
    """Cuts what arrives into messages, and keeps what has not ended yet, up to :data:`MAX_MESSAGE_IN` octets."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def __len__(self) -> int:
        return len(self._buffer)

    def take_line(self, data: bytes) -> tuple[str, bytes] | None:
        """The first line once it is whole, and what followed it: Asterisk greets with one that is no message."""
        self._buffer += data
        line, end, rest = bytes(self._buffer).partition(b"\r\n")
        if not end:
            self._check()
            return None
        self._buffer.clear()
        return line.decode("utf-8", "surrogateescape"), rest

    def take(self, data: bytes) -> list[str]:
        """The messages that are whole now.

        Raises:
            AmiRemoteProtocolError: a message longer than we take.
        """
        buffer = self._buffer
        seen = max(0, len(buffer) - len(_END) + 1)
        buffer += data
        end = buffer.rfind(_END, seen)
        if end < 0:
            self._check()
            return []
        whole = buffer[:end].decode("utf-8", "surrogateescape")
        del buffer[: end + len(_END)]
        self._check()
        return whole.split("\r\n\r\n")

    def _check(self) -> None:
        if len(self._buffer) > MAX_MESSAGE_IN:
            raise AmiRemoteProtocolError(f"a message of more than {MAX_MESSAGE_IN} octets")
