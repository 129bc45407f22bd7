"""Who is let in, and for what."""

from __future__ import annotations

from typing import Any

import pytest
from fakes.office import Office
from twisted.internet.task import Clock

from gateway.domain.access import Role
from gateway.web.auth import MAX_ADDRESSES, FailedAttempts

BODY = {"kind": "fire", "area": {"municipality": "Weesp"}, "text": "Brand"}


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic b3BlcmF0b3I6a2V5", "Bearer " + "x" * 513, "Bearer sl\xe9utel"],
)
def test_without_a_key_nothing_is_told(office: Office, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = office.ask("GET", "/api/v1/actions", key=None, headers=headers)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="burgernet"'
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert office.keys.asked == []


def test_two_keys_in_one_request_are_none(office: Office) -> None:
    wire = office.wire()
    wire.send(
        b"GET /api/v1/actions HTTP/1.1\r\nHost: x\r\n"
        b"Authorization: Bearer reader-key\r\nAuthorization: Bearer admin-key\r\n\r\n"
    )
    assert wire.answer().status == 401


def test_a_wrong_key_is_told_so(office: Office) -> None:
    answer = office.ask("GET", "/api/v1/actions", key="wrong-key")
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert b"wrong-key" not in answer.body


def test_the_scheme_is_bearer_whatever_its_case(office: Office) -> None:
    assert office.ask("GET", "/api/v1/actions", key=None, headers={"Authorization": "bEARER  reader-key"}).status == 200


ALLOWED: list[tuple[str, str, Any, set[Role]]] = [
    ("GET", "/api/v1/actions", None, {Role.READER, Role.OPERATOR, Role.ADMIN}),
    ("GET", "/api/v1/carriers", None, {Role.READER, Role.OPERATOR, Role.ADMIN}),
    ("POST", "/api/v1/actions", BODY, {Role.OPERATOR, Role.ADMIN}),
    ("POST", "/api/v1/actions/preview", BODY, {Role.OPERATOR, Role.ADMIN}),
    ("POST", "/api/v1/actions/action1/updates", {"text": "Nieuw"}, {Role.OPERATOR, Role.ADMIN}),
    ("POST", "/api/v1/actions/action1/close", {"outcome": "success"}, {Role.OPERATOR, Role.ADMIN}),
    ("PATCH", "/api/v1/responses/response1", {"useful": True}, {Role.OPERATOR, Role.ADMIN}),
]


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(("method", "path", "body", "roles"), ALLOWED)
def test_a_role_allows_what_it_is_for(
    office: Office, role: Role, method: str, path: str, body: Any, roles: set[Role]
) -> None:
    answer = office.ask(method, path, body, key=f"{role.value}-key")
    assert (answer.status != 403) == (role in roles)


def test_who_may_not_is_not_even_told_that_the_body_is_faulty(office: Office) -> None:
    assert office.ask("POST", "/api/v1/actions", {"kind": "parade"}, key="reader-key").status == 403


# ---------------------------------------------------------------- guessing


def test_an_address_that_guesses_has_to_wait(office: Office) -> None:
    for _ in range(10):
        assert office.ask("GET", "/api/v1/actions", key="guess").status == 401
    answer = office.ask("GET", "/api/v1/actions", key="another guess")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "60")
    assert len(office.keys.asked) == 10
    office.time.advance(61)
    assert office.ask("GET", "/api/v1/actions", key="operator-key").status == 200


def test_a_guess_does_not_lock_out_another_address(office: Office) -> None:
    for _ in range(11):
        office.ask("GET", "/api/v1/actions", key="guess", host="192.0.2.1")
    assert office.ask("GET", "/api/v1/actions", key="guess", host="192.0.2.1").status == 429
    assert office.ask("GET", "/api/v1/actions", key="guess", host="192.0.2.2").status == 401


def test_a_key_that_was_right_before_is_not_locked_out_by_its_neighbours(office: Office) -> None:
    assert office.ask("GET", "/api/v1/actions", key="operator-key").status == 200
    for _ in range(12):
        office.ask("GET", "/api/v1/actions", key="guess")
    assert office.ask("GET", "/api/v1/actions", key="operator-key").status == 200
    assert office.ask("GET", "/api/v1/actions", key="reader-key").status == 429


def test_a_revoked_key_loses_that_trust(office: Office) -> None:
    office.ask("GET", "/api/v1/actions", key="operator-key")
    del office.keys.keys["operator-key"]
    statuses = [office.ask("GET", "/api/v1/actions", key="operator-key").status for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2


def test_right_keys_do_not_count_as_guesses(office: Office) -> None:
    for _ in range(30):
        assert office.ask("GET", "/api/v1/actions", key="reader-key").status == 200


def test_an_ipv6_network_counts_as_one_address() -> None:
    failed = FailedAttempts(Clock())
    for number in range(10):
        failed.add(f"2001:db8:0:1::{number}")
    assert failed.wait_s("2001:db8:0:1:ffff::1") == 60.0
    assert failed.wait_s("2001:db8:0:2::1") == 0.0


def test_the_list_of_failed_addresses_is_bounded() -> None:
    failed = FailedAttempts(Clock())
    for number in range(MAX_ADDRESSES + 50):
        failed.add(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(failed._failures) == MAX_ADDRESSES
