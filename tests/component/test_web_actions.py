"""Actions over HTTP, on stores in memory."""

from __future__ import annotations

from typing import Any

import pytest
from fakes.http import dechunked
from fakes.memory import delivery
from fakes.office import Office
from twisted.internet.defer import Deferred

from gateway.domain.action import Outcome
from gateway.domain.delivery import Lane, SmsReply

BOY = {
    "kind": "missing_person",
    "area": {"circle": {"lat": 52.312, "lon": 5.043, "radius_m": 3000}},
    "text": "Vermist: jongen van vijf jaar, blond haar, rode jas. Bel 0800-0011 als u hem ziet.",
    "place": "Weesp, rond het Stationsplein",
}

SQUARE = [[5.0, 52.0], [5.1, 52.0], [5.1, 52.1], [5.0, 52.0]]


def changed(**fields: Any) -> dict[str, Any]:
    return BOY | fields


def started(office: Office, **fields: Any) -> str:
    answer = office.ask("POST", "/api/v1/actions", changed(**fields))
    assert answer.status == 201, answer
    return answer.json["id"]


# ---------------------------------------------------------------- starting


def test_starting_an_action_answers_its_plan_and_where_it_is(office: Office) -> None:
    answer = office.ask("POST", "/api/v1/actions", BOY)
    assert answer.status == 201
    assert answer.headers["Location"] == "/api/v1/actions/action1"
    assert answer.json == {
        "id": "action1",
        "code": "111",
        "state": "open",
        "version": 1,
        "planned": {"sms": 1000, "voice": 200, "left_out": {"paused": 3, "no_lane": 2}},
        "estimate": {"segments": 1000, "cost_eur": 60.0, "seconds": 10.0},
    }
    assert office.woken == ["dispatch"]
    assert office.actions.actions[0].created_by == "the operator"


def test_an_action_on_record_shows_what_was_asked(office: Office) -> None:
    text = {"nl": {"sms": "Brand in Weesp", "speech": "Er is brand in Weesp."}, "de": "Brand in Weesp"}
    area = [{"municipality": "Weesp"}, {"polygon": {"type": "Polygon", "coordinates": [SQUARE]}}]
    started(office, kind="fire", text=text, area=area, lanes="sms", control_room="Midden", expires_in_s=600)
    shown = office.ask("GET", "/api/v1/actions/action1").json
    assert shown["text"] == {"nl": text["nl"], "de": {"sms": "Brand in Weesp"}}
    assert shown["area"] == area
    assert (shown["kind"], shown["urgency"], shown["lanes"]) == ("fire", "life_safety", ["sms"])
    assert (shown["control_room"], shown["place"]) == ("Midden", BOY["place"])
    assert (shown["created_at"], shown["expires_at"]) == ("2016-05-04T10:30:00.000Z", "2016-05-04T10:40:00.000Z")
    assert (shown["closed_at"], shown["outcome"]) == (None, None)


@pytest.mark.parametrize(
    ("fields", "urgency"),
    [({}, "immediate"), ({"kind": "information"}, "routine"), ({"urgency": "life_safety"}, "life_safety")],
)
def test_urgency_comes_from_the_kind_unless_it_is_named(office: Office, fields: dict[str, Any], urgency: str) -> None:
    started(office, **fields)
    assert office.ask("GET", "/api/v1/actions/action1").json["urgency"] == urgency


def circle(**fields: Any) -> dict[str, Any]:
    return {"lat": 52, "lon": 5, "radius_m": 10} | fields


def polygon(ring: list[list[float]]) -> dict[str, Any]:
    return {"polygon": {"type": "Polygon", "coordinates": [ring]}}


