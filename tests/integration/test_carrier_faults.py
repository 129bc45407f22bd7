"""What carriers do wrong, over a real link with a real ledger: each has a stored outcome, and nobody gets it twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fakes.line import Line, pause, until
from twisted.internet import reactor  # noqa: TID251 - the tests' own start

from gateway.domain.delivery import Reason
from gateway.rehearsal.smsc import Smsc, parse_scenario
from gateway.storage.database import Database
from gateway.storage.tables import orphan_receipt

PEOPLE = 60
WINDOW = 10


@pytest.fixture
def backend() -> str:
    """The carriers' side is the same on either database; tests of the ledger run on both."""
    return "sqlite"


def profile(port: int, **more: Any) -> dict[str, Any]:
    about = {"name": "alpha", "host": "127.0.0.1", "port": port, "system_id": "burgernet", "password": "geheim"}
    quick = {"window": WINDOW, "reconnect_min_s": 0.3, "reconnect_max_s": 0.6, "refused_bind_s": 1.0}
    return {"carrier": [{**about, **quick, "sender": "+31600000112", **more}]}


@asynccontextmanager
async def stage(database: Database, folder: Path, scenario: str = "", **more: Any) -> AsyncIterator[tuple[Line, Smsc]]:
    smsc = Smsc(parse_scenario(scenario), reactor)
    line = Line(database, folder, profile(smsc.listen(), **more))
    await line.start()
    try:
        yield line, smsc
    finally:
        await line.stop()
        await smsc.close()


def copies(smsc: Smsc) -> list[int]:
    """How many messages each of the people can read."""
    return [len(smsc.texts(f"316{10_000_000 + i}")) for i in range(PEOPLE)]


async def test_response_that_never_comes_makes_a_message_uncertain_and_not_sent_again(
    running_database: Database, tmp_path: Path
) -> None:
    scenario = "[messages]\nswallow_share = 1.0\n"
    async with stage(running_database, tmp_path, scenario, response_timeout_s=2, slow_response_s=1) as (line, smsc):
        await line.bound()
        line.press(5)
        await line.all_are("uncertain", 5)
        assert {row.reason for row in line.deliveries()} == {Reason.NO_ANSWER_FROM_CARRIER.value}
        line.retry_now()
        await pause(1.0)
        assert max(copies(smsc)) <= 1


async def test_link_that_drops_within_a_window_leaves_at_most_the_window_uncertain(
    running_database: Database, tmp_path: Path
) -> None:
    scenario = "[messages]\nlatency_ms = 20\n[links]\ndrop_after_submits = 25\ndrop_times = 1\n"
    async with stage(running_database, tmp_path, scenario) as (line, smsc):
        await line.bound()
        line.press(PEOPLE)
        await until(lambda: not line.states()["queued"])
        await until(lambda: line.states()["delivered"] + line.states()["uncertain"] == PEOPLE)
        assert 1 <= line.states()["uncertain"] <= WINDOW
        assert {row.reason for row in line.deliveries() if row.reason} == {Reason.LINK_LOST.value}
        assert max(copies(smsc)) == 1, "nobody is messaged twice"


@pytest.mark.parametrize(("status", "state"), [(0x0E, "refused"), (0x0D, "refused"), (0x05, "connecting")])
async def test_refused_bind_is_told_tried_again_and_loses_nothing(
    running_database: Database, tmp_path: Path, status: int, state: str
) -> None:
    scenario = f"[links]\nrefuse_binds = 2\nrefuse_binds_status = {status}\n"
    async with stage(running_database, tmp_path, scenario) as (line, _):
        await until(lambda: "bind refused" in line.carrier().status().detail)
        assert line.carrier().status().state == state
        line.press(3)
        await line.all_are("delivered", 3)
        assert sum(line.carrier().status().errors.values()) == 2


async def test_carrier_that_unbinds_gets_its_answer_and_we_come_back(
    running_database: Database, tmp_path: Path
) -> None:
    async with stage(running_database, tmp_path) as (line, smsc):
        await line.bound()
        smsc.do("unbind")
        await until(lambda: line.carrier().status().state != "bound")
        line.press(3)
        await line.all_are("delivered", 3)


@pytest.mark.parametrize(
    "knob",
    [
        "receipt_before_response = true",
        "duplicate_receipt_share = 1.0",
        "unknown_receipt_share = 1.0",
        "out_of_order = true\nlatency_ms = 20\nlatency_jitter_ms = 20",
        'receipt_form = "text"\nreceipt_esm_class = false',
        'receipt_form = "tlv"',
        'id_form = "uuid"',
        'id_form = "hex"\nreceipt_id_form = "decimal"',
        "receipt_nul = false",
    ],
)
async def test_strange_receipts_and_answers_settle_every_delivery_once(
    running_database: Database, tmp_path: Path, knob: str
) -> None:
    async with stage(running_database, tmp_path, f"[messages]\n{knob}\n", message_id_form="learn") as (line, smsc):
        await line.bound()
        line.press(PEOPLE)
        await line.all_are("delivered", PEOPLE)
        assert copies(smsc) == [1] * PEOPLE


async def test_receipt_on_another_bind_settles_as_well(running_database: Database, tmp_path: Path) -> None:
    async with stage(running_database, tmp_path, '[messages]\nreceipt_bind = "other"\n', binds=2) as (line, _):
        await line.bound()
        line.press(PEOPLE)
        await line.all_are("delivered", PEOPLE)


async def test_receipt_after_a_restart_settles_what_the_daemon_before_sent(
    running_database: Database, tmp_path: Path
) -> None:
    smsc = Smsc(parse_scenario("[messages]\nreceipt_delay_ms = 2_000\n"), reactor)
    line = Line(running_database, tmp_path, profile(smsc.listen()))
    try:
        await line.start()
        await line.bound()
        line.press(5)
        await line.all_are("submitted", 5)
        await line.stop()
        await line.start()
        await line.all_are("delivered", 5)
    finally:
        await line.stop()
        await smsc.close()


async def test_receipt_for_a_message_that_we_do_not_know_is_kept_and_answered(
    running_database: Database, tmp_path: Path
) -> None:
    async with stage(running_database, tmp_path, "[messages]\nunknown_receipt_share = 1.0\n") as (line, smsc):
        await line.bound()
        line.press(3)
        await line.all_are("delivered", 3)
        await until(lambda: line.rows(orphan_receipt))
        await until(lambda: not smsc.report().get("unacknowledged", 0))


@pytest.mark.parametrize(
    "mischief",
    ["garbage", "truncated", "cut_off", "oversized", "unknown_pdu", "unknown_tlv", "bad_tlv", "stray_response", "nack"],
)
async def test_nonsense_costs_at_most_the_link_and_what_was_in_its_window(
    running_database: Database, tmp_path: Path, mischief: str
) -> None:
    async with stage(running_database, tmp_path, "[messages]\nlatency_ms = 20\n") as (line, smsc):
        await line.bound()
        line.press(PEOPLE)
        await until(lambda: sum(copies(smsc)) >= 15)
        smsc.do(mischief)
        await until(lambda: line.states()["delivered"] + line.states()["uncertain"] == PEOPLE)
        assert line.states()["uncertain"] <= WINDOW
        assert max(copies(smsc)) == 1, "nobody is messaged twice"
        line.press(numbers=("+31687654321",))
        await until(lambda: smsc.texts("31687654321"))
