"""Participants one at a time, and what the law asks for by number: shown and forgotten; on both databases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from fakes.registry import STATION, VAULT, add_action
from sqlalchemy import insert, select, update

from gateway.domain.action import ActionRequest, Kind, Urgency, Wording
from gateway.domain.delivery import DeliveryState, Lane, Reason
from gateway.domain.errors import InvalidRequestError, NotFoundError
from gateway.domain.selection import Circle
from gateway.storage.database import Database
from gateway.storage.repositories import participants
from gateway.storage.repositories.selection import plan, selected
from gateway.storage.tables import delivery, number, person, place, response

NOW = datetime(2016, 5, 4, 10, 30, tzinfo=UTC)
MOBILE, LANDLINE = "+31612345678", "+31294123456"
PLACE = {"lat": STATION[0], "lon": STATION[1], "municipality": "Weesp"}


def put(database: Database, ref: str = "p1", **fields: Any) -> bool:
    body = {"mobile": MOBILE, "places": [PLACE], **fields}
    return database.write_now(participants.put_participant, VAULT, ref, body, NOW)


def get(database: Database, ref: str = "p1") -> dict[str, Any]:
    return database.read_now(participants.get_participant, VAULT, ref)


def export(database: Database, e164: str = MOBILE) -> dict[str, Any]:
    return database.read_now(participants.export_number, VAULT, e164, NOW)


def press(database: Database) -> None:
    """An action around the station, planned."""
    request = ActionRequest(
        kind=Kind.MISSING_PERSON,
        area=(Circle(*STATION, 500.0),),
        text={"nl": Wording("Vermist: jongen van vijf jaar.")},
        urgency=Urgency.IMMEDIATE,
        lanes=frozenset({Lane.SMS}),
        expires_in=None,  # type: ignore[arg-type] - not asked for here
    )

    def job(connection: Any) -> None:
        add_action(connection, 1)
        with selected(connection, request, NOW) as counts:
            plan(connection, 1, request.urgency, counts, NOW)

    database.write_now(job)


def rows(database: Database, statement: Any) -> list[Any]:
    return database.read_now(lambda connection: list(connection.execute(statement).all()))


def test_what_was_put_is_what_one_gets_and_may_be_put_again(database: Database) -> None:
    quiet = {**PLACE, "quiet_from": "22:30", "quiet_to": "07:00", "quiet_strict": True, "label": "thuis"}
    assert put(database, landline=LANDLINE, language="de", lanes=["sms", "voice"], places=[quiet]) is True
    found = get(database)
    assert (found["mobile"], found["landline"], found["language"]) == (MOBILE, LANDLINE, "de")
    assert found["places"] == [quiet]
    assert database.write_now(participants.put_participant, VAULT, "p1", found, NOW) is False
    assert get(database) == found


def test_body_with_faults_changes_nothing_and_names_each(database: Database) -> None:
    put(database)
    before = get(database)
    with pytest.raises(InvalidRequestError) as refused:
        put(database, mobile="0900-8844", places=[{"lat": 200, "lon": 5}], shoe_size=44)
    assert {fault.path for fault in refused.value.faults} == {"mobile", "places[0].lat", "shoe_size"}
    assert get(database) == before


def test_leaving_and_pausing_last_until_they_are_taken_back(database: Database) -> None:
    put(database, left=True, paused_until="2016-06-01T00:00:00+02:00")
    found = get(database)
    assert found["left"] is True
    assert found["paused_until"].startswith("2016-05-31T22:00")
    put(database)
    assert get(database)["left"] is True, "a body that says nothing about it changes nothing about it"
    put(database, left=False, paused_until=None)
    assert (get(database)["left"], get(database)["paused_until"]) == (False, None)


def test_deleted_participant_is_gone_with_what_was_to_go_out(database: Database) -> None:
    put(database)
    press(database)
    database.write_now(participants.delete_participant, "p1", NOW)
    with pytest.raises(NotFoundError):
        get(database)
    assert rows(database, select(place)) == []
    (gone,) = rows(database, select(delivery))
    assert (gone.state, gone.reason) == (int(DeliveryState.CANCELLED), Reason.FORGOTTEN.value)
    with pytest.raises(NotFoundError):
        database.write_now(participants.delete_participant, "p1", NOW)


def test_export_shows_all_that_is_held_on_a_number(database: Database) -> None:
    put(database, landline=LANDLINE)
    press(database)
    held = export(database)
    assert held["known"] is True
    assert held["participants"][0]["landline"] == LANDLINE
    (sent,) = held["deliveries"]
    assert (sent["lane"], sent["state"]) == ("sms", "queued")


def test_export_of_an_unknown_number_says_so(database: Database) -> None:
    held = export(database, "+31687654321")
    assert (held["known"], held["participants"], held["deliveries"]) == (False, [], [])


def test_forgotten_number_is_nowhere_and_its_deliveries_count_on(database: Database) -> None:
    put(database)
    press(database)

    def answered(connection: Any) -> None:
        number_id = connection.execute(select(number.c.id)).scalar_one()
        values = {"id": "r1", "action": 1, "kind": "sms", "at": NOW, "number_id": number_id, "caller": "+31*****678"}
        values |= {"routed_by": "contacted", "text": "ik zag hem", "spoke_to_operator": False, "note": "belt terug"}
        connection.execute(insert(response).values(values))

    database.write_now(answered)
    done = database.write_now(participants.forget_number, VAULT, MOBILE, NOW)
    assert (done.removed, done.kept, done.cancelled, done.deliveries, done.responses) == (1, 0, 1, 1, 1)
    assert rows(database, select(number)) == []
    assert rows(database, select(person)) == []
    (left,) = rows(database, select(delivery))
    assert (left.number_id, left.state) == (0, int(DeliveryState.CANCELLED))
    (reply,) = rows(database, select(response))
    assert (reply.number_id, reply.text, reply.note) == (None, "", "")
    assert export(database)["known"] is False
    assert database.write_now(participants.forget_number, VAULT, MOBILE, NOW) == participants.Forgotten()


def test_person_with_another_number_keeps_it_when_one_is_forgotten(database: Database) -> None:
    put(database, landline=LANDLINE)
    done = database.write_now(participants.forget_number, VAULT, MOBILE, NOW)
    assert (done.removed, done.kept) == (0, 1)
    assert (get(database)["mobile"], get(database)["landline"]) == (None, LANDLINE)


def test_what_was_delivered_is_not_taken_back_by_forgetting(database: Database) -> None:
    put(database)
    press(database)
    database.write_now(lambda c: c.execute(update(delivery).values(state=int(DeliveryState.DELIVERED))) and None)
    done = database.write_now(participants.forget_number, VAULT, MOBILE, NOW)
    assert (done.cancelled, done.deliveries) == (0, 1)
    assert rows(database, select(delivery.c.state)) == [(int(DeliveryState.DELIVERED),)]