BAD_FIELDS: list[tuple[dict[str, Any], str, str]] = [
    ({"kind": "parade"}, "kind", "should be"),
    ({"kind": None}, "kind", "should be"),
    ({"urgensy": "routine"}, "urgensy", "did you mean urgency?"),
    ({"colour": "red"}, "colour", "is not known here"),
    ({"urgency": "panic"}, "urgency", "'routine'"),
    ({"urgency": 2}, "urgency", "should be"),
    ({"domain": "elsewhere"}, "domain", "'burgernet'"),
    ({"area": []}, "area", "at least 1"),
    ({"area": "Weesp"}, "area", "should be an object"),
    ({"area": {}}, "area", "exactly one"),
    ({"area": {"circle": {"lat": 52, "lon": 5, "radius_m": 9}, "municipality": "Weesp"}}, "area", "exactly one"),
    ({"area": {"square": 1}}, "area.square", "is not known here"),
    ({"area": {"circle": {"lat": 52, "lon": 5}}}, "area.circle.radius_m", "is required"),
    ({"area": {"circle": {"lat": 91, "lon": 5, "radius_m": 10}}}, "area.circle.lat", "less than or equal to 90"),
    ({"area": {"circle": {"lat": 52, "lon": -181, "radius_m": 10}}}, "area.circle.lon", "greater than or equal"),
    ({"area": {"circle": {"lat": "52", "lon": 5, "radius_m": 10}}}, "area.circle.lat", "valid number"),
    ({"area": {"circle": {"lat": True, "lon": 5, "radius_m": 10}}}, "area.circle.lat", "valid number"),
    ({"area": {"circle": {"lat": 52, "lon": 5, "radius_m": 0}}}, "area.circle.radius_m", "greater than 0"),
    ({"area": {"circle": {"lat": 52, "lon": 5, "radius_m": 5e6}}}, "area.circle.radius_m", "5,000,000 metres"),
    ({"area": [{"municipality": "Weesp"}, {"circle": circle(radius_m=-1)}]}, "area[1].circle.radius_m", "greater"),
    ({"area": {"municipality": "Atlantis"}}, "area.municipality", "Atlantis"),
    ({"area": [{"municipality": "Weesp"}, {"municipality": "Atlantis"}]}, "area[1].municipality", "Atlantis"),
    ({"area": {"municipality": ""}}, "area.municipality", "is empty"),
    ({"area": {"municipality": "We\u0000esp"}}, "area.municipality", "control character"),
    ({"area": {"polygon": {"type": "Point", "coordinates": [SQUARE]}}}, "area.polygon.type", "'Polygon'"),
    ({"area": polygon(SQUARE[:3])}, "area.polygon.coordinates[0]", "at least 4"),
    ({"area": polygon([*SQUARE[:3], [9]])}, "area.polygon.coordinates[0][3]", "at least 2"),
    ({"area": polygon([*SQUARE[:3], [5.2, 52.2]])}, "area.polygon.coordinates[0]", "not closed"),
    (
        {"area": {"polygon": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}}},
        "area.polygon",
        "crosses itself",
    ),
    ({"text": ""}, "text.nl", "is empty"),
    ({"text": 5}, "text", "must be a string"),
    ({"text": {}}, "text.nl", "is required"),
    ({"text": {"de": "Feuer"}}, "text.nl", "is required"),
    ({"text": {"nl": "Brand", "xx": "?"}}, "text.xx", "is not known here"),
    ({"text": {"nl": "Brand", "de": "  "}}, "text.de", "is empty"),
    ({"text": {"nl": {"speech": "Brand"}}}, "text.nl.sms", "is required"),
    ({"text": {"nl": {"sms": "Brand", "voice": "Brand"}}}, "text.nl.voice", "is not known here"),
    ({"text": "Brand\u0007"}, "text", "control character"),
    ({"text": "x" * 801}, "text.nl", "needs 6 SMS parts"),
    ({"text": "x" * 20_001}, "text", "at most 20000"),
    ({"lanes": []}, "lanes", "at least one"),
    ({"lanes": ["fax"]}, "lanes[0]", "'sms' or 'voice'"),
    ({"lanes": "sms fax"}, "lanes", "'sms' or 'voice'"),
    ({"control_room": "Elders"}, "control_room", "Midden"),
    ({"place": "x" * 201}, "place", "at most 200"),
    ({"place": "two\nlines"}, "place", "one line"),
    ({"expires_in_s": 0}, "expires_in_s", "greater than 0"),
    ({"expires_in_s": "600"}, "expires_in_s", "valid number"),
    ({"expires_in_s": 1e300}, "expires_in_s", "less than"),
    ({"expires_in_s": 86_401}, "expires_in_s", "86400"),
    ({"allow_long": "yes"}, "allow_long", "boolean"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "path", "message"), BAD_FIELDS)
@pytest.mark.parametrize("where", ["/api/v1/actions", "/api/v1/actions/preview"])
def test_each_bad_field_is_named_and_nothing_is_stored(
    office: Office, fields: dict[str, Any], path: str, message: str, where: str
) -> None:
    answer = office.ask("POST", where, changed(**fields))
    assert answer.status == 422
    assert message in answer.faults[path]
    assert office.actions.actions == []
    assert office.woken == []


