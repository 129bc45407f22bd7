"""What pydantic finds in a scenario, as faults with the paths that the scenario's writer knows."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.domain.errors import Fault
from gateway.settings.loading import path_of
from gateway.settings.values import SectionFaultsError


def faults_of(error: ValidationError, below: str = "") -> Iterator[Fault]:
    """Every fault of a validation.

    Args:
        error: what pydantic raised.
        below: the path of what was validated; empty for the whole scenario.
    """
    for detail in error.errors(include_url=False, include_input=False):
        place = path_of(tuple(part for part in detail["loc"] if part != "[key]"))
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, SectionFaultsError):
            for fault in cause.faults:
                yield Fault(_join(below, _join(place, fault.path)), fault.message)
        else:
            yield Fault(_join(below, place), _words(detail))


def _join(first: str, second: str) -> str:
    return f"{first}.{second}" if first and second else first or second


def _words(detail: ErrorDetails) -> str:
    if detail["type"] == "extra_forbidden":
        return "is not known"
    if detail["type"] == "missing":
        return "is required"
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    return detail["msg"].removeprefix("Input ").replace("should", "must")
