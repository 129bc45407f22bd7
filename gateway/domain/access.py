"""Who may do what over the API: three roles, each holding what the one before it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Right(StrEnum):
    """What a request needs."""

    READ = "read"  # actions, deliveries (numbers masked), responses, reports, carriers, events
    ACT = "act"  # start, update and close actions; preview
    JUDGE = "judge"  # say what became of a response
    PARTICIPANTS = "participants"  # see, change, import and forget participants: whole numbers and addresses
    KEYS = "keys"  # create, list and revoke keys


class Role(StrEnum):
    """What a key is for."""

    READER = "reader"  # a wall screen, a dashboard, a monitoring system
    OPERATOR = "operator"  # a control room
    ADMIN = "admin"  # who keeps the participants and the keys

    @property
    def rights(self) -> frozenset[Right]:
        """What this role may do."""
        return RIGHTS[self]

    def may(self, right: Right) -> bool:
        """Whether this role has that right."""
        return right in RIGHTS[self]


_READER = frozenset({Right.READ})
_OPERATOR = _READER | {Right.ACT, Right.JUDGE}
# An operator's work needs no whole number and no list of participants; who needs less sees less (AVG art. 25).
RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.READER: _READER,
    Role.OPERATOR: _OPERATOR,
    Role.ADMIN: _OPERATOR | {Right.PARTICIPANTS, Right.KEYS},
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request, as a verified key says.

    Attributes:
        name: the key's name; stands on record as who did something.
        key_id: the key's public half.
    """

    name: str
    role: Role
    key_id: str

    def may(self, right: Right) -> bool:
        """Whether this principal has that right."""
        return self.role.may(right)
