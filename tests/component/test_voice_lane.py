"""The voice lane on an Asterisk in memory: pace, channels, trunks, outcomes, stops, restarts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fakes.memory import NOON, key_of
from fakes.switch import WORDS, Exchange, event, exchange
from twisted.internet.defer import Deferred

from gateway.domain.action import Wording
from gateway.domain.calling import ActionNews, CallAttempt, Callee
from gateway.domain.delivery import DeliveryState, Purpose, Reason
from gateway.voice.lane import Heard
from ivr.ami import NoReply


def word(result: object) -> tuple[str, str | None]:
    return result.state.word, result.reason and result.reason.value  # type: ignore[attr-defined]


# ---------------------------------------------------------------- dialling


def test_call_is_placed_with_what_asterisk_and_the_dialplan_need() -> None:
    desk = exchange()
    desk.submit()
    (channel_id,) = desk.manager.placed
    headers = desk.manager.dialled[channel_id]
    assert channel_id.startswith("bn.1.")
    assert headers["Channel"] == "PJSIP/+31294000001@alpha"
    assert headers["CallerID"] == '"" <+31343529850>'
    assert (headers["Async"], headers["Timeout"], headers["Codecs"]) == ("true", "30000", "alaw")
    assert "Application" not in headers
    assert [one.id for one in desk.saved] == [channel_id]


def test_calls_begin_no_faster_than_the_trunk_allows() -> None:
    desk = exchange({"name": "alpha", "calls_per_s": 4.0})
    desk.submit(20)
    assert len(desk.manager.placed) == 1
    desk.wait(1.0)
    assert len(desk.manager.placed) in (4, 5)
    desk.wait(2.0)
    assert len(desk.manager.placed) in (12, 13)


def test_channels_are_kept_free_for_citizens_who_call() -> None:
    desk = exchange({"name": "alpha", "channels": 8, "reserve_inbound": 3, "calls_per_s": 100.0})
    desk.submit(20)
    desk.wait(2.0)
    assert len(desk.manager.placed) == 5
    desk.fail(desk.manager.placed[0], 17)
    desk.wait(0.1)
    assert len(desk.manager.placed) == 6


def test_lane_takes_no_more_than_about_a_second_of_calls() -> None:
    desk = exchange({"name": "alpha", "calls_per_s": 4.0})
    assert desk.lane.capacity() == 4
    desk.submit(4)
    assert desk.lane.capacity() == 0
    desk.wait(0.6)
    assert desk.lane.capacity() > 0


def test_most_urgent_is_called_first() -> None:
    desk = exchange({"name": "alpha", "calls_per_s": 1.0})
    desk.submit(3, urgency=0)
    desk.submit(1, action=2, first=50, urgency=2)
    desk.wait(1.1)
    assert [one.delivery for one in desk.saved] == [1, 50]


def test_street_is_called_in_the_order_of_the_plan() -> None:
    desk = exchange()
    desk.submit(8)
    desk.wait(1.0)
    assert [one.delivery for one in desk.saved] == list(range(1, 9))


@pytest.mark.parametrize("number", ["+31900123456", "+31612345678", "+882161234567", "+31970123456789", "112", "x"])
def test_class_of_a_number_is_checked_again_before_it_is_dialled(number: str) -> None:
    desk = exchange()
    desk.submit(recipients=[Callee(1, number)])
    assert desk.manager.placed == []
    assert [word(one) for one in desk.results] == [("failed", "class_not_allowed")]


def test_number_that_no_trunk_takes_has_no_route() -> None:
    desk = exchange({"name": "alpha", "prefixes": ["+49"]})
    desk.submit()
    assert [word(one) for one in desk.results] == [("failed", "no_route")]


def test_trunk_is_chosen_by_the_longest_prefix_and_shows_its_own_number() -> None:
    desk = exchange(
        {"name": "alpha", "caller_id": "08000011", "caller_ids": {"+49": "+31343529850"}},
        {"name": "german", "prefixes": ["+49"], "caller_id": "+4924512345"},
    )
    desk.submit(recipients=[Callee(1, "+31294000001"), Callee(2, "+4924512345")])
    desk.wait(0.2)
    shown = {headers["Channel"]: headers["CallerID"] for headers in desk.manager.dialled.values()}
    assert shown == {"PJSIP/+31294000001@alpha": '"" <08000011>', "PJSIP/+4924512345@german": '"" <+4924512345>'}


def test_caller_id_abroad_is_one_that_can_be_called_from_there() -> None:
    desk = exchange({"name": "alpha", "caller_id": "08000011", "caller_ids": {"+49": "+31343529850"}})
    desk.submit(recipients=[Callee(2, "+4924512345")])
    assert next(iter(desk.manager.dialled.values()))["CallerID"] == '"" <+31343529850>'


def test_calls_are_shared_among_trunks_by_weight() -> None:
    desk = exchange(
        {"name": "alpha", "weight": 3, "calls_per_s": 100.0}, {"name": "beta", "weight": 1, "calls_per_s": 100.0}
    )
    for _ in range(10):
        desk.submit(2)
        desk.wait(0.2)
    trunks = [one.trunk for one in desk.saved]
    assert (trunks.count("alpha"), trunks.count("beta")) == (15, 5)


def test_retry_goes_to_another_trunk() -> None:
    desk = exchange({"name": "alpha"}, {"name": "beta"})
    desk.submit(recipients=[Callee(1, "+31294000001", 1, 1, "alpha")])
    assert [one.trunk for one in desk.saved] == ["beta"]


def test_full_trunk_holds_up_nobody_who_can_take_another() -> None:
    desk = exchange(
        {"name": "dutch", "prefixes": ["+31"], "channels": 2, "reserve_inbound": 1},
        {"name": "german", "prefixes": ["+49"]},
    )
    desk.submit(3)
    desk.submit(first=50, recipients=[Callee(50, "+4924512345")])
    desk.wait(0.2)
    assert [one.trunk for one in desk.saved] == ["dutch", "german"]


def test_no_more_calls_in_an_hour_than_the_cap() -> None:
    desk = exchange({"name": "alpha", "calls_per_hour": 3, "calls_per_s": 100.0, "channels": 1000})
    desk.submit(10, expires_at=desk.clock.now() + timedelta(hours=3))
    desk.wait(3000, step=5)
    assert len(desk.manager.placed) == 3
    desk.wait(800, step=5)
    assert len(desk.manager.placed) == 6


def test_nobody_is_dialled_when_the_action_has_expired() -> None:
    desk = exchange({"name": "alpha", "calls_per_s": 1.0})
    desk.submit(3, expires_at=desk.clock.now() + timedelta(seconds=0.5))
    desk.wait(5.0)
    assert len(desk.manager.placed) == 1
    assert [word(one) for one in desk.results] == [("expired", "action_expired")] * 2


def test_what_cannot_be_saved_is_not_dialled_and_goes_back() -> None:
    desk = exchange()
    desk.place_fails = OSError("disk full")
    desk.submit()
    assert desk.manager.placed == []
    assert [(word(one), one.counts) for one in desk.results] == [(("retry", None), False)]
    assert desk.lane.trunks[0].in_use == 0


# ---------------------------------------------------------------- speech


def test_call_that_nobody_could_speak_is_not_placed() -> None:
    desk = exchange()
    desk.speech.broken = "no room for speech"
    desk.submit()
    assert desk.manager.placed == []
    assert [(word(one), one.sms_instead) for one in desk.results] == [(("failed", "no_speech"), True)]


def test_dialplan_knows_the_message_should_we_be_away() -> None:
    desk = exchange()
    desk.submit()
    live = desk.lane.live(desk.manager.placed[0])
    assert live is not None
    assert live.sound is not None
    assert live.sound.path == f"/sounds/{key_of(WORDS['nl'].sms)}"


def test_newer_text_is_heard_at_the_next_start_also_in_calls_under_way() -> None:
    desk = exchange()
    desk.submit()
    live = desk.lane.live(desk.manager.placed[0])
    assert live is not None
    desk.pick_up(desk.manager.placed[0])
    desk.lane.tell([ActionNews(1, True, 2, {"nl": Wording("Hij is gezien")})])
    sound, version = desk.lane.current(live)
    assert sound is not None
    assert (sound.key, version) == (key_of("Hij is gezien"), 2)
    assert desk.lane.versions() == {1: 2}


def test_who_waits_is_called_with_the_newer_text() -> None:
    desk = exchange({"name": "alpha", "calls_per_s": 1.0})
    desk.submit(2)
    desk.lane.tell([ActionNews(1, True, 2, {"nl": Wording("Hij is gezien")})])
    desk.wait(1.1)
    assert [one.version for one in desk.saved] == [1, 2]


# ---------------------------------------------------------------- outcomes


def heard(desk: Exchange, what: Heard | None, lasted_s: float = 10.0) -> tuple[str, str | None]:
    desk.submit()
    (channel_id,) = desk.manager.placed
    desk.pick_up(channel_id)
    live = desk.lane.live(channel_id)
    assert live is not None
    live.heard = what
    desk.wait(lasted_s)
    desk.hang_up(channel_id)
    return word(desk.results[-1])


def test_whole_message_heard() -> None:
    desk = exchange()
    assert heard(desk, Heard(complete=True, heard_ms=31_000, key="1", version=1)) == ("heard_full", None)
    result = desk.results[-1]
    assert (result.heard_ms, result.key, result.cause, result.outcome) == (31_000, "1", 16, "answered")
    assert result.answered_at == NOON


def test_part_of_the_message_heard() -> None:
    assert heard(exchange(), Heard(heard_ms=3000)) == ("heard_part", None)


def test_machine_that_took_the_message() -> None:
    assert heard(exchange(), Heard(complete=True, voicemail=True)) == ("voicemail", None)


def test_dialplan_that_played_by_itself_is_judged_by_the_time_it_took() -> None:
    # five words at half a second each
    assert heard(exchange(), None, lasted_s=2.6) == ("heard_full", None)
    assert heard(exchange(), None, lasted_s=1.0) == ("heard_part", None)


@pytest.mark.parametrize(
    ("cause", "sip", "expected", "seconds", "sms"),
    [
        (17, "486", ("retry", "busy"), 45, False),
        (19, "480", ("retry", "no_answer"), 90, False),
        (21, "603", ("retry", "call_rejected"), 30, False),
        (34, "503", ("retry", "congestion"), 2, False),
        (21, "401", ("retry", "trunk_refused"), 2, False),
        (1, "404", ("failed", "unallocated"), None, True),
        (20, "480", ("failed", "absent"), None, True),
        (22, "410", ("failed", "number_changed"), None, True),
        (27, "502", ("failed", "out_of_order"), None, True),
        (28, "484", ("failed", "bad_format"), None, True),
    ],
)
def test_cause_decides_what_follows(
    cause: int, sip: str, expected: tuple[str, str], seconds: int | None, sms: bool
) -> None:
    desk = exchange()
    desk.submit()
    result = desk.fail(desk.manager.placed[0], cause, TechCause=sip)
    delay = None if result.retry_at is None else (result.retry_at - NOON).total_seconds()
    assert (word(result), delay, result.sms_instead) == (expected, seconds, sms)
    assert (result.cause, result.sip) == (cause, int(sip))
    assert result.counts is (expected[1] not in ("congestion", "trunk_refused"))


def test_refused_request_is_tried_again_and_frees_its_channel() -> None:
    desk = exchange()
    desk.manager.refusal = NoReply("not connected", sent=False)
    desk.submit()
    assert [word(one) for one in desk.results] == [("retry", "not_placed")]
    assert desk.lane.trunks[0].in_use == 0


def test_trunk_that_is_full_is_slowed_and_recovers() -> None:
    desk = exchange({"name": "alpha", "calls_per_s": 10.0})
    desk.submit()
    desk.fail(desk.manager.placed[0], 34)
    (status,) = desk.lane.status()
    assert (status.state, status.rate_per_s, status.outcomes) == ("slowed", 5.0, {"congestion": 1})
    desk.wait(20)
    (status,) = desk.lane.status()
    assert (status.state, status.rate_per_s) == ("up", 10.0)


def test_many_refusals_at_once_slow_a_trunk_once() -> None:
    desk = exchange({"name": "alpha", "calls_per_s": 100.0})
    desk.submit(5)
    for channel_id in list(desk.manager.placed):
        desk.fail(channel_id, 34)
    assert desk.lane.status()[0].rate_per_s == 50.0


def test_trunk_without_anybody_at_its_other_end_is_left_alone() -> None:
    desk = exchange({"name": "alpha"}, {"name": "beta"})
    desk.manager.devices = {"PJSIP/alpha": "UNAVAILABLE", "PJSIP/beta": "NOT_INUSE"}
    desk.wait(6)
    desk.submit(4)
    desk.wait(1)
    assert {one.trunk for one in desk.saved} == {"beta"}
    assert [one.state for one in desk.lane.status()] == ["down", "up"]


# ---------------------------------------------------------------- the stop


def test_closing_an_action_ends_what_waits_and_what_rings_and_nothing_else() -> None:
    desk = exchange({"name": "alpha", "calls_per_s": 2.0})
    desk.submit(4)
    desk.wait(1.0)
    talking, ringing, *_ = desk.manager.placed
    desk.pick_up(talking)
    desk.ring(ringing)
    placed = len(desk.manager.placed)
    desk.lane.cancel(1)
    assert talking not in desk.manager.hung_up
    assert ringing in desk.manager.hung_up
    assert {word(one) for one in desk.results} == {("cancelled", "action_closed")}
    desk.hang_up(ringing, 16)
    assert word(desk.results[-1]) == ("cancelled", "action_closed")
    desk.wait(5.0)
    assert len(desk.manager.placed) == placed


def test_person_who_picked_up_at_the_moment_of_the_stop_counts_as_reached() -> None:
    desk = exchange()
    desk.submit()
    (channel_id,) = desk.manager.placed
    desk.ring(channel_id)
    desk.lane.cancel(1)
    desk.pick_up(channel_id)
    desk.hang_up(channel_id)
    assert desk.results[-1].state is DeliveryState.HEARD_PART


def test_thanks_go_out_after_the_action_has_ended() -> None:
    desk = exchange()
    desk.lane.cancel(1)
    desk.submit(purpose=Purpose.CLOSING)
    assert len(desk.manager.placed) == 1


def test_action_that_ends_while_the_attempt_is_saved_is_not_dialled() -> None:
    desk = exchange()
    desk.forbidden.add(1)
    desk.submit()
    assert desk.manager.placed == []
    assert [word(one) for one in desk.results] == [("cancelled", "action_closed")]
    assert desk.lane.trunks[0].in_use == 0


def test_action_that_another_daemon_closed_is_dialled_no_more() -> None:
    desk = exchange({"name": "alpha", "calls_per_s": 1.0})
    desk.submit(3)
    desk.lane.tell([ActionNews(1, False, 1, WORDS)])
    desk.wait(5.0)
    assert len(desk.manager.placed) == 1
    assert len(desk.manager.hung_up) == 1


def test_stopping_gives_back_what_waits_hangs_up_what_rings_and_leaves_who_listens() -> None:
    desk = exchange({"name": "alpha", "calls_per_s": 2.0})
    desk.submit(6)
    desk.wait(1.0)
    talking, *ringing = desk.manager.placed
    desk.pick_up(talking)
    stopped = Deferred.fromCoroutine(desk.lane.stop())
    assert desk.manager.hung_up == ringing
    for channel_id in ringing:
        desk.fail(channel_id, 16)
    desk.wait(6.0)
    assert stopped.called
    assert {(word(one), one.counts) for one in desk.results} == {(("retry", None), False)}
    assert len(desk.results) == 5
    assert not desk.time.getDelayedCalls()


# ---------------------------------------------------------------- Asterisk goes, the daemon comes back


def test_nothing_is_dialled_while_asterisk_is_away() -> None:
    desk = exchange()
    desk.manager.connected = False
    desk.lane.disconnected("connection lost")
    desk.submit()
    desk.wait(2.0)
    assert (desk.manager.placed, desk.lane.capacity()) == ([], 0)
    desk.manager.connected = True
    desk.lane.connected()
    desk.wait(0.5)
    assert len(desk.manager.placed) == 1


def test_call_that_vanished_while_asterisk_was_away_is_uncertain_and_not_placed_again() -> None:
    desk = exchange()
    desk.submit()
    desk.pick_up(desk.manager.placed[0])
    desk.wait(1.0)
    desk.lane.disconnected("connection lost")
    desk.lane.connected()
    desk.wait(3.0)
    assert [word(one) for one in desk.results] == [("uncertain", "call_vanished")]
    assert len(desk.manager.placed) == 1


def test_call_of_a_daemon_before_us_is_followed_to_its_end() -> None:
    attempt = CallAttempt("bn.7.aa", 7, 1, 1, "alpha", NOON)
    desk = exchange(left_over=[(attempt, "action1", NOON + timedelta(minutes=5))])
    assert [word(one) for one in desk.results] == [("uncertain", "call_vanished")]

    desk = exchange()
    desk.manager.channels = [
        event("CoreShowChannel", Uniqueid="bn.7.aa", Channel="PJSIP/x-1", ChannelState="6", Duration="00:00:04")
    ]
    desk.lane.start(desk.manager, [(attempt, "action1", NOON + timedelta(minutes=5))])
    desk.lane.connected()
    assert desk.results == []
    desk.wait(10.0)
    desk.hang_up("bn.7.aa")
    assert [(one.delivery, one.state.word) for one in desk.results] == [(7, "heard_part")]
    assert desk.lane.trunks[0].in_use == 0


def test_dialplan_tells_that_it_played_the_whole_message() -> None:
    desk = exchange()
    desk.submit()
    (channel_id,) = desk.manager.placed
    desk.pick_up(channel_id)
    desk.wait(1.0)
    desk.tell(channel_id, "UserEvent", UserEvent="BurgernetPlayed", Times="1")
    desk.hang_up(channel_id)
    assert word(desk.results[-1]) == ("heard_full", None)


def test_value_that_may_not_reach_asterisk_ends_one_call_and_not_the_others() -> None:
    desk = exchange({"name": "alpha", "caller_id": "+31343529850"})
    desk.submit(text={"nl": Wording("Vermist")})
    odd = desk.lane.trunks[0]
    odd.name = "a\r\nAction: Logoff"
    desk.submit(first=2)
    desk.wait(0.2)
    assert [(one.delivery, word(one)) for one in desk.results] == [(2, ("retry", "not_placed"))]
    assert len(desk.manager.placed) == 1


def test_reasons_of_every_end_are_known() -> None:
    from gateway.voice.verdict import REASONS
    from ivr.causes import EndKind

    assert set(REASONS) == set(EndKind) - {EndKind.ANSWERED}
    assert Reason.CALL_VANISHED in REASONS.values()
