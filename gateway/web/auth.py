"""Who asks: bearer keys (RFC 6750), what their roles allow, and an end to guessing."""

from __future__ import annotations

import hashlib
import ipaddress
from collections import OrderedDict
from collections.abc import Awaitable
from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.iweb import IRequest

from gateway.domain.access import Principal, Right
from gateway.web.problems import FORBIDDEN, TOO_MANY, UNAUTHENTICATED, ProblemError

MAX_FAILURES = 10
"""Wrong keys that an address may send within ``WINDOW_S``."""

WINDOW_S = 60.0
MAX_ADDRESSES = 10_000
MAX_PROVEN = 1_000
MAX_KEY_BYTES = 512

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="burgernet"'}
_CHALLENGE_WRONG = {"WWW-Authenticate": 'Bearer realm="burgernet", error="invalid_token"'}


class Authenticator(Protocol):
    """Knows the keys; the same work whether a key is known, wrong or revoked."""

    def verify(self, key: str) -> Awaitable[Principal | None]:
        """Whose key it is, ``None`` for nobody's."""
        ...


class FailedAttempts:
    """Counts wrong keys by address and refuses to look at more for a while. Bounded: the oldest address goes first."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """How long this address has to wait; 0 where it may try."""
        since, count = self._failures.get(_neighbourhood(address), (0.0, 0))
        return max(0.0, since + WINDOW_S - self._clock.seconds()) if count >= MAX_FAILURES else 0.0

    def add(self, address: str) -> None:
        """It sent a wrong key."""
        place, now = _neighbourhood(address), self._clock.seconds()
        since, count = self._failures.pop(place, (now, 0))
        if now - since >= WINDOW_S:
            since, count = now, 0
        self._failures[place] = (since, count + 1)
        if len(self._failures) > MAX_ADDRESSES:
            self._failures.popitem(last=False)


class Gate:
    """Lets a request in, or says why not."""

    _log = Logger()

    def __init__(self, authenticator: Authenticator, clock: IReactorTime) -> None:
        self._authenticator = authenticator
        self._failed = FailedAttempts(clock)
        # Digests of keys that were right once. Somebody who guesses, or a client with an old key, behind the same
        # proxy as a control room must not lock that room out.
        self._proven: OrderedDict[bytes, None] = OrderedDict()

    async def admit(self, request: IRequest, address: str, right: Right) -> Principal:
        """Whose request it is.

        Raises:
            ProblemError: 401 without a valid key, 403 where its role does not do, 429 after too many wrong ones.
        """
        key = bearer_key(request)
        digest = hashlib.sha256(key.encode()).digest()
        wait_s = self._failed.wait_s(address)
        if wait_s and digest not in self._proven:
            raise ProblemError(
                TOO_MANY, "too many wrong keys came from this address", headers={"Retry-After": f"{wait_s:.0f}"}
            )
        principal = await self._authenticator.verify(key)
        if principal is None:
            self._failed.add(address)
            self._proven.pop(digest, None)
            self._log.warn("a wrong or revoked key came from {address}", address=address)
            raise ProblemError(UNAUTHENTICATED, "this key is not valid", headers=_CHALLENGE_WRONG)
        self._prove(digest)
        if not principal.may(right):
            raise ProblemError(FORBIDDEN, f"a {principal.role.value}'s key has no right to {right.value}")
        return principal

    async def still_valid(self, key: str) -> bool:
        """Whether a key that was let in is good still."""
        return await self._authenticator.verify(key) is not None

    def _prove(self, digest: bytes) -> None:
        self._proven[digest] = None
        self._proven.move_to_end(digest)
        if len(self._proven) > MAX_PROVEN:
            self._proven.popitem(last=False)


def bearer_key(request: IRequest) -> str:
    """The key in the ``Authorization`` header.

    Raises:
        ProblemError: 401; there is none, or more than one.
    """
    values = request.requestHeaders.getRawHeaders(b"authorization", [])
    if not values:
        raise ProblemError(UNAUTHENTICATED, "send Authorization: Bearer KEY", headers=_CHALLENGE)
    scheme, _, key = values[0].strip().partition(b" ")
    key = key.strip()
    if len(values) > 1 or scheme.lower() != b"bearer" or not 0 < len(key) <= MAX_KEY_BYTES or not key.isascii():
        raise ProblemError(UNAUTHENTICATED, "send Authorization: Bearer KEY, once", headers=_CHALLENGE)
    return str(key, "ascii")


def _neighbourhood(address: str) -> str:
    """The address, or for IPv6 its /64: what one customer is given."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address
