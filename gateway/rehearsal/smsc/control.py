"""The control port: a line of JSON in, a line of JSON out. On a loopback address only, and off unless asked for.

Whoever can reach it can do everything, so it never listens elsewhere, and a line that is no JSON object ends the
connection: a web page that makes a browser talk to it gets no further than ``POST / HTTP/1.1``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ServerFactory
from twisted.protocols.basic import LineOnlyReceiver

from gateway.domain.errors import BurgernetError, InvalidRequestError
from gateway.rehearsal.scenario import ANY_ACCOUNT
from gateway.rehearsal.smsc.service import Smsc

MAX_LINE = 65_536
MAX_CONNECTIONS = 20

Request = Mapping[str, Any]


class Control:
    """What the control port does with a request."""

    def __init__(self, smsc: Smsc) -> None:
        self._smsc = smsc
        self._commands: Mapping[str, Callable[[Request], object]] = {
            "stats": self._stats,
            "set": self._set,
            "inbox": self._inbox,
            "reply": self._reply,
            "outbind": self._outbind,
        }

    def handle(self, request: Request) -> dict[str, object]:
        """The answer to a request: ``{"ok": true, …}``, or ``{"ok": false, "error": "…"}``."""
        try:
            command = self._commands.get(_text(request, "do"))
            result = self._do(request) if command is None else command(request)
        except BurgernetError as error:
            return {"ok": False, "error": str(error)}
        return {"ok": True, "result": result}

    def _stats(self, request: Request) -> object:
        return self._smsc.report()

    def _set(self, request: Request) -> object:
        known = {"messages": dict, "links": dict, "number": list}
        for key, kind in known.items():
            if not isinstance(request.get(key, kind()), kind):
                raise InvalidRequestError.at(key, "must be a list of objects" if kind is list else "must be an object")
        rules = request.get("number", [])
        if not all(isinstance(rule, dict) for rule in rules):
            raise InvalidRequestError.at("number", "must be a list of objects")
        self._smsc.set(messages=request.get("messages"), links=request.get("links"), number=rules)
        return None

    def _inbox(self, request: Request) -> object:
        return [arrived.as_dict() for arrived in self._smsc.inbox(_text(request, "number"))]

    def _reply(self, request: Request) -> object:
        number, text = _text(request, "number"), _text(request, "text")
        to = _text(request, "to") if "to" in request else None
        account = _text(request, "account", ANY_ACCOUNT)
        return {"parts": self._smsc.reply(number, text, to=to, account=account)}

    def _outbind(self, request: Request) -> object:
        port = request.get("port")
        if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
            raise InvalidRequestError.at("port", "must be a port")
        self._smsc.outbind(_text(request, "host", "127.0.0.1"), port, _text(request, "account"))
        return None

    def _do(self, request: Request) -> object:
        what = _text(request, "do")
        return {"connections": self._smsc.do(what, _text(request, "account", ANY_ACCOUNT))}


def _text(request: Request, key: str, default: str | None = None) -> str:
    value = request.get(key, default)
    if not isinstance(value, str) or (default is None and not value):
        raise InvalidRequestError.at(key, "must be a text")
    return value


class ControlLink(LineOnlyReceiver):
    """One connection to the control port."""

    delimiter = b"\n"
    MAX_LENGTH = MAX_LINE

    def __init__(self, factory: ControlFactory) -> None:
        self._factory = factory

    def connectionMade(self) -> None:
        """Count."""
        self._factory.links.add(self)

    def connectionLost(self, reason: object = None) -> None:
        """Count down."""
        self._factory.links.discard(self)

    def lineReceived(self, line: bytes) -> None:
        """Do it and tell."""
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            request = None
        if not isinstance(request, dict):
            self.transport.loseConnection()  # type: ignore[union-attr]
            return
        answer = self._factory.control.handle(request)
        self.sendLine(json.dumps(answer, ensure_ascii=False).encode())  # type: ignore[no-untyped-call]


class ControlFactory(ServerFactory):
    """Makes the connections to the control port."""

    noisy = False

    def __init__(self, smsc: Smsc) -> None:
        self.control = Control(smsc)
        self.links: set[ControlLink] = set()

    def buildProtocol(self, addr: IAddress | None) -> ControlLink | None:
        """One a connection, and not too many."""
        return ControlLink(self) if len(self.links) < MAX_CONNECTIONS else None

    def drop_all(self) -> None:
        """End every connection."""
        for link in tuple(self.links):
            link.transport.abortConnection()  # type: ignore[union-attr]
