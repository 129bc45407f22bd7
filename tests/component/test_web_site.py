"""The server around the API: what it takes, how long it waits, what it logs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fakes.http import Wire
from fakes.office import Office, close_office, open_office
from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher

from gateway.web.site import BODY_GRACE_S, HEADER_S, IDLE_S, LINGER_S, Limits

SMALL = Limits(body_bytes=1000, import_bytes=5000, connections=5, connections_per_address=3)
HELLO = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def small() -> Iterator[Office]:
    office = open_office(SMALL)
    yield office
    close_office(office)


def head(method: str, path: str, **fields: Any) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode()


# ---------------------------------------------------------------- headers


def test_every_answer_tells_browsers_to_keep_their_hands_off(office: Office) -> None:
    for path in ("/healthz", "/nothing", "/api/v1/actions"):
        headers = office.ask("GET", path, key=None).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["Server"] == "burgernet"
        assert "Access-Control-Allow-Origin" not in headers


def test_a_method_that_is_not_known_is_told_which_are(office: Office) -> None:
    answer = office.ask("DELETE", "/api/v1/actions/action1")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_browser_of_another_site_is_not_let_in(office: Office) -> None:
    answer = office.ask("OPTIONS", "/api/v1/actions", headers={"Origin": "https://evil.example"})
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, POST")


@pytest.mark.parametrize("path", ["/", "/api", "/api/v1", "/api/v1/action", "/api/v1/actions/"])
def test_a_path_that_is_not_there_is_a_problem(office: Office, path: str) -> None:
    answer = office.ask("GET", path)
    assert (answer.status, answer.json["instance"]) == (404, path)


def test_a_path_that_is_no_text_is_malformed(office: Office) -> None:
    answer = office.ask("GET", "/api/v1/actions/%ff")
    assert (answer.status, answer.headers["Content-Type"]) == (400, "application/problem+json")


def test_head_answers_without_a_body(office: Office) -> None:
    for path in ("/healthz", "/api/v1/actions", "/api/v1/events"):
        answer = office.ask("HEAD", path)
        assert (answer.status, answer.body) == (200, b"")


def test_requests_follow_each_other_on_one_connection(office: Office) -> None:
    wire = office.wire()
    wire.send(HELLO * 3)
    assert [wire.answer().json["status"] for _ in range(3)] == ["ok"] * 3
    office.time.advance(IDLE_S - 1)
    assert wire.ask("GET", "/healthz").status == 200


def test_what_goes_wrong_inside_is_told_by_an_incident_number_only(office: Office, logged: list[Any]) -> None:
    async def fail(action_id: str) -> None:
        raise RuntimeError("the secret of +31612345678")

    office.actions.get = fail  # type: ignore[method-assign]
    answer = office.ask("GET", "/api/v1/actions/action1")
    assert answer.status == 500
    assert b"secret" not in answer.body
    incident = answer.json["detail"].rpartition(" ")[2]
    assert [event for event in logged if event.get("incident") == incident]


# ---------------------------------------------------------------- size


def test_a_body_that_is_announced_too_large_is_refused_before_it_comes(small: Office) -> None:
    wire = small.wire()
    wire.send(head("POST", "/api/v1/actions", Content_Length=1001, Expect="100-continue"))
    answer = wire.answer()
    assert (answer.status, answer.json["detail"]) == (413, "the body is larger than 1000 bytes")
    assert answer.headers["Connection"] == "close"
    assert wire.received == b""
    wire.send(b"x" * 500)
    assert wire.open
    wire.send(b"x" * 501)
    assert not wire.open


def test_a_refused_sender_who_goes_on_is_cut_off(small: Office) -> None:
    wire = small.wire()
    wire.send(head("POST", "/api/v1/actions", Content_Length=10**9))
    assert wire.answer().status == 413
    wire.send(b"x" * 10_000)
    small.time.advance(LINGER_S + 0.1)
    assert not wire.open


def test_a_body_in_chunks_is_counted(small: Office) -> None:
    wire = small.wire()
    wire.send(head("POST", "/api/v1/actions", Transfer_Encoding="chunked"))
    wire.send(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
    assert wire.received == b""
    wire.send(b"1\r\nx\r\n")
    assert wire.answer().status == 413


def test_a_body_of_just_the_limit_is_read(small: Office) -> None:
    answer = small.ask("POST", "/api/v1/actions", b'{"kind": "' + b"x" * 988 + b'"}')
    assert answer.status == 422


def test_a_header_without_end_is_cut_off(office: Office) -> None:
    wire = office.wire()
    wire.send(b"GET /healthz HTTP/1.1\r\n")
    for _ in range(20):
        if wire.open:
            wire.send(b"X-More: " + b"x" * 1000 + b"\r\n")
    assert not wire.open


# ---------------------------------------------------------------- time


def drip(office: Office, wire: Wire, data: bytes, every_s: float, at_most_s: float) -> float:
    """Send a byte at a time; after how long the server hung up."""
    waited = 0.0
    while wire.open and waited < at_most_s:
        wire.send(data)
        office.time.advance(every_s)
        waited += every_s
    return waited


def test_a_header_that_drips_in_is_cut_off(office: Office) -> None:
    wire = office.wire()
    wire.send(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
    assert drip(office, wire, b"x", 5, 1000) <= HEADER_S + 5


def test_a_request_line_that_drips_in_is_cut_off(office: Office) -> None:
    wire = office.wire()
    assert drip(office, wire, b"G", 5, 1000) <= HEADER_S + 5


def test_a_second_request_that_drips_in_is_cut_off(office: Office) -> None:
    wire = office.wire()
    assert wire.ask("GET", "/healthz").status == 200
    assert drip(office, wire, b"G", 5, 1000) <= IDLE_S + 5


def test_a_body_that_drips_in_is_cut_off(office: Office) -> None:
    wire = office.wire()
    wire.send(head("POST", "/api/v1/actions", Content_Length=100_000, Content_Type="application/json"))
    assert drip(office, wire, b"x", 5, 1000) <= BODY_GRACE_S + 100_000 / 16384 + 5


def test_a_body_at_a_modems_speed_is_waited_for(office: Office) -> None:
    wire = office.wire()
    body = b'{"kind": "' + b"x" * 500_000 + b'"}'
    wire.send(
        head("POST", "/api/v1/actions", Content_Length=len(body), Content_Type="application/json",
             Authorization="Bearer operator-key")
    )  # fmt: skip
    for start in range(0, len(body), 20_000):
        wire.send(body[start : start + 20_000])
        office.time.advance(1)
    assert wire.answer().status == 422


def test_a_silent_connection_is_closed(office: Office) -> None:
    wire = office.wire()
    office.time.advance(HEADER_S + 0.1)
    assert not wire.open


def test_an_answer_that_takes_long_is_not_cut_off(office: Office) -> None:
    held: Deferred[None] = Deferred()
    office.actions.gate = lambda: held
    wire = office.wire()
    wire.request("POST", "/api/v1/actions", {"kind": "fire", "area": {"municipality": "Weesp"}, "text": "Brand"},
                 key="operator-key")  # fmt: skip
    office.time.advance(300)
    held.callback(None)
    assert wire.answer().status == 201


# ---------------------------------------------------------------- connections


def test_one_address_has_only_so_many_connections(small: Office) -> None:
    wires = [small.wire("192.0.2.1") for _ in range(4)]
    assert [wire.open for wire in wires] == [True, True, True, False]
    assert small.wire("192.0.2.2").open
    wires[0].hang_up()
    assert small.wire("192.0.2.1").open


def test_all_addresses_together_have_only_so_many_connections(small: Office) -> None:
    wires = [small.wire(f"192.0.2.{number}") for number in range(6)]
    assert [wire.open for wire in wires] == [True] * 5 + [False]


# ---------------------------------------------------------------- the access log


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    events: list[Any] = []
    observer: Callable[[Any], None] = events.append
    globalLogPublisher.addObserver(observer)
    yield events
    globalLogPublisher.removeObserver(observer)


def access(logged: list[Any]) -> list[Any]:
    return [event for event in logged if event.get("log_namespace") == "gateway.web.access"]


def test_the_access_log_has_the_route_and_who_but_no_query_and_no_key(office: Office, logged: list[Any]) -> None:
    office.ask("GET", "/api/v1/actions/none/deliveries?state=failed&lane=sms", key="reader-key", host="192.0.2.7")
    [line] = access(logged)
    assert (line["method"], line["route"], line["status"]) == ("GET", "/api/v1/actions/{id}/deliveries", 404)
    assert (line["principal"], line["address"], line["action_id"]) == ("the reader", "192.0.2.7", "none")
    told = line["log_format"].format(**line)
    assert "state=failed" not in told
    assert "reader-key" not in told


def test_refused_and_broken_off_requests_are_in_the_access_log(small: Office, logged: list[Any]) -> None:
    small.ask("GET", "/nothing")
    wire = small.wire()
    wire.send(head("POST", "/api/v1/actions", Content_Length=10_000))
    stream = small.wire()
    stream.request("GET", "/api/v1/events", key="reader-key")
    stream.hang_up()
    assert [(line["status"], line["aborted"]) for line in access(logged)] == [(404, False), (413, False), (200, True)]


def test_behind_a_proxy_the_last_forwarded_address_counts(logged: list[Any]) -> None:
    office = open_office(Limits(behind_proxy=True))
    forwarded = {"X-Forwarded-For": "203.0.113.9, 198.51.100.4"}
    office.ask("GET", "/healthz", headers=forwarded)
    assert office.ask("GET", "/metrics", key=None, headers=forwarded).status == 401
    assert [line["address"] for line in access(logged)] == ["198.51.100.4"] * 2
    close_office(office)


def test_without_a_proxy_nobody_chooses_their_own_address(office: Office, logged: list[Any]) -> None:
    office.ask("GET", "/metrics", key=None, host="192.0.2.1", headers={"X-Forwarded-For": "127.0.0.1"})
    [line] = access(logged)
    assert (line["address"], line["status"]) == ("192.0.2.1", 401)