@pytest.mark.parametrize("missing", ["kind", "area", "text"])
def test_a_missing_field_is_named(office: Office, missing: str) -> None:
    answer = office.ask("POST", "/api/v1/actions", {name: value for name, value in BOY.items() if name != missing})
    assert (answer.status, answer.faults) == (422, {missing: "is required"})


def test_every_fault_is_named_at_once(office: Office) -> None:
    answer = office.ask("POST", "/api/v1/actions", {"kind": "parade", "area": {}, "text": {"nl": 5}, "lanes": ["fax"]})
    assert set(answer.faults) == {"kind", "area", "text.nl", "lanes[0]"}


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "is empty"),
        (b"{", "line 1, column 2"),
        (b'{"kind": "fire",}', "is not JSON"),
        (b'{"kind": NaN}', "NaN"),
        (b'{"kind": "fire", "kind": "burglary"}', "'kind' twice"),
        (b'{"kind": "\xff"}', "is not UTF-8"),
        (b'{"kind": "\\ud800"}', "surrogate"),
        (b'{"kind": ' + b"9" * 5000 + b"}", "too long"),
        (b"[" * 100_000, "levels deep"),
        (b"[" * 33 + b"]" * 33, "levels deep"),
    ],
)
def test_what_is_no_json_is_malformed(office: Office, body: bytes, detail: str) -> None:
    answer = office.ask("POST", "/api/v1/actions", body, headers={"Content-Type": "application/json"})
    assert (answer.status, answer.json["type"]) == (400, "urn:burgernet:problem:malformed")
    assert detail in answer.json["detail"]


@pytest.mark.parametrize("body", [b"[]", b"null", b'"fire"', b"5"])
def test_json_that_is_no_object_is_refused(office: Office, body: bytes) -> None:
    assert office.ask("POST", "/api/v1/actions", body, headers={"Content-Type": "application/json"}).status == 422


def test_a_body_of_another_type_is_refused(office: Office) -> None:
    answer = office.ask("POST", "/api/v1/actions", b"kind=fire", headers={"Content-Type": "text/plain"})
    assert (answer.status, answer.json["detail"]) == (415, "this takes application/json")


def test_a_long_text_goes_out_where_the_request_allows_it(office: Office) -> None:
    assert office.ask("POST", "/api/v1/actions", changed(text="x" * 801, allow_long=True)).status == 201


# ---------------------------------------------------------------- idempotency


def with_key(key: str) -> dict[str, Any]:
    return {"headers": {"Idempotency-Key": key}}


def test_the_same_key_and_body_answer_the_same_action(office: Office) -> None:
    first = office.ask("POST", "/api/v1/actions", BOY, **with_key("k1"))
    again = office.ask("POST", "/api/v1/actions", dict(reversed(BOY.items())), **with_key("k1"))
    assert (first.status, again.status) == (201, 201)
    assert first.body == again.body
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(office.actions.actions) == 1
    assert office.woken == ["dispatch"]


def test_the_same_key_with_another_body_is_a_conflict(office: Office) -> None:
    office.ask("POST", "/api/v1/actions", BOY, **with_key("k1"))
    answer = office.ask("POST", "/api/v1/actions", changed(text="Iets anders"), **with_key("k1"))
    assert (answer.status, answer.json["type"]) == (409, "urn:burgernet:problem:conflict")
    assert len(office.actions.actions) == 1


def test_another_principal_may_use_the_same_key(office: Office) -> None:
    for key in ("operator-key", "admin-key"):
        assert office.ask("POST", "/api/v1/actions", BOY, key=key, **with_key("k1")).status == 201
    assert len(office.actions.actions) == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "k\xe9y", "a\tb"])
def test_a_faulty_idempotency_key_is_refused(office: Office, key: str) -> None:
    answer = office.ask("POST", "/api/v1/actions", BOY, **with_key(key))
    assert (answer.status, list(answer.faults)) == (422, ["Idempotency-Key"])
    assert office.actions.actions == []


def test_two_overlapping_requests_with_one_key_start_one_action(office: Office) -> None:
    held: list[Deferred[None]] = []

    def hold() -> Deferred[None]:
        held.append(Deferred())
        return held[-1]

    office.actions.gate = hold
    wires = [office.wire(), office.wire()]
    for wire in wires:
        wire.request("POST", "/api/v1/actions", BOY, key="operator-key", headers={"Idempotency-Key": "k1"})
    assert len(held) == 2
    for gate in reversed(held):
        gate.callback(None)
    answers = [wire.answer() for wire in wires]
    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].body == answers[1].body
    assert sorted(answer.headers.get("Idempotency-Replayed", "no") for answer in answers) == ["no", "true"]
    assert len(office.actions.actions) == 1


