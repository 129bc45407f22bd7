"""Calls through real Asterisks: telephones ring, hear the message, press keys, fail; the daemon dies in the midst."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes.telephony import Telephony, places_of, samples

from gateway.settings import load
from gateway.wiring.checks import check

LISTENER = "+31294430001"
MACHINE = "+31294430094"
DESK = "+31343500089"
WORDS = "Vermist: jongen van vijf jaar, blond haar, rode jas."


@pytest.fixture
def telephony(tmp_path: Path) -> Iterator[Telephony]:
    line = Telephony(tmp_path, f"sqlite:///{tmp_path}/burgernet.db")
    try:
        yield line
    finally:
        line.stop()


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Telephony, str]]:
    """One action that calls telephones of every kind, when all of it is over."""
    folder = tmp_path_factory.mktemp("evening")
    line = Telephony(folder, f"sqlite:///{folder}/burgernet.db")
    try:
        ends = ("90", "91", "93", "95", "96", "97", "98")
        people = [{"landline": f"+312944300{end}"} for end in ends]
        people += [{"landline": LISTENER}, {"landline": MACHINE}]
        people += [{"landline": "+31294430092", "mobile": "+31612345678", "lanes": "voice"}]
        line.start(*people)
        action = line.act(WORDS)
        line.over(action, 90)
        yield line, action
    finally:
        line.stop()


def message(line: Telephony) -> np.ndarray[Any, Any]:
    """The samples of the message as it was rendered, jingle and introduction included."""
    area = {"circle": {"lat": 52.3065, "lon": 5.0436, "radius_m": 500}}
    body = {"kind": "missing_person", "area": area, "text": WORDS, "place": "Weesp"}
    spoken = line.ask("POST", "/api/v1/actions/preview", body)["speech"]["nl"]
    request = urllib.request.Request(line.url + spoken["url"], headers={"Authorization": f"Bearer {line.key}"})
    path = line.folder / "message.wav"
    with urllib.request.urlopen(request, timeout=20) as answer:
        path.write_bytes(answer.read())
    return samples(path)


def by_number(line: Telephony, action: str) -> dict[str, tuple[str, str | None, int]]:
    return {
        one["number"][-2:]: (one["state"], one["reason"], one["attempts"])
        for one in line.deliveries(action)
        if one["lane"] == "voice"
    }


# ---------------------------------------------------------------- an evening


def test_telephone_rings_and_hears_the_whole_message_twice_at_the_right_level(
    evening: tuple[Telephony, str],
) -> None:
    line, action = evening
    assert by_number(line, action)["01"] == ("heard_full", None, 1)
    (tape,) = line.tapes(LISTENER)
    heard, whole = samples(tape), message(line)
    (first, *_) = places_of(whole, heard)
    assert first[0] < 2.0
    assert first[1] > 0.95
    # Without its silence at the front, from the first sample of the jingle.
    sounding = np.flatnonzero(np.abs(whole) > 0.02)[0]
    assert places_of(whole[sounding : sounding + 4000], heard, 0.9), "the beginning was clipped"
    assert len(places_of(whole[-4 * 8000 :], heard)) >= 2
    # RFC 7874: active speech at -22 dBFS, 6 dB more or less.
    frames = heard[: len(heard) // 160 * 160].reshape(-1, 160)
    loud = np.sqrt(np.mean(frames**2, axis=1))
    active = loud[loud > 10 ** (-40 / 20)]
    assert -28.0 < 20 * np.log10(np.sqrt(np.mean(active**2))) < -16.0


def test_every_end_of_a_call_leads_to_what_the_table_says(evening: tuple[Telephony, str]) -> None:
    found = by_number(*evening)
    assert {end: found[end] for end in ("90", "91", "92", "93", "95", "96")} == {
        "90": ("failed", "busy", 2),
        "91": ("failed", "no_answer", 2),
        "92": ("failed", "unallocated", 1),
        "93": ("failed", "no_answer", 2),
        "95": ("heard_part", None, 1),
        "96": ("failed", "call_rejected", 2),
    }


def test_report_counts_both_lanes(evening: tuple[Telephony, str]) -> None:
    line, action = evening
    lanes = line.ask("GET", f"/api/v1/actions/{action}/report")["lanes"]
    voice = lanes["voice"]
    assert (voice["planned"], voice["dialled"], voice["pending"], voice["voicemail"]) == (10, 10, 0, 1)
    assert voice["answered"] == voice["heard_full"] + voice["heard_part"] + voice["voicemail"] == 5
    # The only SMS is the one that followed a dead number.
    assert lanes["sms"]["planned"] == 1


def test_answering_machine_takes_the_whole_message_after_its_beep(evening: tuple[Telephony, str]) -> None:
    line, action = evening
    assert by_number(line, action)["94"] == ("voicemail", None, 1)
    (tape,) = line.tapes(MACHINE)
    assert [likeness > 0.95 for _, likeness in places_of(message(line), samples(tape))] == [True]


def test_key_1_is_a_response_and_reaches_the_control_room(evening: tuple[Telephony, str]) -> None:
    line, action = evening
    assert line.tapes(DESK), "the control room's desk was not reached"
    (response,) = line.ask("GET", f"/api/v1/actions/{action}/responses")["responses"]
    assert (response["kind"], response["text"]) == ("keypress", "1")
    assert line.ask("GET", f"/api/v1/actions/{action}/report")["responses"]["keypress"] == 1


def test_key_0_twice_ends_the_calls_for_good(evening: tuple[Telephony, str]) -> None:
    line, _ = evening
    assert [line.ask("GET", f"/api/v1/participants/p{n}")["left"] for n in (5, 6)] == [False, True]


def test_dead_number_is_followed_by_an_sms(evening: tuple[Telephony, str]) -> None:
    line, action = evening
    assert [(one["state"], one["ref"]) for one in line.deliveries(action) if one["lane"] == "sms"] == [("queued", "p9")]


def test_trunk_tells_what_it_carried(evening: tuple[Telephony, str]) -> None:
    (trunk,) = evening[0].ask("GET", "/api/v1/trunks")["trunks"]
    assert (trunk["name"], trunk["state"], trunk["in_use"], trunk["answered"]) == ("alpha", "up", 0, 5)
    assert trunk["outcomes"]["busy"] == 2


def test_check_says_that_asterisk_lets_us_in_and_the_trunk_answers(evening: tuple[Telephony, str]) -> None:
    line, _ = evening
    found = [one for one in check(load(line.config, {})) if one.name == "asterisk"]
    assert [(one.ok, one.detail.partition(" as ")[2]) for one in found] == [(True, "burgernet; alpha reached")]


# ---------------------------------------------------------------- stops, deaths and newer texts


def test_stop_hangs_up_what_rings_and_dials_nobody_more(telephony: Telephony) -> None:
    telephony.start({"landline": "+31294430091"}, {"landline": LISTENER})
    action = telephony.act(WORDS)
    telephony.until(lambda: telephony.voice(action)["dialled"] == 2, "both are dialled")
    telephony.until(lambda: telephony.tapes(LISTENER), "the listener hears it")
    telephony.ask("POST", f"/api/v1/actions/{action}/close", {"outcome": "stopped"})
    telephony.until(lambda: by_number(telephony, action)["91"][0] == "cancelled", "the ringing call is ended", 1.5)
    assert telephony.over(action)["heard_full"] == 1


def test_daemon_that_is_killed_leaves_calls_that_go_on_and_are_found_again(telephony: Telephony) -> None:
    telephony.start({"landline": LISTENER}, {"landline": "+31294430002"})
    action = telephony.act(WORDS)
    telephony.until(lambda: telephony.tapes(LISTENER) and telephony.tapes("+31294430002"), "both listen")
    whole = message(telephony)
    telephony.kill_daemon()
    telephony.serve()
    counts = telephony.over(action)
    assert (counts["heard_full"], counts["uncertain"], counts["failed"]) == (2, 0, {})
    for number in (LISTENER, "+31294430002"):
        (tape,) = telephony.tapes(number)
        # The dialplan began the message anew when the gateway was gone.
        assert places_of(whole, samples(tape)), "the dialplan did not play the message"


def test_calls_that_ended_while_nobody_looked_are_uncertain_and_not_placed_again(telephony: Telephony) -> None:
    telephony.start({"landline": LISTENER})
    action = telephony.act(WORDS)
    telephony.until(lambda: telephony.tapes(LISTENER), "somebody listens")
    telephony.kill_daemon()
    telephony.asterisk.stop(at_once=True)
    telephony.asterisk.start()
    telephony.serve()
    counts = telephony.over(action)
    assert (counts["uncertain"], counts["answered"]) == (1, 0)
    assert telephony.calls_to(LISTENER) == 1


def test_newer_text_is_heard_at_its_next_start(telephony: Telephony) -> None:
    telephony.start({"landline": LISTENER})
    action = telephony.act(WORDS)
    telephony.until(lambda: telephony.tapes(LISTENER), "somebody listens")
    telephony.ask("POST", f"/api/v1/actions/{action}/updates", {"text": "De jongen is gezien bij het station."})
    telephony.over(action)
    (delivery,) = telephony.deliveries(action)
    assert (delivery["state"], delivery["version"]) == ("heard_full", 2)
