"""``burgernet action`` against an HTTP server that answers what it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main

STARTED = {
    "id": "k3v9",
    "code": "347",
    "state": "open",
    "version": 1,
    "planned": {"sms": 8000, "voice": 120, "left_out": {"quiet_hours": 12}},
    "estimate": {"segments": 16000, "cost_eur": 960.0, "seconds": 85.2},
}
ACTION = {
    "id": "k3v9",
    "code": "347",
    "kind": "missing_person",
    "urgency": "immediate",
    "domain": "burgernet",
    "state": "closed",
    "version": 2,
    "area": [{"circle": {"lat": 52.312, "lon": 5.043, "radius_m": 3000.0}}, {"municipality": "Weesp"}],
    "text": {"nl": {"sms": "Vermist: [jongen] van 5", "speech": "Er wordt een jongen vermist"}},
    "lanes": ["sms"],
    "control_room": None,
    "place": "Weesp",
    "created_at": "2016-05-04T10:30:00.000Z",
    "created_by": "desk-1",
    "expires_at": "2016-05-04T11:00:00.000Z",
    "closed_at": "2016-05-04T10:59:00.000Z",
    "outcome": "success",
    "planned": {"sms": 8000, "voice": 120, "left_out": {}},
}
PREVIEW = {
    "urgency": "immediate",
    "lanes": ["sms", "voice"],
    "expires_in_s": 1800.0,
    "planned": STARTED["planned"],
    "estimate": STARTED["estimate"],
    "sms": {
        "nl": {
            "text": "Kost 5 €",
            "encoding": "gsm7",
            "parts": ["Kost 5 €"],
            "units": 9,
            "units_left": 151,
            "costly": [{"character": "€", "effect": "two", "instead": "euro", "count": 1}],
        }
    },
    "speech": {
        "nl": {
            "text": "Kost vijf euro",
            "url": "/api/v1/speech/0123.wav",
            "seconds": 9.5,
            "engine": "espeak-ng",
            "fallbacks": [],
            "problem": None,
        }
    },
    "hints": {"nl": [{"found": "sgn", "instead": "signalement", "why": "people do not know this abbreviation"}]},
}
REPORT = {
    "action": {"id": "k3v9", "code": "347"},
    "versions": [],
    "lanes": {
        "sms": {
            "planned": 1000,
            "submitted": 990,
            "delivered": 970,
            "failed": {"undeliverable": 10},
            "uncertain": 3,
            "pending": 10,
            "awaiting_receipt": 7,
        },
        "voice": {
            "planned": 20,
            "dialled": 18,
            "answered": 12,
            "heard_full": 9,
            "heard_part": 3,
            "voicemail": 2,
            "failed": {"busy": 1},
            "uncertain": 0,
            "pending": 2,
        },
    },
    "reach": [],
    "first_s": 0.84,
    "t50_s": 1.7,
    "t95_s": None,
    "responses": {
        "total": 2, "call": 0, "sms": 2, "keypress": 0, "spoke_to_operator": 0, "useful": 1, "led_to_success": 0,
    },
    "segments": {"31": 1980},
    "cost_eur": 118.8,
}  # fmt: skip


@dataclass
class Daemon:
    """Answers in turn, and keeps what was asked.

    Attributes:
        answers: (status, body) to give; a body of ``None`` hangs up without an answer.
    """

    url: str = ""
    answers: list[tuple[int, Any]] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)

    def answer(self, body: Any, status: int = 200) -> None:
        self.answers.append((status, body))

    @property
    def body(self) -> Any:
        """What was sent last."""
        return self.asked[-1][3]


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            daemon.asked.append((self.command, self.path, dict(self.headers), body))
            status, answer = daemon.answers.pop(0)
            if answer is None:
                self.close_connection = True
                return
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            media = "text/csv" if isinstance(answer, bytes) and status == 200 else "application/json"
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "http://elsewhere.example/")
            self.send_header("Content-Type", media)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = handle_any  # noqa: N815 - http.server's names

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    daemon.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BURGERNET_URL", daemon.url)
    monkeypatch.setenv("BURGERNET_KEY", "bn_key")
    yield daemon
    server.shutdown()
    thread.join()
    server.server_close()


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner(mix_stderr=False).invoke(main, ["action", *arguments], input=stdin, catch_exceptions=False)


START = ("start", "--kind", "missing_person", "--text", "Vermist: jongen van 5")
CIRCLE = ("--circle", "52.312,5.043,3000")


# ---------------------------------------------------------------- what is sent


def test_start_sends_what_was_said_and_prints_the_plan(daemon: Daemon) -> None:
    daemon.answer(STARTED, 201)
    result = run(*START, *CIRCLE)
    assert result.exit_code == 0, result.output
    method, path, headers, body = daemon.asked[0]
    assert (method, path) == ("POST", "/api/v1/actions")
    assert headers["Authorization"] == "Bearer bn_key"
    assert len(headers["Idempotency-Key"]) == 32
    assert body == {
        "kind": "missing_person",
        "area": [{"circle": {"lat": 52.312, "lon": 5.043, "radius_m": 3000.0}}],
        "text": {"nl": "Vermist: jongen van 5"},
    }
    for told in ("k3v9", "347", "8000 by sms", "12 have quiet hours", "€ 960.00", "85.2 s"):
        assert told in result.stdout


def test_start_sends_every_option(daemon: Daemon, tmp_path: Path) -> None:
    daemon.answer(STARTED, 201)
    options = ("--urgency", "life_safety", "--lane", "sms", "--lane", "voice", "--expires-in", "2h", "--place", "Weesp",
               "--control-room", "Midden", "--text-de", "Vermisst", "--speech", "Er wordt vermist", "--allow-long",
               "--idempotency-key", "k1")  # fmt: skip
    assert run(*START, "--municipality", "Weesp", *options).exit_code == 0
    assert daemon.asked[0][2]["Idempotency-Key"] == "k1"
    assert daemon.body == {
        "kind": "missing_person",
        "area": [{"municipality": "Weesp"}],
        "text": {"nl": {"sms": "Vermist: jongen van 5", "speech": "Er wordt vermist"}, "de": "Vermisst"},
        "urgency": "life_safety",
        "lanes": ["sms", "voice"],
        "expires_in_s": 7200.0,
        "place": "Weesp",
        "control_room": "Midden",
        "allow_long": True,
    }


RING = [[5.0, 52.0], [5.1, 52.0], [5.1, 52.1], [5.0, 52.0]]
POLYGON = {"type": "Polygon", "coordinates": [RING]}


@pytest.mark.parametrize(
    ("document", "polygons"),
    [
        (POLYGON, 1),
        ({"type": "Feature", "properties": {}, "geometry": POLYGON}, 1),
        ({"type": "MultiPolygon", "coordinates": [[RING], [RING]]}, 2),
        ({"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": POLYGON}] * 3}, 3),
        ({"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [5, 52]}, POLYGON]}, 1),
    ],
)
def test_areas_of_every_kind_may_be_mixed(daemon: Daemon, tmp_path: Path, document: Any, polygons: int) -> None:
    file = tmp_path / "area.geojson"
    file.write_text(json.dumps(document))
    daemon.answer(STARTED, 201)
    areas = ("--polygon", str(file), "--municipality", "Weesp", *CIRCLE, "--municipality", "Muiden")
    assert run(*START, *areas).exit_code == 0
    circle, *shapes, weesp, muiden = daemon.body["area"]
    assert "circle" in circle
    assert [weesp, muiden] == [{"municipality": "Weesp"}, {"municipality": "Muiden"}]
    assert shapes == [{"polygon": POLYGON}] * polygons


def test_a_text_comes_from_a_file_or_from_stdin(daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_text("Vermist: René\n", encoding="utf-8")
    for source, stdin in ((str(file), None), ("-", "Vermist: René\n")):
        daemon.answer(STARTED, 201)
        result = run("start", "--kind", "fire", *CIRCLE, "--text-file", source, stdin=stdin)
        assert result.exit_code == 0, result.output
        assert daemon.body["text"] == {"nl": "Vermist: René"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((*START,), "name an area"),
        (("start", "--kind", "fire", *CIRCLE), "give a text"),
        (("start", "--kind", "parade", *CIRCLE, "--text", "x"), "parade"),
        ((*START, "--circle", "52,5"), "LAT,LON,RADIUS_M"),
        ((*START, "--circle", "52,5,x"), "LAT,LON,RADIUS_M"),
        ((*START, "--polygon", "none.geojson"), "No such file"),
        ((*START, *CIRCLE, "--expires-in", "30"), "90s, 30m or 2h"),
        ((*START, *CIRCLE, "--lane", "fax"), "fax"),
        ((*START, *CIRCLE, "--text-file", "-"), "not both"),
        (("start", "--kind", "fire", *CIRCLE, "--text-de", "Feuer"), "Dutch text too"),
        (("update", "k3v9"), "give a text"),
        (("close", "k3v9"), "--outcome"),
        (("close", "k3v9", "--outcome", "lost"), "lost"),
        (("report", "k3v9", "--csv", "--json"), "not both"),
    ],
)
def test_a_usage_error_ends_with_2_and_asks_nobody(daemon: Daemon, arguments: tuple[str, ...], told: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert told in result.stderr
    assert daemon.asked == []


@pytest.mark.parametrize("content", ["{", "5", "[]", '{"type": "Polygon"}', '{"type": "Feature", "geometry": null}'])
def test_a_file_that_is_no_geojson_is_a_usage_error(daemon: Daemon, tmp_path: Path, content: str) -> None:
    file = tmp_path / "area.geojson"
    file.write_text(content)
    result = run(*START, "--polygon", str(file))
    assert result.exit_code == 2
    assert "GeoJSON" in result.stderr


# ---------------------------------------------------------------- what is printed


def test_preview_shows_the_message_and_what_could_be_better(daemon: Daemon) -> None:
    daemon.answer(PREVIEW)
    result = run(*START, *CIRCLE, "--preview")
    assert daemon.asked[0][1] == "/api/v1/actions/preview"
    assert "Idempotency-Key" not in daemon.asked[0][2]
    for told in ("Kost 5 €", "1 part(s), gsm7, 151 left", "'€' counts double; write 'euro'", "Kost vijf euro",
                 "sgn -> signalement", "30 minutes"):  # fmt: skip
        assert told in result.stdout


def test_an_action_is_shown_with_its_words_as_they_are(daemon: Daemon) -> None:
    daemon.answer(ACTION)
    result = run("show", "k3/v9")
    assert daemon.asked[0][1] == "/api/v1/actions/k3%2Fv9"
    for told in ("347", "3000 m around 52.312 N 5.043 E; Weesp", "Vermist: [jongen] van 5", "success at 2016-05-04"):
        assert told in result.stdout


def test_actions_are_listed(daemon: Daemon) -> None:
    daemon.answer({"actions": [ACTION], "next_before": None})
    daemon.answer({"actions": [], "next_before": None})
    listed, empty = run("list", "--open", "--limit", "5"), run("list")
    assert daemon.asked[0][1] == "/api/v1/actions?open=true&limit=5"
    assert "8000 sms, 120 voice" in listed.stdout
    assert "There are no actions." in empty.stdout


def test_a_report_is_a_table(daemon: Daemon) -> None:
    daemon.answer(REPORT)
    lines = [line.split() for line in run("report", "k3v9").stdout.splitlines()]
    for row in (["planned", "1000", "20"], ["failed:", "undeliverable", "10"], ["failed:", "busy", "1"],
                ["awaiting", "receipt", "7"], ["first", "reached", "0.84", "s"], ["95", "%", "reached", "-"],
                ["responses", "2"], ["useful", "1"], ["cost", "€", "118.80"]):  # fmt: skip
        assert row in lines


def test_a_report_as_csv_is_passed_on_as_it_is(daemon: Daemon) -> None:
    daemon.answer(b"section,name,value\r\nsms,planned,1000\r\n")
    result = run("report", "k3v9", "--csv")
    assert result.stdout_bytes == b"section,name,value\r\nsms,planned,1000\r\n"
    assert daemon.asked[0][1] == "/api/v1/actions/k3v9/report?format=csv"


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ((*START, *CIRCLE), STARTED),
        ((*START, *CIRCLE, "--preview"), PREVIEW),
        (("show", "k3v9"), ACTION),
        (("report", "k3v9"), REPORT),
        (("update", "k3v9", "--text", "Nieuw"), ACTION),
        (("close", "k3v9", "--outcome", "success", "--text", "Gevonden"), ACTION),
    ],
)
def test_json_is_the_answer_of_the_api(daemon: Daemon, arguments: tuple[str, ...], answer: Any) -> None:
    daemon.answer(answer)
    assert json.loads(run(*arguments, "--json").stdout) == answer


def test_update_and_close_say_what_was_done(daemon: Daemon) -> None:
    daemon.answer(ACTION, 201)
    daemon.answer(ACTION)
    assert run("update", "k3v9", "--text", "Nieuw").stdout == "Action 347 is at version 2.\n"
    assert run("close", "k3v9", "--outcome", "success").stdout == "Action 347 is closed: success.\n"
    assert [(path, body) for _, path, _, body in daemon.asked] == [
        ("/api/v1/actions/k3v9/updates", {"text": {"nl": "Nieuw"}}),
        ("/api/v1/actions/k3v9/close", {"outcome": "success"}),
    ]


# ---------------------------------------------------------------- what goes wrong


def test_a_problem_is_told_in_words(daemon: Daemon) -> None:
    errors = [{"path": "area.circle.radius_m", "message": "is too much"}, {"path": "text.nl", "message": "is empty"}]
    daemon.answer({"title": "The request has faulty fields", "status": 422, "detail": "", "errors": errors}, 422)
    result = run(*START, *CIRCLE)
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: The request has faulty fields (422)\n  area.circle.radius_m: is too much\n  text.nl: is empty\n"
    )
    assert result.stdout == ""


def test_a_refused_key_tells_where_it_came_from(daemon: Daemon) -> None:
    daemon.answer({"title": "A valid key is needed", "status": 401, "detail": "this key is not valid"}, 401)
    result = run("list")
    assert result.exit_code == 1
    assert "BURGERNET_KEY" in result.stderr
    assert "bn_key" not in result.stderr


def test_an_answer_of_something_else_is_told_by_its_status(daemon: Daemon) -> None:
    daemon.answer(b"<html>", 502)
    result = run("list")
    assert (result.exit_code, result.stderr) == (1, "Error: the answer was 502 Bad Gateway\n")


def test_a_key_does_not_follow_a_redirect(daemon: Daemon) -> None:
    daemon.answer(b"", 302)
    result = run("list")
    assert (result.exit_code, result.stderr) == (1, "Error: the answer was 302 Found\n")
    assert len(daemon.asked) == 1


def test_a_start_without_an_answer_is_sent_once_more_under_the_same_key(daemon: Daemon) -> None:
    daemon.answer(None)
    daemon.answer(STARTED, 201)
    result = run(*START, *CIRCLE)
    assert result.exit_code == 0, result.output
    first, second = daemon.asked
    assert first[2]["Idempotency-Key"] == second[2]["Idempotency-Key"]


def test_a_start_that_stays_without_an_answer_tells_how_to_go_on(daemon: Daemon) -> None:
    daemon.answers = [(0, None), (0, None)]
    result = run(*START, *CIRCLE, "--idempotency-key", "k1")
    assert result.exit_code == 1
    assert "--idempotency-key k1" in result.stderr


def test_a_close_without_an_answer_is_not_sent_again(daemon: Daemon) -> None:
    daemon.answer(None)
    result = run("close", "k3v9", "--outcome", "success")
    assert result.exit_code == 1
    assert "may have been done or not" in result.stderr
    assert len(daemon.asked) == 1


def test_where_no_daemon_runs_it_is_told_how_to_start_one(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    monkeypatch.setenv("BURGERNET_URL", f"http://127.0.0.1:{free_port}")
    result = run("list")
    assert result.exit_code == 1
    assert "no daemon answers" in result.stderr
    assert "burgernet serve" in result.stderr


def test_a_faulty_url_is_told(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURGERNET_URL", "file:///etc/passwd")
    assert "http://" in run("list").stderr


# ---------------------------------------------------------------- key and address


def test_the_key_comes_from_a_file_of_the_settings(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("BURGERNET_KEY")
    monkeypatch.delenv("BURGERNET_URL")
    (tmp_path / "desk.key").write_text("bn_from_file\n")
    listen = daemon.url.removeprefix("http://")
    (tmp_path / "other.toml").write_text(f'[http]\nlisten = "{listen}"\n[cli]\nkey_file = "desk.key"\n')
    daemon.answer({"actions": [], "next_before": None})
    result = run("list", "-c", str(tmp_path / "other.toml"))
    assert result.exit_code == 0, result.output
    assert daemon.asked[0][2]["Authorization"] == "Bearer bn_from_file"


def test_settings_are_found_in_this_folder_or_by_a_variable(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("BURGERNET_URL")
    listen = daemon.url.removeprefix("http://")
    (tmp_path / "burgernet.toml").write_text(f'[http]\nlisten = "{listen}"\n')
    daemon.answer({"actions": [], "next_before": None})
    assert run("list").exit_code == 0
    (tmp_path / "burgernet.toml").rename(tmp_path / "named.toml")
    monkeypatch.setenv("BURGERNET_CONFIG", str(tmp_path / "named.toml"))
    daemon.answer({"actions": [], "next_before": None})
    assert run("list").exit_code == 0


def test_without_a_key_it_is_told_how_to_make_one(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BURGERNET_KEY")
    result = run("list")
    assert result.exit_code == 1
    assert "burgernet keys create" in result.stderr


@pytest.mark.parametrize("key", ["two words", "sleutel\u00e9", "line\nbreak"])
def test_what_cannot_be_a_key_is_refused(daemon: Daemon, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("BURGERNET_KEY", key)
    result = run("list")
    assert result.exit_code == 1
    assert key not in result.stderr


def test_faulty_settings_are_told_with_every_path(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "burgernet.toml").write_text('[http]\nlisten = "nowhere"\nlisen = 1\n')
    result = run("list")
    assert result.exit_code == 1
    assert "http.listen:" in result.stderr
    assert "http.lisen:" in result.stderr