def test_a_sender_who_hangs_up_does_not_lose_the_action(office: Office) -> None:
    held: Deferred[None] = Deferred()
    office.actions.gate = lambda: held
    wire = office.wire()
    wire.request("POST", "/api/v1/actions", BOY, key="operator-key")
    wire.hang_up()
    held.callback(None)
    assert len(office.actions.actions) == 1
    assert office.woken == ["dispatch"]
    assert [event.kind for event in office.events.stored] == ["action.started"]


# ---------------------------------------------------------------- preview


def test_a_preview_shows_what_would_happen_and_stores_nothing(office: Office) -> None:
    text = {"nl": {"sms": "Kost 5 €" + "x" * 160, "speech": "Kost vijf euro"}, "de": "Kostet 5"}
    answer = office.ask("POST", "/api/v1/actions/preview", changed(text=text))
    assert answer.status == 200
    preview = answer.json
    assert preview["planned"] == {"sms": 1000, "voice": 200, "left_out": {"paused": 3, "no_lane": 2}}
    assert preview["estimate"]["segments"] == 900 * 2 + 100
    assert {language: spoken["text"] for language, spoken in preview["speech"].items()} == {
        "nl": "Kost vijf euro",
        "de": "Kostet 5",
    }
    composed = preview["sms"]["nl"]
    assert "".join(composed["parts"]) == composed["text"] == text["nl"]["sms"]
    assert (composed["encoding"], composed["units"], composed["units_left"]) == ("gsm7", 168, 152)
    assert composed["costly"] == [{"character": "€", "effect": "two", "instead": "euro", "count": 1}]
    assert (preview["urgency"], preview["lanes"], preview["expires_in_s"]) == ("immediate", ["sms", "voice"], 1800.0)
    assert set(preview["hints"]) == {"nl", "de"}
    assert office.actions.actions == []


# ---------------------------------------------------------------- changing and ending


def test_an_update_is_a_newer_version(office: Office) -> None:
    started(office)
    answer = office.ask("POST", "/api/v1/actions/action1/updates", {"text": "Hij draagt een blauwe jas"})
    assert (answer.status, answer.json["version"]) == (201, 2)
    assert answer.json["text"]["nl"]["sms"] == "Hij draagt een blauwe jas"


def test_closing_ends_an_action_and_doing_so_again_changes_nothing(office: Office) -> None:
    started(office)
    body = {"outcome": "success_by_citizen", "text": "Gevonden, dank u wel"}
    first = office.ask("POST", "/api/v1/actions/action1/close", body)
    again = office.ask("POST", "/api/v1/actions/action1/close", body)
    assert (first.status, again.status) == (200, 200)
    assert (first.json["state"], first.json["outcome"]) == ("closed", "success_by_citizen")
    assert first.json["closed_at"] == "2016-05-04T10:30:00.000Z"
    assert office.lane.cancelled == [1]
    assert [event.kind for event in office.events.stored] == ["action.started", "action.closed"]


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_its_word(office: Office, outcome: Outcome) -> None:
    started(office)
    answer = office.ask("POST", "/api/v1/actions/action1/close", {"outcome": outcome.value})
    assert answer.json["outcome"] == outcome.value


@pytest.mark.parametrize(
    ("path", "body", "fault"),
    [
        ("updates", {}, "text"),
        ("updates", {"text": ""}, "text.nl"),
        ("updates", {"text": "Nieuw", "outcome": "success"}, "outcome"),
        ("close", {}, "outcome"),
        ("close", {"outcome": "lost"}, "outcome"),
        ("close", {"outcome": "success", "text": ""}, "text.nl"),
    ],
)
def test_a_faulty_change_names_its_field(office: Office, path: str, body: dict[str, Any], fault: str) -> None:
    started(office)
    answer = office.ask("POST", f"/api/v1/actions/action1/{path}", body)
    assert (answer.status, list(answer.faults)) == (422, [fault])
    assert office.ask("GET", "/api/v1/actions/action1").json["version"] == 1


@pytest.mark.parametrize(("path", "body"), [("updates", {"text": "Nieuw"}), ("close", {"outcome": "stopped"})])
def test_what_is_closed_cannot_change(office: Office, path: str, body: dict[str, Any]) -> None:
    started(office)
    office.ask("POST", "/api/v1/actions/action1/close", {"outcome": "success"})
    assert office.ask("POST", f"/api/v1/actions/action1/{path}", body).status == 409


