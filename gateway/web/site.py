"""The HTTP server around the API: limits on connections, bodies and time, and the access log.

Twisted's server waits for a request's body for as long as bytes drip in, takes a body of any size, and stores it before
anybody asked for a key. Here a connection has a deadline for its header and one for its body, a body a limit; and the
one large body that there is, the CSV of an import, is read only after its sender has been let in.
"""

from __future__ import annotations

import io
import ipaddress
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IProtocol, IReactorTime
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.http import Request as BareRequest
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from gateway.domain.access import Principal
from gateway.web.problems import INTERNAL, MALFORMED, MEDIA_TYPE, TOO_LARGE, ProblemError

HEADER_S = 20.0
"""A connection has brought its first whole header by then."""

IDLE_S = 60.0
"""A connection has brought the next one this long after an answer; browsers and proxies keep theirs about as long."""

BODY_GRACE_S = 20.0
BODY_BYTES_PER_S = 16 * 1024
"""A body comes at least this fast, after a grace (128 kbit/s: a modem of long ago)."""

LINGER_S = 5.0
"""What a refused sender still sends is read and thrown away for so long: a reset would undo our answer on its way."""

SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_access_log = Logger("gateway.web.access")


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server takes.

    Attributes:
        import_bytes: of a CSV to import; 1.6 million participants are some 160 MB.
        spool_dir: where such a CSV is kept while it comes in, without a name; the system's folder if ``None``.
        behind_proxy: whether the last address of ``X-Forwarded-For`` is the client's.
    """

    body_bytes: int = 1024 * 1024
    import_bytes: int = 2 * 1024**3
    connections: int = 1000
    connections_per_address: int = 250
    spool_dir: Path | None = None
    behind_proxy: bool = False


Admit = Callable[["ApiRequest"], Coroutine[Any, Any, Principal]]
"""Lets the sender of an import in, or raises ProblemError."""


class Door(ProtocolWrapper):
    """A connection that must get somewhere in time."""

    factory: Doors
    _deadline: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """The first header is awaited."""
        self.expect(HEADER_S)

    def expect(self, seconds: float) -> None:
        """Abort the connection unless :meth:`settle` or another ``expect`` comes within so many seconds."""
        self.settle()
        self._deadline = self.factory.reactor.callLater(seconds, self._too_late)

    def settle(self) -> None:
        """No deadline for now: it is we who are at work."""
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()

    def _too_late(self) -> None:
        self.abortConnection()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """It is gone."""
        self.settle()
        super().connectionLost(reason)


class Closed(Protocol):
    """A connection too many."""

    def connectionMade(self) -> None:
        """Close it."""
        assert self.transport is not None
        self.transport.loseConnection()


class Doors(WrappingFactory[Door]):
    """Counts connections, and lets only so many in."""

    protocol = Door
    noisy = False

    def __init__(self, site: ApiSite) -> None:
        super().__init__(site)
        self.reactor: IReactorTime = site.reactor
        self._limits = site.limits
        self._by_address: Counter[str] = Counter()

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """A connection, or one that closes at once where there are too many."""
        too_many = len(self.protocols) >= self._limits.connections
        if too_many or self._by_address[_host(addr)] >= self._limits.connections_per_address:
            return Closed()
        return super().buildProtocol(addr)

    def registerProtocol(self, p: IProtocol) -> None:
        """Count it."""
        super().registerProtocol(p)
        self._by_address[_host(p.getPeer())] += 1  # type: ignore[attr-defined]

    def unregisterProtocol(self, p: IProtocol) -> None:
        """It is gone."""
        super().unregisterProtocol(p)
        host = _host(p.getPeer())  # type: ignore[attr-defined]
        self._by_address[host] -= 1
        if not self._by_address[host]:
            del self._by_address[host]


class ApiRequest(Request):
    """A request with a limit on its body.

    Attributes:
        principal: who sent it, where that is known.
        route: the pattern of the path, for the log: refs of participants and the like are not in it.
        action_id: the action it is about, for the log.
    """

    defaultContentType = None
    site: ApiSite
    channel: Any
    content: Any
    transport: Any

    principal: Principal | None = None
    route = ""
    action_id: str | None = None
    _began: float
    _limit = 0
    _taken = 0
    _refused = False
    _logged = False
    _before_admission = False
    _received: tuple[bytes, bytes, bytes] | None = None

    def gotLength(self, length: int | None) -> None:
        """The header is complete: judge what it announces."""
        self.site = self.channel.site
        self._began = self.site.reactor.seconds()
        limits = self.site.limits
        is_import = length != 0 and media_type(self) == "text/csv"
        self._limit = limits.import_bytes if is_import else limits.body_bytes
        self._expect(BODY_GRACE_S + (self._limit if length is None else length) / BODY_BYTES_PER_S)
        if length is not None and length > self._limit:
            self.content = io.BytesIO()
            self._refuse(self._too_large())
        elif is_import:
            self.content = tempfile.TemporaryFile(dir=limits.spool_dir)  # noqa: SIM115 - the request closes it
            self._let_in()
        else:
            self.content = io.BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        """Keep it, unless the body is too long by now."""
        if self._refused:
            return
        self._taken += len(data)
        if self._taken > self._limit:
            self._refuse(self._too_large())
        else:
            self.content.write(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """The whole of it is here."""
        if self._refused:
            self.channel.loseConnection()
            return
        self._settle()
        if self._before_admission:
            self._received = command, path, version
        else:
            super().requestReceived(command, path, version)

    def process(self) -> None:
        """Find out what is asked, where the path is text at all."""
        try:
            unquote_to_bytes(self.path).decode("utf-8")
        except UnicodeDecodeError:
            answer_problem(self, ProblemError(MALFORMED, "the path is not UTF-8"), "")
            self.finish()
        else:
            super().process()

    def take_content(self) -> Any:
        """The body as a file that stays open when the client goes away; the caller closes it."""
        content, self.content = self.content, io.BytesIO()
        return content

    @property
    def content_length(self) -> int:
        """How long the body was."""
        return self._taken

    @property
    def gone(self) -> bool:
        """Whether the client went away."""
        return bool(self._disconnected)

    @property
    def address(self) -> str:
        """The client's address, as far as it can be believed."""
        if self.site.limits.behind_proxy:
            forwarded = self.requestHeaders.getRawHeaders(b"x-forwarded-for", [])
            if forwarded:
                return forwarded[-1].rpartition(b",")[2].strip().decode("ascii", "replace")[:45]
        return _host(self.client)

    @property
    def is_local(self) -> bool:
        """Whether it comes from this machine."""
        try:
            return ipaddress.ip_address(self.address).is_loopback
        except ValueError:
            return False

    def finish(self) -> None:
        """The answer is complete."""
        self._log_access()
        # Before the rest, which may begin with the next request of this connection.
        self._expect(IDLE_S)
        super().finish()

    def connectionLost(self, reason: Failure) -> None:
        """The client went away before the end."""
        if not self.finished and not self._refused and self.route:
            self._log_access(aborted=True)
        super().connectionLost(reason)

    def _too_large(self) -> ProblemError:
        return ProblemError(TOO_LARGE, f"the body is larger than {self._limit} bytes")

    def _let_in(self) -> None:
        """Read on only once the sender is known; meanwhile what the socket brought already is kept."""
        self._before_admission = True
        self.transport.pauseProducing()
        admitted = Deferred.fromCoroutine(self.site.admit_import(self))
        admitted.addCallbacks(self._admitted, self._not_admitted)

    def _admitted(self, principal: Principal) -> None:
        self._before_admission = False
        self.principal = principal
        if self._disconnected:
            return
        self.transport.resumeProducing()
        if self._received is not None:
            super().requestReceived(*self._received)

    def _not_admitted(self, failure: Failure) -> None:
        if self._disconnected or self._refused:
            return
        problem = failure.value
        if not isinstance(problem, ProblemError):
            self._log.failure("an import cannot be let in", failure)
            problem = ProblemError(INTERNAL, INTERNAL.title)
        self.transport.resumeProducing()
        self._refuse(problem)
        if self._received is not None:
            self.channel.loseConnection()

    def _refuse(self, problem: ProblemError) -> None:
        """Answer now, in the midst of the body; read and throw away what still comes, for a while."""
        self._refused = True
        self.clientproto = b"HTTP/1.1"
        # Else the server would invite the body of whoever asks first (Expect: 100-continue).
        self.requestHeaders.removeHeader(b"expect")
        self.setHeader("Connection", "close")
        answer_problem(self, problem, "")
        self._log_access()
        self._expect(LINGER_S)

    def _expect(self, seconds: float) -> None:
        if isinstance(self.transport, Door):
            self.transport.expect(seconds)

    def _settle(self) -> None:
        if isinstance(self.transport, Door):
            self.transport.settle()

    def _log_access(self, *, aborted: bool = False) -> None:
        if not self._logged:
            self._logged = True
            self.site.log_access(self, aborted=aborted, seconds=self.site.reactor.seconds() - self._began)


