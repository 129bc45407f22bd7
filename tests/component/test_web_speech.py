"""Speech over HTTP: complaints before launch, a preview to listen to, recordings."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from fakes.memory import key_of
from fakes.office import Office

from gateway.domain.delivery import Purpose

FIRE = {"kind": "fire", "area": {"municipality": "Weesp"}, "text": "Brand in Weesp", "place": "Weesp"}


def asked(office: Office, path: str = "/api/v1/actions", **fields: Any) -> Any:
    return office.ask("POST", path, FIRE | fields)


def test_preview_gives_an_address_where_the_message_can_be_heard(office: Office) -> None:
    spoken = asked(office, "/api/v1/actions/preview", text="Vermist").json["speech"]["nl"]
    assert spoken["url"] == f"/api/v1/speech/{key_of('Vermist')}.wav"
    heard = office.ask("GET", spoken["url"])
    assert (heard.status, heard.headers["Content-Type"], heard.body) == (200, "audio/wav", b"RIFF")


def test_preview_of_an_action_that_calls_nobody_renders_nothing(office: Office) -> None:
    spoken = asked(office, "/api/v1/actions/preview", lanes="sms").json["speech"]["nl"]
    assert spoken["url"] is None
    assert office.speech.rendered == []


def test_preview_says_why_nothing_can_be_heard(office: Office) -> None:
    office.speech.broken = "no engine could speak"
    spoken = asked(office, "/api/v1/actions/preview").json["speech"]["nl"]
    assert (spoken["url"], spoken["problem"]) == (None, "no engine could speak")


@pytest.mark.parametrize(
    "name", ["..%2F..%2Fetc%2Fpasswd.wav", "0123.wav", "A" * 40 + ".wav", "a" * 40, "a" * 40 + ".wav%00", "%2e%2e.wav"]
)
def test_only_names_of_rendered_sounds_are_looked_up(office: Office, name: str) -> None:
    assert office.ask("GET", f"/api/v1/speech/{name}").status == 404


def test_listening_needs_a_key(office: Office) -> None:
    assert office.ask("GET", f"/api/v1/speech/{'a' * 40}.wav", key=None).status == 401


def test_text_that_no_voice_can_read_is_refused_before_anybody_is_called(office: Office) -> None:
    answer = asked(office, text={"nl": "Brand", "de": {"sms": "Feuer", "speech": "🔥🔥"}})
    assert answer.status == 422
    assert answer.json["errors"] == [{"path": "text.de", "message": "there is nothing that a voice can read"}]
    assert office.actions.actions == []


def test_text_that_no_voice_can_read_may_be_sent_as_sms(office: Office) -> None:
    assert asked(office, text={"nl": {"sms": "Brand", "speech": "🔥"}}, lanes="sms").status == 201


def test_speech_is_made_when_an_action_starts_once_for_each_language_of_its_people(office: Office) -> None:
    asked(office, text={"nl": "Brand in Weesp", "de": "Brand in Weesp, Achtung"})
    assert [(one.words, one.language, one.place) for one in office.speech.rendered] == [
        ("Brand in Weesp", "nl", "Weesp")
    ]


def test_newer_text_and_closing_text_are_spoken_too(office: Office) -> None:
    asked(office)
    office.ask("POST", "/api/v1/actions/action1/updates", {"text": "Brand onder controle"})
    office.ask("POST", "/api/v1/actions/action1/close", {"outcome": "success", "text": "Brand uit"})
    spoken = [(one.words, one.purpose) for one in office.speech.rendered[1:]]
    assert spoken == [("Brand onder controle", Purpose.ALERT), ("Brand uit", Purpose.CLOSING)]


def test_action_starts_where_speech_fails_and_the_failure_is_told(office: Office) -> None:
    office.speech.broken = "no room for speech in /sounds"
    assert asked(office).status == 201
    told = [event for event in office.events.stored if event.kind == "speech.failed"]
    assert [event.data for event in told] == [{"language": "nl", "problem": "no room for speech in /sounds"}]


def recorded(sound: bytes) -> dict[str, Any]:
    return {"nl": {"sms": "Brand", "recording": base64.b64encode(sound).decode()}}


def test_recording_is_kept_and_stands_in_the_action_by_its_digest(office: Office) -> None:
    assert asked(office, text=recorded(b"RIFF and so on")).status == 201
    text = office.ask("GET", "/api/v1/actions/action1").json["text"]
    assert len(text["nl"]["recording"]) == 64
    assert office.speech.rendered[0].recording == text["nl"]["recording"]


def test_recording_that_cannot_be_played_is_refused(office: Office) -> None:
    answer = asked(office, text=recorded(b"MZ, a program"))
    assert answer.status == 422
    assert answer.json["errors"][0]["path"] == "text.nl.recording"


def test_recording_that_is_no_base64_is_refused(office: Office) -> None:
    answer = asked(office, text={"nl": {"sms": "Brand", "recording": "é"}})
    assert answer.status == 422
    assert answer.json["errors"][0]["path"] == "text.nl.recording"