# ---------------------------------------------------------------- reading


def test_actions_come_newest_first_a_page_at_a_time(office: Office) -> None:
    for _ in range(5):
        started(office)
    office.ask("POST", "/api/v1/actions/action4/close", {"outcome": "success"})
    pages, before = [], ""
    while before is not None:
        page = office.ask("GET", f"/api/v1/actions?limit=2{before and f'&before={before}'}").json
        pages.append([action["id"] for action in page["actions"]])
        before = page["next_before"]
    assert pages == [["action5", "action4"], ["action3", "action2"], ["action1"]]
    still_open = office.ask("GET", "/api/v1/actions?open=true").json
    assert [action["id"] for action in still_open["actions"]] == ["action5", "action3", "action2", "action1"]
    assert still_open["next_before"] is None


@pytest.mark.parametrize(
    ("query", "path"),
    [("limit=0", "limit"), ("limit=5000", "limit"), ("limit=x", "limit"), ("opn=true", "opn"), ("open=si", "open"),
     ("limit=1&limit=2", "limit"), ("before=%ff", "before")],
)  # fmt: skip
def test_a_faulty_query_names_its_field(office: Office, query: str, path: str) -> None:
    answer = office.ask("GET", f"/api/v1/actions?{query}")
    assert (answer.status, list(answer.faults)) == (422, [path])


def test_deliveries_come_a_page_at_a_time_by_lane_and_state(office: Office) -> None:
    started(office)
    office.actions.rows["action1"] = [
        delivery(1),
        delivery(2, state="failed"),
        delivery(3, lane=Lane.VOICE, state="heard_full"),
        delivery(4),
    ]
    path = "/api/v1/actions/action1/deliveries"
    first = office.ask("GET", f"{path}?limit=3").json
    assert [row["id"] for row in first["deliveries"]] == [1, 2, 3]
    assert first["next_after"] == 3
    last = office.ask("GET", f"{path}?after=3").json
    assert ([row["id"] for row in last["deliveries"]], last["next_after"]) == ([4], None)
    assert [row["id"] for row in office.ask("GET", f"{path}?lane=voice").json["deliveries"]] == [3]
    assert [row["id"] for row in office.ask("GET", f"{path}?state=failed").json["deliveries"]] == [2]
    assert office.ask("GET", f"{path}?state=lost").faults.keys() == {"state"}
    assert first["deliveries"][0] == {
        "id": 1,
        "lane": "sms",
        "purpose": "alert",
        "version": 1,
        "ref": "p1",
        "number": "+31*****678",
        "language": "nl",
        "state": "delivered",
        "reason": None,
        "attempts": 1,
        "at": "2016-05-04T10:30:00.000Z",
        "detail": "",
    }


def test_deliveries_as_csv_are_all_of_them_and_harm_no_spreadsheet(office: Office) -> None:
    started(office)
    rows = [delivery(number) for number in range(1, 2501)]
    rows[0] = delivery(1, detail='=HYPERLINK("http://x";"y")')
    office.actions.rows["action1"] = rows
    answer = office.ask("GET", "/api/v1/actions/action1/deliveries", headers={"Accept": "text/csv"})
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="deliveries-action1.csv"'
    lines = answer.body.decode().split("\r\n")
    assert len(lines) == 1 + 2500 + 1
    assert lines[0] == "id,lane,purpose,version,ref,number,language,state,reason,attempts,at,detail"
    assert lines[1] == (
        '1,sms,alert,1,p1,\'+31*****678,nl,delivered,,1,2016-05-04T10:30:00.000Z,"\'=HYPERLINK(""http://x"";""y"")"'
    )
    limited = office.ask("GET", "/api/v1/actions/action1/deliveries?format=csv&limit=1500")
    assert limited.body.count(b"\r\n") == 1501


def test_a_csv_waits_for_a_slow_reader(office: Office) -> None:
    started(office)
    office.actions.rows["action1"] = [delivery(number) for number in range(1, 5001)]
    wire = office.wire()
    wire.transport.capacity = 10_000
    wire.request("GET", "/api/v1/actions/action1/deliveries?format=csv", key="reader-key")
    pieces = [wire.take()]
    while pieces[-1]:
        office.time.advance(50)  # slow, but reading
        pieces.append(wire.take())
    assert len(pieces) > 5
    assert dechunked(b"".join(pieces)).count(b"\r\n") == 5001


