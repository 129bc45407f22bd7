"""A route: what a path takes, gives and requires, written once; and how a request passes through it.

The table of routes is both what the server does and what ``/openapi.json`` says. A handler gets a :class:`Call` whose
body and query are parsed already, and returns a :class:`Reply` or raises.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from uuid import uuid4

from pydantic import BaseModel, ValidationError
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from gateway.domain.access import Principal, Right
from gateway.domain.errors import BurgernetError, Fault
from gateway.web import jsonbody
from gateway.web.auth import Gate
from gateway.web.outflow import ClientGoneError
from gateway.web.problems import (
    INTERNAL,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    RETRY_AFTER_S,
    UNAVAILABLE,
    UNSUPPORTED_MEDIA_TYPE,
    ProblemError,
    faults_of,
    from_domain,
    invalid,
)
from gateway.web.schemas import Given, Nothing, Taken
from gateway.web.site import ApiRequest, answer, answer_problem, media_type

JSON = "application/json"
CSV = "text/csv"
EVENT_STREAM = "text/event-stream"

B = TypeVar("B", bound=Taken)
Q = TypeVar("Q", bound=Taken)


@dataclass(slots=True)
class Call(Generic[B, Q]):
    """A request that was let in.

    Attributes:
        principal: who asks; ``None`` where the route is open to anybody.
        path: the values of the path's parameters.
        body: parsed, or an empty model.
        raw: the body before it was parsed; ``None`` without one.
    """

    request: ApiRequest
    principal: Principal | None
    path: Mapping[str, str]
    query: Q
    body: B
    raw: Any

    @property
    def by(self) -> str:
        """The name that goes on record."""
        return "-" if self.principal is None else self.principal.name

    def header(self, name: str) -> str | None:
        """A header's value, stripped."""
        values = self.request.requestHeaders.getRawHeaders(name.encode("ascii"))
        return None if not values else values[0].strip().decode("latin-1")

    def wants_csv(self, asked: str | None) -> bool:
        """Whether the answer should be CSV: by ``?format=``, else by the ``Accept`` header."""
        if asked is not None:
            return asked == "csv"
        accepted = (self.header("accept") or "").lower()
        return CSV in accepted and JSON not in accepted


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer.

    Attributes:
        body: a model for JSON, bytes for ``media``, ``None`` for nothing.
    """

    body: Given | bytes | None = None
    status: int = 200
    media: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


class Streamed:
    """Returned by a handler that has written its answer itself; it only wants finishing."""


STREAMED = Streamed()

Handler = Callable[[Call[B, Q]], Awaitable[Reply | Streamed]]


@dataclass(frozen=True)
class Route(Generic[B, Q]):
    """One method of one path.

    Attributes:
        path: with parameters in braces: ``/actions/{id}``.
        right: what the sender's key must allow; ``None``: open to anybody.
        takes: the body's model; :class:`Nothing` for none.
        takes_media: the body's type; only JSON is parsed.
        judged_inside: the handler judges ``raw`` by itself; ``takes`` only describes it.
        gives: the answer's model by status.
        gives_media: further types of the answer.
        problems: statuses of problems beside 401, 403, 422 and 500.
        headers: request headers that count, with what they mean.
    """

    method: str
    path: str
    handler: Handler[B, Q]
    summary: str
    right: Right | None
    takes: type[B] = Nothing  # type: ignore[assignment]
    query: type[Q] = Nothing  # type: ignore[assignment]
    takes_media: str = JSON
    judged_inside: bool = False
    gives: Mapping[int, type[BaseModel] | None] = field(default_factory=dict)
    gives_media: Sequence[str] = ()
    problems: Sequence[int] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_body(self) -> bool:
        """Whether there is a JSON body to parse."""
        return self.takes is not Nothing and self.takes_media == JSON

    @property
    def pattern(self) -> str:
        """The path as klein wants it. A parameter named ``ref`` may hold slashes."""
        return re.sub(r"{(\w+)}", lambda found: f"<{'path:' if found[1] == 'ref' else ''}{found[1]}>", self.path)


class Passage:
    """Takes a request through its route: key, right, query, body, handler, answer; whatever fails is a problem.

    Attributes:
        stopping: set to refuse what would change something.
    """

    _log = Logger()

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.stopping = False

    def serve(self, route: Route[Any, Any], request: ApiRequest, path: Mapping[str, str]) -> Deferred[None]:
        """Answer a request. A sender who hangs up does not stop the work: an action that is being stored gets sent."""
        request.route = route.path
        request.action_id = path.get("id") if route.path.startswith("/api/v1/actions/") else None
        work = Deferred.fromCoroutine(self._answer(route, request, path))
        shield: Deferred[None] = Deferred(canceller=lambda _: None)

        def done(result: Any) -> None:
            if not shield.called:
                shield.callback(None)

        work.addErrback(lambda failure: self._log.failure("an answer could not be written", failure))
        work.addBoth(done)
        return shield

    def refuse(self, request: ApiRequest, error: HTTPException) -> None:
        """Answer what no route matches."""
        if isinstance(error, MethodNotAllowed):
            allowed = ", ".join(sorted(error.valid_methods or ()))
            problem = ProblemError(METHOD_NOT_ALLOWED, f"only {allowed} are known here", headers={"Allow": allowed})
        else:
            problem = ProblemError(NOT_FOUND, "there is nothing at this path")
        answer_problem(request, problem, instance_of(request))

    async def _answer(self, route: Route[Any, Any], request: ApiRequest, path: Mapping[str, str]) -> None:
        try:
            reply = await self._ask(route, request, path)
        except ClientGoneError:
            return
        except ProblemError as problem:
            self._write_problem(request, problem)
        except BurgernetError as error:
            self._write_problem(request, from_domain(error))
        except Exception:
            incident = uuid4().hex
            self._log.failure("{route} failed ({incident})", route=route.path, incident=incident)
            self._write_problem(request, ProblemError(INTERNAL, f"it is in the log as incident {incident}"))
        else:
            if isinstance(reply, Reply) and not request.gone:
                _write(request, reply)

    async def _ask(self, route: Route[Any, Any], request: ApiRequest, path: Mapping[str, str]) -> Reply | Streamed:
        # The sender of a CSV was let in before it was read, by an admin's key.
        if route.right is not None and (request.principal is None or not request.principal.may(route.right)):
            request.principal = await self._gate.admit(request, request.address, route.right)
        if self.stopping and route.method != "GET":
            raise ProblemError(UNAVAILABLE, "the daemon is stopping", headers={"Retry-After": str(RETRY_AFTER_S)})
        if route.takes is not Nothing and request.content_length and media_type(request) not in ("", route.takes_media):
            raise ProblemError(UNSUPPORTED_MEDIA_TYPE, f"this takes {route.takes_media}")
        query = _parse(route.query, query_of(request))
        raw = jsonbody.parse(request.content.read()) if route.has_body else None
        body = _parse(route.takes, raw) if route.has_body and not route.judged_inside else Nothing()
        return await route.handler(Call(request, request.principal, path, query, body, raw))

    def _write_problem(self, request: ApiRequest, problem: ProblemError) -> None:
        if request.gone:
            return
        if request.startedWriting:
            # Half an answer is out: only breaking off tells the client that it is not whole.
            request.transport.abortConnection()
            return
        answer_problem(request, problem, instance_of(request))


def query_of(request: ApiRequest) -> dict[str, str]:
    """The query's fields.

    Raises:
        ProblemError: 422; one is there twice or is not UTF-8.
    """
    fields = {}
    for name, values in request.args.items():
        if len(values) > 1:
            raise invalid_field(name.decode("utf-8", "replace")[:80], "is there twice")
        try:
            fields[name.decode("utf-8")] = values[0].decode("utf-8")
        except UnicodeDecodeError:
            raise invalid_field(name.decode("utf-8", "replace")[:80], "is not UTF-8") from None
    return fields


def invalid_field(path: str, message: str) -> ProblemError:
    """422 with one fault."""
    return invalid([Fault(path, message)])


def instance_of(request: ApiRequest) -> str:
    """The path that was asked for, without its query."""
    return request.path.decode("ascii", "backslashreplace")[:500]


def _parse(model: type[BaseModel], value: object) -> Any:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise invalid(faults_of(error, value, model)) from None


def _write(request: ApiRequest, reply: Reply) -> None:
    body = reply.body
    if isinstance(body, BaseModel):
        body = body.model_dump_json().encode("utf-8")
    answer(request, reply.status, reply.media, body or b"", reply.headers)
