"""What goes wrong by somebody's hand, as values that name the field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a request, a row or a setting.

    Attributes:
        path: where, as the sender wrote it: ``area.circle.radius_m``, ``carrier[1].window``.
        message: what is wrong and what would be right, one sentence without a full stop.
    """

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class BurgernetError(Exception):
    """Base of everything that this gateway raises on purpose."""


class InvalidRequestError(BurgernetError):
    """A request was refused; nothing was stored. Carries every fault found, not only the first."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = tuple(faults)

    @classmethod
    def at(cls, path: str, message: str) -> InvalidRequestError:
        """One fault at one place."""
        return cls([Fault(path, message)])


class NotFoundError(BurgernetError):
    """There is no such action, participant or response."""


class ConflictError(BurgernetError):
    """The request contradicts what is already so (an action that is closed, a key used for another body)."""


class UnavailableError(BurgernetError):
    """A part that this needs is not there now; trying again later may help."""
