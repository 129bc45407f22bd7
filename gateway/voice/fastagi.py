"""FastAGI: Asterisk connects, and a call script talks to the caller with pyst2's methods, in a greenlet of its own.

One greenlet a call: a command switches to the reactor until Asterisk has answered, and so does waiting for a Deferred,
so that a script reads top to bottom. A script must never block.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, TypeVar

from asterisk.agi import AGI, AGIAppError, AGIHangup
from greenlet import GreenletExit, getcurrent, greenlet
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.logger import Logger
from twisted.python.failure import Failure

from ivr.agi import AgiEvent, AgiSession, HungUp, Reply, Started, quote
from ivr.errors import IvrError

MAX_SCRIPTS = 5000

T = TypeVar("T")
Script = Callable[["CallAgi"], None]
"""Talks to a caller; runs in a greenlet, ends by returning or by AGIHangup."""


class CallAgi(AGI):  # type: ignore[misc]  # pyst2 carries no types
    """pyst2's AGI on one connection. Raises AGIHangup as soon as the caller or Asterisk is gone.

    Attributes:
        env: what Asterisk told about the call, without the ``agi_``.
        endpos: samples that the last STREAM FILE played.
        was_cut: whether :meth:`cut` stopped the last command.
    """

    def __init__(self, line: Line, env: dict[str, str]) -> None:
        # pyst2's own takes over the process's signals and prints all traffic: it is not called.
        self.env = env
        self.endpos = 0
        self.was_cut = False
        self._got_sighup = False
        self._line = line

    def execute(self, command: str, *args: object) -> dict[str, tuple[str, str]]:
        """Every command of pyst2 passes here."""
        self.endpos = 0
        reply = self._line.ask(" ".join([command, *map(str, args)]).strip())
        # Also of a file that was being played when they hung up.
        self.endpos = reply.endpos or 0
        if reply.code == 511:
            raise AGIHangup("the channel is gone")
        if reply.code != 200:
            raise AGIAppError(f"Asterisk answers {reply.code}")
        if reply.data == "hangup" or reply.result == "-1":
            raise AGIHangup("hung up")
        self.was_cut = reply.cut
        return {"result": (reply.result, reply.data)}

    def wait(self, awaitable: Awaitable[T]) -> T:
        """The result of a coroutine or Deferred, other calls going on meanwhile."""
        return self._line.wait(awaitable)

    def _quote(self, string: object) -> str:
        return quote(string if isinstance(string, int | float) else str(string))


class Line(Protocol):
    """One connection and the greenlet that talks on it."""

    factory: FastAgi
    transport: Any
    _log = Logger()

    def connectionMade(self) -> None:
        """Asterisk is there."""
        self._session = AgiSession()
        self._greenlet: greenlet | None = None
        self._answered = False
        self._gone = False
        self.channel_id = ""
        self.transport.setTcpNoDelay(True)

    def dataReceived(self, data: bytes) -> None:
        """Bytes came."""
        try:
            events = self._session.receive_data(data)
        except IvrError as error:
            self._log.error("a call script's connection cannot be followed: {error}", error=str(error))
            self.transport.abortConnection()
            return
        for event in events:
            self._take(event)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """Asterisk is gone: the script ends."""
        self._gone = True
        self._session.close()
        self.factory.lines.pop(self.channel_id, None)
        if self._greenlet is not None and not self._answered:
            self._resume(AGIHangup("the connection is gone"))

    def cut(self) -> None:
        """Stop what is being played or waited for."""
        if self._session.cut():
            self.transport.write(self._session.data_to_send())

    # ------------------------------------------------------------ from the reactor

    def _take(self, event: AgiEvent) -> None:
        if isinstance(event, Started):
            self._begin(dict(event.env))
        elif isinstance(event, Reply):
            self._resume(event)
        elif isinstance(event, HungUp):
            pass  # the command under way comes back with -1, the next one with 511

    def _begin(self, env: dict[str, str]) -> None:
        script = self.factory.script_for(env)
        if script is None or len(self.factory.lines) >= MAX_SCRIPTS:
            self.transport.loseConnection()
            return
        self.channel_id = env.get("uniqueid", "")
        self.factory.lines[self.channel_id] = self
        self._greenlet = greenlet(self._run)
        self._greenlet.switch(script, CallAgi(self, env))

    def _run(self, script: Script, agi: CallAgi) -> None:
        try:
            script(agi)
        except (AGIHangup, GreenletExit):
            pass
        except Exception:  # a boundary: one call's fault is its own, and the dialplan goes on with the call
            self._log.failure("a call script failed")
        self._answered = True
        if not self._gone:
            self.transport.loseConnection()

    def _resume(self, value: object) -> None:
        if self._greenlet is not None and not self._greenlet.dead:
            self._greenlet.switch(value)

    # ------------------------------------------------------------ from the script's greenlet

    def ask(self, command: str) -> Reply:
        """Send a command, let the reactor turn until its answer is there."""
        if self._gone:
            raise AGIHangup("the connection is gone")
        self._session.send(command)
        self.transport.write(self._session.data_to_send())
        answer = self._pause()
        assert isinstance(answer, Reply)
        return answer

    def wait(self, awaitable: Awaitable[T]) -> T:
        """Let the reactor turn until this is done."""
        if isinstance(awaitable, Coroutine):
            waiting: Deferred[T] = Deferred.fromCoroutine(awaitable)
        else:
            assert isinstance(awaitable, Deferred)
            waiting = awaitable
        outcome: list[Any] = []
        paused = False

        def done(result: Any) -> None:
            outcome.append(result)
            if paused:
                self._resume(outcome)

        waiting.addBoth(done)
        if not outcome:
            paused = True
            self._pause()
        if isinstance(outcome[0], Failure):
            outcome[0].raiseException()
        result: T = outcome[0]
        return result

    def _pause(self) -> object:
        parent = getcurrent().parent
        assert parent is not None
        value = parent.switch()
        if isinstance(value, BaseException):
            raise value
        return value


class FastAgi(ServerFactory):
    """Where Asterisk connects.

    Args:
        script_for: the script for a call, by what Asterisk told about it; ``None`` leaves it to the dialplan.
        allowed: from where connections are taken, beside this machine: FastAGI knows no password.

    Attributes:
        lines: calls that are being talked to, by channel id.
    """

    protocol = Line  # type: ignore[assignment]
    noisy = False
    _log = Logger()

    def __init__(
        self,
        script_for: Callable[[dict[str, str]], Script | None],
        allowed: Sequence[IPv4Network | IPv6Network] = (),
    ) -> None:
        self.script_for = script_for
        self.lines: dict[str, Line] = {}
        self._allowed = allowed

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """A connection, if it comes from an Asterisk of ours."""
        host = ip_address(getattr(addr, "host", "0.0.0.0"))  # noqa: S104 - what no network holds
        if not host.is_loopback and not any(host in network for network in self._allowed):
            self._log.warn("a connection to FastAGI from elsewhere is refused")
            return None
        return super().buildProtocol(addr)
