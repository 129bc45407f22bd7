"""What a carrier has already: cancelled when the action stops, replaced by a newer text, where its profile says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fakes.line import Line, until
from twisted.internet import reactor  # noqa: TID251 - the tests' own start

from gateway.domain.action import Action, Outcome, Wording
from gateway.domain.delivery import Reason, SmsBatch
from gateway.rehearsal.smsc import Smsc, parse_scenario
from gateway.storage.database import Database
from gateway.storage.repositories import actions

PEOPLE = 30


@asynccontextmanager
async def stage(database: Database, folder: Path, scenario: str, **more: Any) -> AsyncIterator[tuple[Line, Smsc]]:
    smsc = Smsc(parse_scenario(scenario), reactor)
    about = {"name": "alpha", "host": "127.0.0.1", "port": smsc.listen(), "system_id": "burgernet"}
    line = Line(database, folder, {"carrier": [{**about, "password": "geheim", "sender": "+31600000112", **more}]})
    await line.start()
    try:
        await line.bound()
        yield line, smsc
    finally:
        await line.stop()
        await smsc.close()


def close(line: Line, action: Action) -> None:
    """As the flow does: first the store, then the lane."""
    now = datetime.now(UTC)
    line.database.write_now(actions.close, action.id, Outcome.STOPPED, None, "test", now)
    line.built.lane.cancel(action.number)


def update(line: Line, action: Action, text: str) -> None:
    line.database.write_now(actions.add_version, action.id, {"nl": Wording(text)}, "test", datetime.now(UTC))


@pytest.mark.parametrize(
    ("scenario", "profile"),
    [
        ("[messages]\ndelivery_ms = 3_000\n", {}),
        (
            '[messages]\ndelivery_ms = 3_000\nid_form = "hex"\nreceipt_id_form = "decimal"\n',
            {"message_id_form": "hex_response"},
        ),
    ],
    ids=["plain ids", "hexadecimal ids"],
)
async def test_what_a_carrier_has_not_delivered_is_cancelled_when_the_action_stops(
    running_database: Database, tmp_path: Path, scenario: str, profile: dict[str, Any]
) -> None:
    async with stage(running_database, tmp_path, scenario, cancel_sm=True, **profile) as (line, smsc):
        action = line.press(PEOPLE)
        await line.all_are("submitted", PEOPLE)
        close(line, action)
        await line.all_are("failed", PEOPLE)
        assert {row.reason for row in line.deliveries()} == {Reason.DELETED.value}
        assert smsc.stats.cancelled == PEOPLE
        assert not any(smsc.texts(f"316{10_000_000 + i}") for i in range(PEOPLE))


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_carrier_whose_profile_has_no_cancel_sm_is_not_asked(running_database: Database, tmp_path: Path) -> None:
    async with stage(running_database, tmp_path, "[messages]\ndelivery_ms = 500\n") as (line, smsc):
        action = line.press(3)
        await line.all_are("submitted", 3)
        close(line, action)
        await line.all_are("delivered", 3)
        assert smsc.stats.cancelled == 0


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_newer_text_takes_the_place_of_the_older_on_the_handset(
    running_database: Database, tmp_path: Path
) -> None:
    slow = "[messages]\nthrottle_per_s = 20\nthrottle_burst = 1\n"
    async with stage(running_database, tmp_path, slow, replace_types=True) as (line, smsc):
        first = line.press(numbers=("+31612345678",), text="Let op: vrouw in zwarte jurk.")
        await line.all_are("delivered", 1)
        assert smsc.texts("31612345678") == ["Let op: vrouw in zwarte jurk."]
        assert 0x41 <= smsc.inbox("31612345678")[0].contents[0].body.protocol_id <= 0x47
        update(line, first, "Let op: man in zwarte korte broek.")
        # Whoever is reached by it later gets it with the same type; here the same number, by hand.
        work = line.carrier()
        batch = SmsBatch(
            first.number, 2, "", 1, "Let op: man in zwarte korte broek.", datetime(2099, 1, 1, tzinfo=UTC), []
        )
        work.take(batch, [(9_999, "+31612345678")])
        work.pump()
        await until(lambda: smsc.texts("31612345678") == ["Let op: man in zwarte korte broek."])
