"""Participants put straight into the tables, for tests of what is done with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.engine import Connection

from gateway.domain.numbers import COUNTRIES, MAY_BE_DIALLED, MAY_BE_TEXTED, NumberKind
from gateway.domain.selection import municipality_key, unit_vector
from gateway.storage.geography import cell
from gateway.storage.tables import action, number, person, place
from gateway.storage.vault import Vault

VAULT = Vault.from_secret(bytes(range(32)))

STATION = (52.312, 5.043)
"""Weesp, where nearly everybody lives in these tests."""

NEVER = datetime(2016, 1, 1, tzinfo=UTC)


def add_number(connection: Connection, e164: str, kind: NumberKind, country: int = 31) -> int:
    """The id of a number, which is stored once."""
    blind = VAULT.blind(e164)
    known = connection.execute(select(number.c.id).where(number.c.blind == blind)).scalar()
    if known is not None:
        return known
    values = {"blind": blind, "sealed": VAULT.seal(e164), "country": country, "kind": int(kind)}
    return connection.execute(insert(number).values(values).returning(number.c.id)).scalar_one()


def add_person(
    connection: Connection,
    ref: str,
    *,
    places: Iterable[tuple[float, float] | Mapping[str, Any]] = (STATION,),
    mobile: str | None = None,
    landline: str | None = None,
    mobile_kind: NumberKind = NumberKind.MOBILE,
    landline_kind: NumberKind = NumberKind.FIXED,
    country: int = 31,
    **columns: Any,
) -> int:
    """A person with numbers and places; returns the id."""
    values: dict[str, Any] = {
        "ref": ref,
        "mobile_id": None if mobile is None else add_number(connection, mobile, mobile_kind, country),
        "landline_id": None if landline is None else add_number(connection, landline, landline_kind, country),
        "mobile_country": country if mobile and mobile_kind in MAY_BE_TEXTED and country in COUNTRIES else None,
        "landline_country": country if landline and landline_kind in MAY_BE_DIALLED and country in COUNTRIES else None,
        "language": "nl",
        "lanes": 0,
        "updated_at": NEVER,
        **columns,
    }
    person_id = connection.execute(insert(person).values(values).returning(person.c.id)).scalar_one()
    for where in places:
        add_place(connection, person_id, where)
    return person_id


def add_place(connection: Connection, person_id: int, where: tuple[float, float] | Mapping[str, Any]) -> None:
    """A place of a person: (lat, lon), or columns with ``lat`` and ``lon`` among them."""
    columns = dict(where) if isinstance(where, Mapping) else {"lat": where[0], "lon": where[1]}
    x, y, z = unit_vector(columns["lat"], columns["lon"])
    municipality = columns.pop("municipality", "Weesp")
    connection.execute(
        insert(place).values(
            **{
                "person_id": person_id,
                "x": x,
                "y": y,
                "z": z,
                "cell": cell(columns["lat"], columns["lon"]),
                "municipality": municipality,
                "municipality_key": municipality_key(municipality),
                "label": "",
                "quiet_strict": False,
                **columns,
            }
        )
    )


def add_action(connection: Connection, action_number: int, **columns: Any) -> None:
    """An action without deliveries."""
    values: dict[str, Any] = {
        "number": action_number,
        "id": f"action{action_number}",
        "code": f"{110 + action_number}",
        "kind": "missing_person",
        "domain": "burgernet",
        "urgency": 1,
        "state": "open",
        "version": 1,
        "area": [],
        "lanes": 3,
        "created_at": NEVER,
        "expires_at": NEVER,
        "created_by": "test",
        "planned": {},
        "left_out": {},
    }
    connection.execute(insert(action).values(**values | columns))
