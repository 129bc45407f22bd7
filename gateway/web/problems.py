"""Problems: what was wrong with a request, as RFC 9457 ``application/problem+json`` that names each bad field.

400 is for what is no JSON at all, 422 for JSON whose fields are wrong; the other statuses are HTTP's own.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.domain.errors import (
    BurgernetError,
    ConflictError,
    Fault,
    InvalidRequestError,
    NotFoundError,
    UnavailableError,
)

MEDIA_TYPE = "application/problem+json"

TYPE_PREFIX = "urn:burgernet:problem:"
"""Names a kind of problem for programs; the words after it never change (RFC 9457 section 3.1.1)."""

RETRY_AFTER_S = 5
"""What a client is told to wait when a part of ours is away."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: its status, the last word of its type and what people call it."""

    status: int
    word: str
    title: str


MALFORMED = Kind(400, "malformed", "The request cannot be read")
UNAUTHENTICATED = Kind(401, "unauthenticated", "A valid key is needed")
FORBIDDEN = Kind(403, "forbidden", "This key may not do that")
NOT_FOUND = Kind(404, "not_found", "There is no such thing")
METHOD_NOT_ALLOWED = Kind(405, "method_not_allowed", "This cannot be done here")
CONFLICT = Kind(409, "conflict", "The request contradicts what is already so")
TOO_LARGE = Kind(413, "too_large", "The request is too large")
UNSUPPORTED_MEDIA_TYPE = Kind(415, "unsupported_media_type", "The body has another type than this takes")
INVALID = Kind(422, "invalid", "The request has faulty fields")
TOO_MANY = Kind(429, "too_many", "Too many requests")
INTERNAL = Kind(500, "internal", "Something went wrong on our side")
UNAVAILABLE = Kind(503, "unavailable", "A part that this needs is not there now")

KINDS = (
    MALFORMED,
    UNAUTHENTICATED,
    FORBIDDEN,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    CONFLICT,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    INVALID,
    TOO_MANY,
    INTERNAL,
    UNAVAILABLE,
)


# What pydantic would say in words about Python.
_MESSAGES = {
    "missing": "is required",
    "model_type": "should be an object",
    "dict_type": "should be an object",
    "list_type": "should be a list",
    "too_short": "should have at least {min_length} items",
    "too_long": "should have at most {max_length} items",
    "string_too_short": "is empty",
}


@dataclass(slots=True)
class ProblemError(Exception):
    """Ends a request with a problem.

    Attributes:
        faults: each bad field, where fields are what is wrong.
        headers: to send along (``Allow``, ``Retry-After``, ``WWW-Authenticate``).
    """

    kind: Kind
    detail: str
    faults: Sequence[Fault] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, instance: str) -> bytes:
        """The problem document; ``instance`` is the path that was asked for."""
        document: dict[str, Any] = {
            "type": TYPE_PREFIX + self.kind.word,
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
            "instance": instance,
        }
        if self.faults:
            document["errors"] = [{"path": fault.path, "message": fault.message} for fault in self.faults]
        return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")


def invalid(faults: Sequence[Fault]) -> ProblemError:
    """422 with these faults; the detail reads them out."""
    return ProblemError(INVALID, "; ".join(str(fault) for fault in faults), faults)


def from_domain(error: BurgernetError) -> ProblemError:
    """The problem that an error of the domain stands for."""
    if isinstance(error, InvalidRequestError):
        return invalid(error.faults)
    if isinstance(error, NotFoundError):
        return ProblemError(NOT_FOUND, str(error) or NOT_FOUND.title)
    if isinstance(error, ConflictError):
        return ProblemError(CONFLICT, str(error) or CONFLICT.title)
    if isinstance(error, UnavailableError):
        return ProblemError(UNAVAILABLE, str(error) or UNAVAILABLE.title, headers={"Retry-After": str(RETRY_AFTER_S)})
    return ProblemError(INTERNAL, INTERNAL.title)


def faults_of(error: ValidationError, sent: object, model: type[BaseModel]) -> list[Fault]:
    """The complaints of pydantic as faults, with paths as the sender wrote them."""
    return [
        Fault(sender_path(entry["loc"], sent), _message(entry, model))
        for entry in error.errors(include_url=False, include_input=False)
    ]


def sender_path(location: Sequence[str | int], sent: object) -> str:
    """A location in the parsed model as a path in what was sent: ``area[1].circle.lat``.

    The model wraps what has a short form (one shape becomes a list of one, a bare text becomes Dutch), so a step that
    the sender did not write is left out.
    """
    path, here = "", sent
    for step in location:
        if isinstance(step, int):
            if not isinstance(here, list):
                continue
            path += f"[{step}]"
            here = here[step] if step < len(here) else None
        elif isinstance(here, dict):
            path += f".{step}" if path else step
            here = here.get(step)
        else:
            break
    return path


def _message(entry: ErrorDetails, model: type[BaseModel]) -> str:
    code, context = entry["type"], entry.get("ctx", {})
    if code == "extra_forbidden":
        name = str(entry["loc"][-1])
        close = difflib.get_close_matches(name, _names(model, entry["loc"]), 1)
        return "is not known here" + (f"; did you mean {close[0]}?" if close else "")
    if code in _MESSAGES:
        return _MESSAGES[code].format_map(context)
    # pydantic says "Value error, ..." before what a validator of ours says.
    return entry["msg"].removeprefix("Value error, ").replace("Input should", "should")


def _names(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    # Only the top level: a guess for a nested field would need its model, and the path says enough there.
    return list(model.model_fields) if len(location) == 1 else []
