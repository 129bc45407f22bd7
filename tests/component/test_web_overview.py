"""Carriers, health, metrics, and the API's own description."""

from __future__ import annotations

import json
import re

import pytest
from fakes.office import Office
from openapi_spec_validator import OpenAPIV31SpecValidator
from twisted.internet.defer import Deferred


def test_carriers_show_how_they_are_doing(office: Office) -> None:
    [carrier] = office.ask("GET", "/api/v1/carriers", key="reader-key").json["carriers"]
    assert carrier == {
        "name": "alpha",
        "state": "bound",
        "since": "2016-05-04T10:30:00.000Z",
        "binds_bound": 2,
        "binds": 2,
        "queue": 5,
        "in_flight": 10,
        "rate_per_s": 93.5,
        "submitted": 100,
        "accepted": 90,
        "receipts": 80,
        "errors": {"ESME_RTHROTTLED": 3},
        "detail": "",
        "peer_binds": 0,
    }


def test_without_a_voice_lane_there_are_no_trunks_and_no_rooms(office: Office) -> None:
    assert office.ask("GET", "/api/v1/trunks").json == {"trunks": []}
    assert office.ask("GET", "/api/v1/control-rooms").json == {"control_rooms": []}


def test_health_needs_no_key(office: Office) -> None:
    answer = office.ask("GET", "/healthz", key=None)
    assert (answer.status, answer.json) == (200, {"status": "ok", "checks": []})


async def fine() -> str:
    return "1 of 1 bound"


async def broken() -> str:
    raise ConnectionError("to 10.0.0.5 with password hunter2")


def test_ready_means_that_every_part_is_well(office: Office) -> None:
    office.probes["carriers"] = fine
    answer = office.ask("GET", "/readyz", key=None)
    assert answer.status == 200
    assert answer.json == {
        "status": "ready",
        "checks": [{"name": "carriers", "ok": True, "detail": "1 of 1 bound"}],
    }


def test_a_broken_part_means_not_ready_and_tells_no_secret(office: Office) -> None:
    office.probes |= {"carriers": fine, "database": broken}
    answer = office.ask("GET", "/readyz", key=None)
    assert (answer.status, answer.json["status"]) == (503, "not_ready")
    assert [check["ok"] for check in answer.json["checks"]] == [True, False]
    assert b"hunter2" not in answer.body


def test_a_part_that_gives_no_answer_means_not_ready(office: Office) -> None:
    async def silent() -> str:
        await Deferred()
        return ""

    office.probes["database"] = silent
    wire = office.wire()
    wire.request("GET", "/readyz")
    assert wire.received == b""
    office.time.advance(5.1)
    answer = wire.answer()
    assert (answer.status, answer.json["checks"][0]["detail"]) == (503, "gave no answer within 5 s")


def test_metrics_are_open_on_this_machine_and_need_a_key_from_another(office: Office) -> None:
    here = office.ask("GET", "/metrics", key=None)
    assert (here.status, here.body) == (200, b"# HELP burgernet_up 1\n")
    assert here.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert office.ask("GET", "/metrics", key=None, host="192.0.2.1").status == 401
    assert office.ask("GET", "/metrics", key="reader-key", host="192.0.2.1").status == 200


# ---------------------------------------------------------------- the description


def test_the_description_is_valid_openapi_and_needs_no_key(office: Office) -> None:
    answer = office.ask("GET", "/api/v1/openapi.json", key=None)
    assert answer.status == 200
    assert answer.json["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(answer.json).validate()


def test_the_description_has_every_path_of_the_contract(office: Office) -> None:
    paths = office.api.document["paths"]
    contract = {
        "/actions": {"get", "post"},
        "/actions/preview": {"post"},
        "/actions/{id}": {"get"},
        "/actions/{id}/updates": {"post"},
        "/actions/{id}/close": {"post"},
        "/actions/{id}/deliveries": {"get"},
        "/actions/{id}/responses": {"get"},
        "/actions/{id}/report": {"get"},
        "/actions/{id}/events": {"get"},
        "/events": {"get"},
        "/responses/{id}": {"patch"},
        "/participants/{ref}": {"get", "put", "delete"},
        "/participants/import": {"post"},
        "/carriers": {"get"},
        "/trunks": {"get"},
        "/control-rooms": {"get"},
    }
    assert {path: set(paths[f"/api/v1{path}"]) for path in contract} == contract
    assert {"/healthz", "/readyz", "/metrics"} <= set(paths)


def test_every_operation_has_a_name_of_its_own_and_says_how_it_fails(office: Office) -> None:
    operations = [operation for path in office.api.document["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    for operation in operations:
        if "security" in operation:
            assert {"401", "403", "429", "500"} <= set(operation["responses"])


@pytest.mark.parametrize("word", ["area", "text", "urgency", "lanes", "expires_in_s", "allow_long"])
def test_the_fields_of_an_action_are_described(office: Office, word: str) -> None:
    assert word in office.api.document["components"]["schemas"]["ActionIn"]["properties"]


def test_short_forms_are_described(office: Office) -> None:
    schemas = office.api.document["components"]["schemas"]
    assert [kind["type"] for kind in schemas["TextIn"]["anyOf"]] == ["string", "object"]
    assert schemas["ActionIn"]["properties"]["area"]["anyOf"][0] == {"$ref": "#/components/schemas/ShapeIn"}


def test_no_reference_hangs_in_the_air(office: Office) -> None:
    document = office.api.document
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert references
    assert references <= set(document["components"]["schemas"])
