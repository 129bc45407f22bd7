"""The outbound dialogue: what is said in which order, and what keys and machines change."""

from __future__ import annotations

import pytest

from ivr.dialogue import Act, Connect, HangUp, Listen, Outbound, Play, PlayMessage
from ivr.errors import DialogueError


def say(step: object) -> str:
    match step:
        case Play():
            return step.prompt.removeprefix("out.")
        case PlayMessage():
            return "whole message" if step.whole else "message"
        case Act():
            return f"act {step.key}"
        case Listen():
            return "listen"
    return type(step).__name__


def listen(call: Outbound, *, key_at: str = "", key: str = "", steps: int = 40) -> list[str]:
    """Everything that is said until the end; ``key`` is pressed once, at the step ``key_at``."""
    said = []
    for _ in range(steps):
        step = call.step()
        said.append(say(step))
        if isinstance(step, HangUp | Connect):
            return said
        if isinstance(step, Act):
            call.acted(done=True)
        elif said[-1] == key_at and key:
            call.played(key, 3000, ended=False)
            key = ""
        else:
            call.played("", 8000, ended=True)
    raise AssertionError(f"no end: {said}")


MENU = ["seen", "menu_again", "menu_sms", "menu_not_now", "menu_never", "listen"]


def test_nothing_need_be_pressed_and_the_message_is_heard_twice() -> None:
    call = Outbound()
    assert listen(call) == ["whole message", "seen", "again", "message", *MENU, "goodbye", "HangUp"]
    assert (call.complete, call.heard_ms, call.machine, call.key) == (True, 8000, False, None)


def test_key_1_leads_to_the_control_room_at_once() -> None:
    call = Outbound()
    assert listen(call, key_at="whole message", key="1") == ["whole message", "act 1", "connecting", "Connect"]
    assert (call.key, call.complete, call.heard_ms) == ("1", False, 3000)


def test_key_2_plays_it_again_but_not_for_ever() -> None:
    call = Outbound()
    said = listen(call, key_at="seen", key="2")
    assert said[:4] == ["whole message", "seen", "message", "seen"]
    call = Outbound()
    call.step()
    for _ in range(5):
        call.played("2", 0, ended=False)
        assert say(call.step()) == "message"
    call.played("2", 0, ended=False)
    assert say(call.step()) == "unknown_key"


@pytest.mark.parametrize(("done", "told"), [(True, "sms_sent"), (False, "sms_no_mobile")])
def test_key_3_tells_whether_an_sms_comes(done: bool, told: str) -> None:
    call = Outbound()
    call.step()
    call.played("3", 1000, ended=False)
    assert say(call.step()) == "act 3"
    call.acted(done=done)
    assert say(call.step()) == told


def test_key_9_ends_the_call_politely() -> None:
    assert listen(Outbound(), key_at="listen", key="9")[-3:] == ["act 9", "not_now_done", "HangUp"]


def test_key_0_is_asked_back_before_it_counts() -> None:
    call = Outbound()
    call.step()
    call.played("0", 0, ended=False)
    assert say(call.step()) == "never_ask"
    call.played("0", 0, ended=False)
    assert say(call.step()) == "act 0"
    call.acted(done=True)
    assert [say(call.step()), say(call.step())] == ["never_done", "HangUp"]


def test_key_0_without_a_second_one_changes_nothing() -> None:
    said = listen(Outbound(), key_at="seen", key="0")
    assert said == ["whole message", "seen", "never_ask", "listen", "never_kept", "goodbye", "HangUp"]


def test_key_that_means_nothing_is_said_so() -> None:
    assert "unknown_key" in listen(Outbound(), key_at="seen", key="7")


def test_thanks_are_short_and_have_no_menu() -> None:
    assert listen(Outbound(closing=True)) == ["whole message", "closing_thanks", "HangUp"]


def test_machine_gets_the_message_anew_after_its_greeting_and_after_its_beep() -> None:
    call = Outbound()
    call.step()
    assert call.talked(4700, 5.0)
    call.played("", 4000, ended=False)
    assert say(call.step()) == "whole message"
    assert call.talked(500, 7.0)
    call.played("", 1500, ended=False)
    assert (call.complete, call.heard_ms) == (False, 1500)
    assert say(call.step()) == "whole message"
    call.played("", 8000, ended=True)
    assert say(call.step()) == "HangUp"
    assert (call.machine, call.complete) == (True, True)


def test_person_who_says_hello_is_no_machine() -> None:
    call = Outbound()
    call.step()
    assert not call.talked(1200, 2.0)
    assert not call.talked(900, 4.0)


def test_person_who_talks_in_the_room_later_is_no_machine() -> None:
    call = Outbound()
    call.step()
    assert not call.talked(6000, 60.0)


def test_who_presses_a_key_is_no_machine() -> None:
    call = Outbound()
    call.step()
    call.talked(4000, 5.0)
    call.played("2", 1000, ended=False)
    assert not call.machine
    assert not call.talked(4000, 9.0)


def test_driver_that_answers_what_was_not_asked_is_told() -> None:
    call = Outbound()
    with pytest.raises(DialogueError):
        call.played("", 0, ended=True)
    call.step()
    with pytest.raises(DialogueError):
        call.acted(done=True)
