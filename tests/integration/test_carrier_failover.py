"""Several carriers: who gets a number, and where what waits goes when one of them sickens."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fakes.line import Line, pause, until
from twisted.internet import reactor  # noqa: TID251 - the tests' own start

from gateway.domain.delivery import Reason
from gateway.rehearsal.smsc import Smsc, parse_scenario
from gateway.storage.database import Database

MOVED_S = 5.0
"""Within this what waits for a sick carrier is on its way elsewhere."""


def carrier(name: str, port: int, **more: Any) -> dict[str, Any]:
    about = {"name": name, "host": "127.0.0.1", "port": port, "system_id": "burgernet", "password": "geheim"}
    return {**about, "window": 10, "reconnect_min_s": 0.5, "refused_bind_s": 1.0, **more}


@asynccontextmanager
async def stage(
    database: Database, folder: Path, scenarios: dict[str, str], **more: dict[str, Any]
) -> AsyncIterator[tuple[Line, dict[str, Smsc]]]:
    """A line with these carriers, each a simulated SMSC with a scenario."""
    smscs = {name: Smsc(parse_scenario(scenario), reactor) for name, scenario in scenarios.items()}
    carriers = [carrier(name, smsc.listen(), **more.get(name, {})) for name, smsc in smscs.items()]
    line = Line(database, folder, {"carrier": carriers})
    await line.start()
    try:
        for index in range(len(carriers)):
            await line.bound(index)
        yield line, smscs
    finally:
        for smsc in smscs.values():
            smsc.set(messages={"swallow_share": 0.0})
        await line.stop()
        for smsc in smscs.values():
            await smsc.close()


def count(smsc: Smsc) -> int:
    """Messages that citizens can read."""
    return sum(len(smsc.texts(f"316{10_000_000 + i}")) for i in range(400))


@pytest.fixture
def backend() -> str:
    """Routing is the same on either database."""
    return "sqlite"


@pytest.mark.parametrize(
    ("sicken", "uncertain_at_most"),
    [
        (lambda smsc: (smsc.set(links={"refuse_binds": 10_000}), smsc.drop_all()), 10),
        (lambda smsc: smsc.set(messages={"swallow_share": 1.0}), 10),
        (lambda smsc: smsc.set(messages={"refuse": 0x08}), 0),
        (lambda smsc: smsc.set(messages={"refuse": 0x0A}), 0),
    ],
    ids=["link gone", "silent", "refuses for now", "refuses our PDUs"],
)
async def test_what_waits_for_a_carrier_that_sickens_goes_to_another_in_time(
    running_database: Database, tmp_path: Path, sicken: Callable[[Smsc], Any], uncertain_at_most: int
) -> None:
    slow = "[messages]\nlatency_ms = 100\n"
    more = {"alpha": {"cost_eur": 0.01, "response_timeout_s": 8}, "beta": {"cost_eur": 0.02, "window": 100}}
    async with stage(running_database, tmp_path, {"alpha": slow, "beta": ""}, **more) as (line, smscs):
        line.press(300)
        await until(lambda: count(smscs["alpha"]) >= 20)
        sicken(smscs["alpha"])
        began = time.monotonic()
        await until(lambda: count(smscs["beta"]) >= 20)
        assert time.monotonic() - began < MOVED_S + 1.0  # a second for the machine
        states = line.states()
        await until(lambda: line.retry_now() or not {"queued", "retry"} & set(line.states()))  # type: ignore[func-returns-value]
        await until(lambda: line.states()["delivered"] >= 300 - uncertain_at_most)
        assert line.states()["uncertain"] <= uncertain_at_most, states
        reached = [smscs[name].texts(f"316{10_000_000 + i}") for name in smscs for i in range(300)]
        twice = [i for i in range(300) if len(reached[i]) + len(reached[300 + i]) > 1]
        assert not twice, "nobody is messaged twice"


async def test_when_all_are_down_the_queue_waits_and_goes_when_one_is_back(
    running_database: Database, tmp_path: Path
) -> None:
    async with stage(running_database, tmp_path, {"alpha": "", "beta": ""}) as (line, smscs):
        for smsc in smscs.values():
            smsc.set(links={"refuse_binds": 3})
            smsc.drop_all()
        await until(lambda: not any(one.bound for one in line.built.lane.carriers))
        line.press(20)
        await pause(0.3)
        assert line.states() == {"queued": 20}
        await line.all_are("delivered", 20)


async def test_longest_prefix_wins_and_what_nobody_takes_is_told(running_database: Database, tmp_path: Path) -> None:
    more = {"alpha": {"prefixes": ["+31"]}, "beta": {"prefixes": ["+3162", "+49"]}}
    async with stage(running_database, tmp_path, {"alpha": "", "beta": ""}, **more) as (line, smscs):
        line.press(numbers=("+31612345678", "+31621234567", "+4915112345678", "+32470123456"))
        await line.all_are("delivered", 3)
        await line.all_are("failed", 1)
        assert smscs["alpha"].texts("31612345678")
        assert smscs["beta"].texts("31621234567")
        assert smscs["beta"].texts("4915112345678")
        (failed,) = [row for row in line.deliveries() if row.reason is not None]
        assert failed.reason == Reason.NO_ROUTE.value


async def test_cheapest_takes_all_while_it_has_room(running_database: Database, tmp_path: Path) -> None:
    more = {"alpha": {"cost_eur": 0.06}, "beta": {"cost_eur": 0.05}}
    async with stage(running_database, tmp_path, {"alpha": "", "beta": ""}, **more) as (line, smscs):
        line.press(100)
        await line.all_are("delivered", 100)
        assert (count(smscs["alpha"]), count(smscs["beta"])) == (0, 100)


async def test_equal_carriers_share_by_weight(running_database: Database, tmp_path: Path) -> None:
    more = {"alpha": {"weight": 3}, "beta": {"weight": 1}}
    async with stage(running_database, tmp_path, {"alpha": "", "beta": ""}, **more) as (line, smscs):
        line.press(200)
        await line.all_are("delivered", 200)
        assert count(smscs["alpha"]) == 150
        assert count(smscs["beta"]) == 50


async def test_estimate_counts_a_carrier_that_takes_only_mobiles_of_a_country(
    running_database: Database, tmp_path: Path
) -> None:
    more = {"alpha": {"prefixes": ["+316"], "cost_eur": 0.06}}
    async with stage(running_database, tmp_path, {"alpha": ""}, **more) as (line, _):
        assert line.built.lane.estimate({31: 100}).cost_eur == 6.0
        assert line.built.lane.estimate({49: 100}).cost_eur == 0.0
