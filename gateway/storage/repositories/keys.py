"""API keys: made once, shown once, kept as a hash.

A key reads ``bn_<id>_<secret>``: the id finds the row, the secret proves it. The secret holds 256 random bits, so
nobody finds it by trying, however fast; argon2id with one pass over 8 MiB, cheaper than a password that people think of
would need, is enough and takes some 6 ms. Hashing belongs in a database thread, never in the reactor's.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Row, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from gateway.domain.access import Principal, Role
from gateway.domain.errors import ConflictError, InvalidRequestError, NotFoundError
from gateway.storage.tables import api_key

_ID_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_ID_LENGTH = 10
# Letters and digits only, so that a double click selects all of it: 62 ** 43 > 2 ** 256.
_SECRET_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"  # noqa: S105 - no secret
_SECRET_LENGTH = 43

_KEY = re.compile(rf"bn_([{_ID_ALPHABET}]{{{_ID_LENGTH}}})_([A-Za-z0-9]{{{_SECRET_LENGTH}}})")
_NAME = re.compile(r"[^\W_][\w .@-]{0,79}")

_HASHER = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1)
# What no secret hashes to, at the same cost: an unknown id takes as long to refuse as a wrong secret.
_NOBODY = "$argon2id$v=19$m=8192,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key at the only moment when it can be read.

    Attributes:
        key: ``bn_<id>_<secret>``; not in the ``repr``.
    """

    name: str
    role: Role
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key as it is listed.

    Attributes:
        revoked_at: since when it is refused, or ``None``.
    """

    id: str
    name: str
    role: Role
    created_at: datetime
    revoked_at: datetime | None


def create(connection: Connection, name: str, role: Role, now: datetime) -> NewKey:
    """Make a key. Its name stands on record for ever, so a name is given once, also when its key is revoked.

    Raises:
        InvalidRequestError: the name is no name.
        ConflictError: the name was given before.
    """
    if not _NAME.fullmatch(name):
        raise InvalidRequestError.at("name", "must be at most 80 letters, digits, blanks, dots, dashes and @")
    key_id = "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH))
    secret = "".join(secrets.choice(_SECRET_ALPHABET) for _ in range(_SECRET_LENGTH))
    row = {"id": key_id, "name": name, "role": role.value, "hash": _HASHER.hash(secret), "created_at": now}
    try:
        connection.execute(insert(api_key).values(row))
    except IntegrityError:
        raise ConflictError(f"there is or was a key named {name!r}; give this one a name of its own") from None
    return NewKey(name, role, f"bn_{key_id}_{secret}")


def verify(connection: Connection, key: str) -> Principal | None:
    """Whose key this is; ``None`` for what is no key, not ours, or revoked.

    Whatever is of a key's form takes the time of one hash, so that the time does not tell which ids exist.
    """
    parsed = _KEY.fullmatch(key)
    if parsed is None:
        return None
    row = connection.execute(select(api_key).where(api_key.c.id == parsed[1])).one_or_none()
    try:
        _HASHER.verify(_NOBODY if row is None else row.hash, parsed[2])
    except (VerificationError, InvalidHashError):
        return None
    if row is None or row.revoked_at is not None:
        return None
    return Principal(row.name, Role(row.role), row.id)


def revoke(connection: Connection, name: str, now: datetime) -> KnownKey:
    """Refuse a key from now on; one that is revoked already stays revoked since then.

    Raises:
        NotFoundError: there is no key of that name.
    """
    connection.execute(
        update(api_key).where(api_key.c.name == name, api_key.c.revoked_at.is_(None)).values(revoked_at=now)
    )
    row = connection.execute(select(api_key).where(api_key.c.name == name)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no key named {name!r}")
    return _known(row)


def list_all(connection: Connection) -> Sequence[KnownKey]:
    """Every key, revoked ones too, by name."""
    return [_known(row) for row in connection.execute(select(api_key).order_by(api_key.c.name))]


def _known(row: Row[tuple[object, ...]]) -> KnownKey:
    return KnownKey(row.id, row.name, Role(row.role), row.created_at, row.revoked_at)


class VerifiedKeys:
    """Keys that were verified lately, so that not every request costs a hash. In memory, by SHA-256 of the key.

    Args:
        lifetime: how long a key is believed without asking again; a revocation elsewhere is felt after at most that.
        size: how many are kept; the oldest go first.
    """

    def __init__(self, lifetime: timedelta = timedelta(seconds=60), size: int = 1024) -> None:
        self._lifetime = lifetime
        self._size = size
        self._known: OrderedDict[bytes, tuple[Principal, datetime]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: str, now: datetime) -> Principal | None:
        """Whose key this is, if it was verified within the lifetime."""
        digest = _digest(key)
        found = self._known.get(digest)
        if found is None:
            return None
        principal, verified_at = found
        # A clock that was set back must not make a key live longer.
        if not timedelta(0) <= now - verified_at < self._lifetime:
            del self._known[digest]
            return None
        return principal

    def remember(self, key: str, principal: Principal, now: datetime) -> None:
        """A key was verified just now."""
        digest = _digest(key)
        self._known.pop(digest, None)
        self._known[digest] = (principal, now)
        while len(self._known) > self._size:
            self._known.popitem(last=False)

    def forget(self, key_id: str) -> None:
        """A key was revoked here: ask again at once."""
        for digest in [digest for digest, (principal, _) in self._known.items() if principal.key_id == key_id]:
            del self._known[digest]


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