def test_a_reader_who_stopped_reading_a_csv_is_dropped(office: Office) -> None:
    started(office)
    office.actions.rows["action1"] = [delivery(number) for number in range(1, 5001)]
    wire = office.wire()
    wire.transport.capacity = 10_000
    wire.request("GET", "/api/v1/actions/action1/deliveries?format=csv", key="reader-key")
    waiting = len(wire.received)
    assert waiting < 200_000
    office.time.advance(59)
    assert (wire.open, len(wire.received)) == (True, waiting)
    office.time.advance(2)
    assert (wire.open, len(wire.received)) == (False, waiting)


def test_responses_are_listed_and_judged(office: Office) -> None:
    started(office)
    reply = SmsReply("alpha", "+31612345678", "+31600000000", "Ik zie hem", office.clock.now())
    Deferred.fromCoroutine(office.responses.record_reply(reply, now=office.clock.now()))
    listed = office.ask("GET", "/api/v1/actions/action1/responses", key="reader-key").json["responses"]
    assert [(row["id"], row["kind"], row["caller"], row["text"]) for row in listed] == [
        ("response1", "sms", "+31*****678", "Ik zie hem")
    ]
    answer = office.ask("PATCH", "/api/v1/responses/response1", {"useful": True, "note": "bij de brug"})
    assert answer.status == 200
    assert (answer.json["useful"], answer.json["led_to_success"], answer.json["note"]) == (True, None, "bij de brug")
    assert office.events.stored[-1].kind == "response.changed"
    assert office.events.stored[-1].data["by"] == "the operator"


@pytest.mark.parametrize(
    ("body", "path"), [({}, ""), ({"useful": "yes"}, "useful"), ({"note": "x" * 2001}, "note"), ({"use": True}, "use")]
)
def test_a_faulty_judgement_names_its_field(office: Office, body: dict[str, Any], path: str) -> None:
    answer = office.ask("PATCH", "/api/v1/responses/response1", body)
    assert answer.status == 422
    assert path in answer.faults


def test_the_report_has_the_shape_of_the_contract(office: Office) -> None:
    started(office)
    report = office.ask("GET", "/api/v1/actions/action1/report", key="reader-key").json
    assert report["action"]["code"] == "111"
    assert report["lanes"]["sms"] == {
        "planned": 1000,
        "submitted": 990,
        "delivered": 980,
        "failed": {"undeliverable": 10},
        "uncertain": 1,
        "pending": 0,
        "awaiting_receipt": 0,
    }
    assert set(report["lanes"]["voice"]) == {
        "planned", "dialled", "answered", "heard_full", "heard_part", "voicemail", "failed", "uncertain", "pending",
    }  # fmt: skip
    assert report["reach"] == [{"t_s": 1.5, "sms": 400, "voice": 0}, {"t_s": 3.0, "sms": 980, "voice": 0}]
    assert (report["first_s"], report["t50_s"], report["t95_s"]) == (0.8, 1.7, 2.9)
    assert report["responses"] == {
        "total": 2, "call": 0, "sms": 2, "keypress": 0, "spoke_to_operator": 0, "useful": 1, "led_to_success": 0,
    }  # fmt: skip
    assert report["cost_eur"] == 118.8


def test_the_report_as_csv_has_a_value_a_row(office: Office) -> None:
    started(office)
    answer = office.ask("GET", "/api/v1/actions/action1/report", headers={"Accept": "text/csv"})
    lines = answer.body.decode().split("\r\n")
    for line in ("section,name,value", "sms,planned,1000", "sms.failed,undeliverable,10", "reach.sms,1.5,400",
                 "time,t50_s,1.7", "responses,useful,1", "segments,31,1980", "cost,eur,118.8"):  # fmt: skip
        assert line in lines


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/v1/actions/none", None),
        ("GET", "/api/v1/actions/none/deliveries", None),
        ("GET", "/api/v1/actions/none/deliveries?format=csv", None),
        ("GET", "/api/v1/actions/none/responses", None),
        ("GET", "/api/v1/actions/none/report", None),
        ("GET", "/api/v1/actions/none/events", None),
        ("POST", "/api/v1/actions/none/updates", {"text": "Nieuw"}),
        ("POST", "/api/v1/actions/none/close", {"outcome": "success"}),
        ("PATCH", "/api/v1/responses/none", {"useful": True}),
    ],
)
def test_what_does_not_exist_is_not_found(office: Office, method: str, path: str, body: Any) -> None:
    answer = office.ask(method, path, body)
    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert answer.json["instance"] == path.partition("?")[0]
