"""Participants over HTTP: by their ref, and whole files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fakes.office import Office, close_office, open_office
from twisted.internet.defer import Deferred

from gateway.web import participants as pages
from gateway.web.site import BODY_GRACE_S, Limits

JANE = {
    "mobile": "0612345678",
    "language": "nl",
    "lanes": ["sms"],
    "places": [{"lat": 52.312, "lon": 5.043, "municipality": "Weesp", "label": "thuis"}],
}
CSV = {"Content-Type": "text/csv; charset=utf-8"}
FILE = b"ref,mobile,lat,lon\np1,0612345678,52.3,5.0\np2,bad,52.3,5.0\np3,0612345679,52.3,5.0\n"
PATH = "/api/v1/participants/import"


def admin(office: Office, method: str, path: str, body: Any = None, **options: Any) -> Any:
    return office.ask(method, path, body, key="admin-key", **options)


# ---------------------------------------------------------------- one


def test_a_participant_is_put_shown_and_removed(office: Office) -> None:
    created = admin(office, "PUT", "/api/v1/participants/p-1", JANE)
    assert (created.status, created.headers["Location"]) == (201, "/api/v1/participants/p-1")
    assert created.json["mobile"] == "+31612345678"
    assert created.json["places"][0]["label"] == "thuis"
    replaced = admin(office, "PUT", "/api/v1/participants/p-1", JANE | {"lanes": "sms voice"})
    assert (replaced.status, replaced.json["lanes"]) == (200, ["sms", "voice"])
    assert admin(office, "GET", "/api/v1/participants/p-1").json == replaced.json
    removed = admin(office, "DELETE", "/api/v1/participants/p-1")
    assert (removed.status, removed.body) == (204, b"")
    assert admin(office, "GET", "/api/v1/participants/p-1").status == 404
    assert admin(office, "DELETE", "/api/v1/participants/p-1").status == 404


def test_a_ref_may_hold_what_a_path_has_to_escape(office: Office) -> None:
    created = admin(office, "PUT", "/api/v1/participants/Ren%C3%A9%20b%2F7", JANE)
    assert (created.status, created.json["ref"]) == (201, "René b/7")
    assert admin(office, "GET", created.headers["Location"]).json["ref"] == "René b/7"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"mobile": "09001234"}, "mobile"),
        ({"mobile": None}, "mobile"),
        ({"places": []}, "places"),
        ({"places": [{"lat": 95, "lon": 5}]}, "places[0].lat"),
        ({"language": "xx"}, "language"),
        ({"colour": "red"}, "colour"),
        ({"ref": "p-2"}, "ref"),
        ({"paused_until": "tomorrow"}, "paused_until"),
    ],
)
def test_a_faulty_participant_names_its_field(office: Office, fields: dict[str, Any], path: str) -> None:
    answer = admin(office, "PUT", "/api/v1/participants/p-1", JANE | fields)
    assert answer.status == 422
    assert path in answer.faults
    assert office.participants.people == {}


@pytest.mark.parametrize("body", [b"[]", b"null", b"5"])
def test_a_participant_that_is_no_object_is_refused(office: Office, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    assert admin(office, "PUT", "/api/v1/participants/p-1", body, headers=headers).status == 422


@pytest.mark.parametrize("role", ["reader", "operator"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_an_admin_sees_participants(office: Office, role: str, method: str) -> None:
    body = JANE if method == "PUT" else None
    assert office.ask(method, "/api/v1/participants/p-1", body, key=f"{role}-key").status == 403


# ---------------------------------------------------------------- many


def test_an_import_tells_its_counts_and_its_faulty_rows(office: Office) -> None:
    answer = admin(office, "POST", PATH, FILE, headers=CSV)
    assert answer.status == 200
    assert answer.json == {
        "rows": 3,
        "added": 2,
        "changed": 0,
        "unchanged": 0,
        "faulty": 1,
        "faults": [{"line": 3, "ref": "p3", "errors": [{"path": "mobile", "message": "is no number"}]}],
    }
    assert office.participants.read == [FILE]


def test_only_the_first_faults_are_told_and_all_are_counted(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MAX_FAULTS", 10)
    answer = admin(office, "POST", PATH, b"ref,mobile,lat,lon\n" + b"bad\n" * 50, headers=CSV)
    assert (answer.json["faulty"], len(answer.json["faults"])) == (50, 10)


def test_a_file_of_another_kind_is_refused(office: Office) -> None:
    wrong = admin(office, "POST", PATH, b"name;number\n", headers=CSV)
    assert (wrong.status, list(wrong.faults)) == (422, ["header"])
    assert admin(office, "POST", PATH, {"ref": "p1"}).status == 415


def test_one_import_at_a_time(office: Office) -> None:
    held: Deferred[None] = Deferred()
    office.participants.gate = lambda: held
    first = office.wire()
    first.request("POST", PATH, FILE, key="admin-key", headers=CSV)
    assert admin(office, "POST", PATH, FILE, headers=CSV).status == 409
    held.callback(None)
    assert first.answer().status == 200
    assert admin(office, "POST", PATH, FILE, headers=CSV).status == 200


def test_an_import_ends_though_its_sender_hangs_up(office: Office) -> None:
    held: Deferred[None] = Deferred()
    office.participants.gate = lambda: held
    wire = office.wire()
    wire.request("POST", PATH, FILE, key="admin-key", headers=CSV)
    wire.hang_up()
    held.callback(None)
    assert office.participants.read == [FILE]
    assert admin(office, "POST", PATH, FILE, headers=CSV).status == 200


# ---------------------------------------------------------------- before the body


HEAD = b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 1000000\r\n"


def test_nobody_fills_our_disk_without_a_key(office: Office) -> None:
    wire = office.wire()
    wire.send(HEAD + b"Expect: 100-continue\r\n\r\n" + b"x" * 1000)
    answer = wire.answer()
    assert (answer.status, answer.headers["Connection"]) == (401, "close")
    assert b"100 Continue" not in wire.received


@pytest.mark.parametrize(("key", "status"), [("operator-key", 403), ("wrong-key", 401)])
def test_a_file_is_read_only_once_its_sender_is_let_in(office: Office, key: str, status: int) -> None:
    held: Deferred[None] = Deferred()
    office.keys.gate = lambda: held
    wire = office.wire()
    wire.send(HEAD + b"Authorization: Bearer " + key.encode() + b"\r\n\r\n")
    assert wire.transport.producerState == "paused"
    held.callback(None)
    assert wire.transport.producerState == "producing"
    assert wire.answer().status == status
    assert office.keys.asked == [key]


def test_a_small_file_that_came_before_its_sender_was_let_in_is_not_lost(office: Office) -> None:
    held: Deferred[None] = Deferred()
    office.keys.gate = lambda: held
    wire = office.wire()
    wire.request("POST", PATH, FILE, key="admin-key", headers=CSV)
    assert wire.received == b""
    held.callback(None)
    assert wire.answer().json["rows"] == 3
    assert office.keys.asked == ["admin-key"]


def test_a_small_file_of_nobody_is_refused_once(office: Office) -> None:
    held: Deferred[None] = Deferred()
    office.keys.gate = lambda: held
    wire = office.wire()
    wire.request("POST", PATH, FILE, key="wrong-key", headers=CSV)
    held.callback(None)
    assert wire.answer().status == 401
    assert (wire.received, wire.open) == (b"", False)
    assert office.participants.read == []


def test_who_hangs_up_while_waiting_leaves_nothing(office: Office) -> None:
    held: Deferred[None] = Deferred()
    office.keys.gate = lambda: held
    wire = office.wire()
    wire.send(HEAD + b"Authorization: Bearer admin-key\r\n\r\n")
    wire.hang_up()
    held.callback(None)
    assert not office.time.getDelayedCalls()


def test_a_csv_elsewhere_needs_an_admin_and_is_refused_all_the_same(office: Office) -> None:
    assert office.ask("POST", "/api/v1/actions", FILE, key="operator-key", headers=CSV).status == 403
    assert admin(office, "POST", "/api/v1/actions", FILE, headers=CSV).status == 415


@pytest.fixture
def small() -> Iterator[Office]:
    office = open_office(Limits(body_bytes=100, import_bytes=5000))
    yield office
    close_office(office)


def test_a_file_may_be_larger_than_other_bodies_but_not_endless(small: Office) -> None:
    assert admin(small, "POST", PATH, FILE + b"p4,0612345670,1,1\n" * 100, headers=CSV).status == 200
    assert admin(small, "POST", PATH, FILE + b"p4,0612345670,1,1\n" * 400, headers=CSV).status == 413


def test_a_file_that_drips_in_is_cut_off(office: Office) -> None:
    wire = office.wire()
    wire.send(HEAD + b"Authorization: Bearer admin-key\r\n\r\n")
    waited = 0
    while wire.open and waited < 10_000:
        wire.send(b"x")
        office.time.advance(5)
        waited += 5
    assert waited <= BODY_GRACE_S + 1_000_000 / 16384 + 5


# ---------------------------------------------------------------- stopping


def test_a_daemon_that_stops_takes_no_new_work_but_still_shows(office: Office) -> None:
    office.api.refuse_work()
    answer = admin(office, "PUT", "/api/v1/participants/p-1", JANE)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert admin(office, "GET", "/api/v1/actions").status == 200