class ApiSite(Site):
    """Serves a resource within limits.

    Args:
        admit_import: decides on the sender of a CSV before the CSV is read.
    """

    requestFactory = ApiRequest

    def __init__(self, resource: IResource, reactor: IReactorTime, limits: Limits, admit_import: Admit) -> None:
        super().__init__(resource, parsePOSTFormSubmission=False, timeout=IDLE_S, reactor=reactor)
        self.limits = limits
        self.admit_import = admit_import

    def doors(self) -> Doors:
        """What listens: this site behind counted connections with deadlines."""
        return Doors(self)

    def startFactory(self) -> None:
        """Nothing: the access log goes to Twisted's logger."""

    def stopFactory(self) -> None:
        """Nothing."""

    def log(self, request: BareRequest) -> None:
        """Nothing: :meth:`log_access` has done it."""

    def log_access(self, request: ApiRequest, *, aborted: bool, seconds: float) -> None:
        """A line in the access log: no query, no body, no ref of a participant."""
        _access_log.info(
            "{method} {route} {status} {bytes} bytes {ms} ms {principal} {address}",
            method=request.method.decode("ascii", "replace")[:16],
            route=request.route or "-",
            status=request.code,
            bytes=request.sentLength,
            ms=round(seconds * 1000),
            principal=request.principal.name if request.principal else "-",
            address=request.address,
            action_id=request.action_id,
            aborted=aborted,
        )


def begin(request: Request, status: int, media: str, headers: Mapping[str, str]) -> None:
    """Set what comes before an answer's body."""
    request.setResponseCode(status)
    for name, value in {"Server": "burgernet", **SECURITY_HEADERS, **headers}.items():
        request.setHeader(name, value)
    if request.isSecure():
        request.setHeader("Strict-Transport-Security", "max-age=31536000")
    request.setHeader("Content-Type", media)


def answer(request: Request, status: int, media: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Write a whole answer, not finishing it."""
    begin(request, status, media, headers)
    if status == 204:
        request.responseHeaders.removeHeader("Content-Type")
    else:
        request.setHeader("Content-Length", str(len(body)))
    request.write(body)


def answer_problem(request: Request, problem: ProblemError, instance: str) -> None:
    """Write a problem, not finishing it."""
    answer(request, problem.kind.status, MEDIA_TYPE, problem.body(instance), problem.headers)


def media_type(request: Request) -> str:
    """The body's type without its parameters, in lower case; empty where none is given."""
    values = request.requestHeaders.getRawHeaders(b"content-type", [b""])
    return values[0].partition(b";")[0].strip().lower().decode("ascii", "replace")


def _host(address: object) -> str:
    return str(getattr(address, "host", "-"))
