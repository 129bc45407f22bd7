"""API keys on both databases, and the memory of keys verified lately."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from gateway.domain.access import Principal, Right, Role
from gateway.domain.errors import ConflictError, InvalidRequestError, NotFoundError
from gateway.storage.database import Database
from gateway.storage.repositories import keys
from gateway.storage.repositories.keys import VerifiedKeys
from gateway.storage.tables import api_key

NOW = datetime(2016, 5, 4, 10, 30, tzinfo=UTC)


def test_new_key_is_verified_with_its_name_and_role(database: Database) -> None:
    new = database.write_now(keys.create, "meldkamer Utrecht", Role.OPERATOR, NOW)
    principal = database.read_now(keys.verify, new.key)
    assert principal is not None
    assert (principal.name, principal.role) == ("meldkamer Utrecht", Role.OPERATOR)
    assert new.key.startswith(f"bn_{principal.key_id}_")


def test_secret_is_neither_in_the_database_nor_in_the_repr(database: Database) -> None:
    new = database.write_now(keys.create, "wall", Role.READER, NOW)
    secret = new.key.split("_")[2]
    row = database.read_now(lambda connection: connection.execute(select(api_key)).one())
    assert not any(secret in str(value) for value in row)
    assert row.hash.startswith("$argon2id$")
    assert secret not in repr(new)
    assert len(secret) == 43


def test_two_keys_are_never_alike(database: Database) -> None:
    first = database.write_now(keys.create, "first", Role.READER, NOW)
    second = database.write_now(keys.create, "second", Role.READER, NOW)
    assert first.key.split("_")[1:] != second.key.split("_")[1:]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: "",
        lambda key: key[:-1],
        lambda key: key + "A",
        lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"),
        lambda key: key.replace("bn_", "xx_"),
        lambda key: "bn_" + "a" * 10 + "_" + key.rpartition("_")[2],
        lambda key: f" {key}",
        lambda key: f"{key}\n",
        lambda key: "bn_' or 1=1 --_" + "A" * 43,
        lambda key: key + "\ud800",
    ],
)
def test_whatever_is_not_the_key_is_refused(database: Database, spoil: object) -> None:
    new = database.write_now(keys.create, "wall", Role.READER, NOW)
    assert callable(spoil)
    assert database.read_now(keys.verify, spoil(new.key)) is None


def test_unknown_id_costs_a_hash_like_a_wrong_secret(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    hasher = keys._HASHER

    class Spy:
        def verify(self, hashed: str, secret: str) -> bool:
            asked.append(hashed)
            return hasher.verify(hashed, secret)

    monkeypatch.setattr(keys, "_HASHER", Spy())
    assert database.read_now(keys.verify, f"bn_{'a' * 10}_{'A' * 43}") is None
    assert asked == [keys._NOBODY]
    assert "m=8192,t=1,p=1" in keys._NOBODY


def test_revoked_key_is_refused_and_stays_on_the_list(database: Database) -> None:
    new = database.write_now(keys.create, "wall", Role.READER, NOW)
    revoked = database.write_now(keys.revoke, "wall", NOW + timedelta(hours=1))
    again = database.write_now(keys.revoke, "wall", NOW + timedelta(hours=2))
    assert revoked.revoked_at == again.revoked_at == NOW + timedelta(hours=1)
    assert database.read_now(keys.verify, new.key) is None
    assert database.read_now(keys.list_all) == [revoked]


def test_revoking_what_is_not_there_says_so(database: Database) -> None:
    with pytest.raises(NotFoundError, match="wall"):
        database.write_now(keys.revoke, "wall", NOW)


def test_name_is_given_once_even_when_its_key_is_revoked(database: Database) -> None:
    first = database.write_now(keys.create, "wall", Role.READER, NOW)
    with pytest.raises(ConflictError, match="'wall'"):
        database.write_now(keys.create, "wall", Role.ADMIN, NOW)
    principal = database.read_now(keys.verify, first.key)
    assert principal is not None
    assert principal.role is Role.READER
    database.write_now(keys.revoke, "wall", NOW)
    with pytest.raises(ConflictError):
        database.write_now(keys.create, "wall", Role.READER, NOW)


@pytest.mark.parametrize("name", ["", " ", "a" * 81, "a\nb", "_", "<script>", "a;b"])
def test_name_that_is_no_name_is_refused(database: Database, name: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        database.write_now(keys.create, name, Role.READER, NOW)
    assert refused.value.faults[0].path == "name"
    assert database.read_now(keys.list_all) == []


def test_keys_are_listed_by_name_without_their_secrets(database: Database) -> None:
    for name, role in (("zeeland", Role.ADMIN), ("amsterdam", Role.OPERATOR)):
        database.write_now(keys.create, name, role, NOW)
    listed = database.read_now(keys.list_all)
    assert [(key.name, key.role, key.created_at, key.revoked_at) for key in listed] == [
        ("amsterdam", Role.OPERATOR, NOW, None),
        ("zeeland", Role.ADMIN, NOW, None),
    ]


@pytest.mark.parametrize(
    ("role", "rights"),
    [
        (Role.READER, {Right.READ}),
        (Role.OPERATOR, {Right.READ, Right.ACT, Right.JUDGE}),
        (Role.ADMIN, set(Right)),
    ],
)
def test_role_may_exactly_this(role: Role, rights: set[Right]) -> None:
    assert {right for right in Right if role.may(right)} == rights
    assert {right for right in Right if Principal("somebody", role, "id").may(right)} == rights


WALL = Principal("wall", Role.READER, "abc")
DESK = Principal("desk", Role.OPERATOR, "def")


def test_verified_key_is_believed_for_a_minute() -> None:
    known = VerifiedKeys()
    known.remember("bn_abc_1", WALL, NOW)
    assert known.get("bn_abc_1", NOW) == WALL
    assert known.get("bn_abc_1", NOW + timedelta(seconds=59.9)) == WALL
    assert known.get("bn_abc_2", NOW) is None
    assert known.get("bn_abc_1", NOW + timedelta(seconds=60)) is None
    assert len(known) == 0


def test_being_asked_for_does_not_make_a_verified_key_live_longer() -> None:
    known = VerifiedKeys()
    known.remember("bn_abc_1", WALL, NOW)
    assert known.get("bn_abc_1", NOW + timedelta(seconds=40)) == WALL
    assert known.get("bn_abc_1", NOW + timedelta(seconds=80)) is None


def test_clock_set_back_does_not_make_a_verified_key_live_longer() -> None:
    known = VerifiedKeys()
    known.remember("bn_abc_1", WALL, NOW)
    assert known.get("bn_abc_1", NOW - timedelta(seconds=1)) is None


def test_revoked_key_is_forgotten_at_once() -> None:
    known = VerifiedKeys()
    known.remember("bn_abc_1", WALL, NOW)
    known.remember("bn_def_1", DESK, NOW)
    known.forget("abc")
    assert known.get("bn_abc_1", NOW) is None
    assert known.get("bn_def_1", NOW) == DESK


def test_memory_of_verified_keys_is_bounded_and_loses_the_oldest() -> None:
    known = VerifiedKeys(size=2)
    known.remember("one", WALL, NOW)
    known.remember("two", WALL, NOW)
    known.remember("one", WALL, NOW)
    known.remember("three", WALL, NOW)
    assert len(known) == 2
    assert known.get("two", NOW) is None
    assert known.get("one", NOW) == WALL
