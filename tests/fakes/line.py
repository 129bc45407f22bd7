"""The whole SMS line on the real reactor: a real ledger, real links over loopback; the far end is the test's."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fakes.registry import STATION, VAULT, add_person
from sqlalchemy import select, update
from twisted.internet import reactor  # noqa: TID251 - the tests' own start
from twisted.internet.task import deferLater

from gateway.domain.action import Action, ActionRequest, Kind, Urgency, Wording
from gateway.domain.delivery import DeliveryState, Lane
from gateway.domain.events import Event
from gateway.domain.selection import Circle
from gateway.settings import Settings
from gateway.storage.database import Database
from gateway.storage.journal import WireJournal
from gateway.storage.repositories import actions, daemons
from gateway.storage.repositories.ledger import Ledger
from gateway.storage.repositories.responses import Responses
from gateway.storage.tables import delivery, response, segment
from gateway.telemetry import Metrics
from gateway.wiring.endpoints import server_endpoint
from gateway.wiring.runtime import ReactorTasks, SystemClock
from gateway.wiring.sms import SmsLine, build_sms

PATIENCE_S = 20.0


async def until(what: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Wait until it is so; fails where it never is."""
    deadline = time.monotonic() + patience_s
    while not what():
        assert time.monotonic() < deadline, "it never came to that"
        await pause(0.02)


async def pause(seconds: float) -> None:
    """Let the reactor run."""
    await deferLater(reactor, seconds, lambda: None)


class Recorder:
    """An event sink that keeps what it gets."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)


class Line:
    """Start with :meth:`start`, press with :meth:`press`, look, and :meth:`stop`."""

    def __init__(self, database: Database, folder: Path, settings: dict[str, Any]) -> None:
        self.database = database
        self.settings = Settings.model_validate(settings)
        self.sink = Recorder()
        self.tasks = ReactorTasks(reactor)
        self._folder = folder
        self._people = 0
        self._boots = 0

    def carrier(self, index: int = 0) -> Any:
        """One of the carriers."""
        return self.built.lane.carriers[index]

    async def start(self) -> None:
        """As the daemon does."""
        self._boots += 1
        clock = SystemClock()
        self.me = self.database.write_now(daemons.register, f"node{self._boots}", clock.now())
        self.journal = WireJournal(self._folder / f"journal{self._boots}")
        self.built: SmsLine = build_sms(
            self.settings,
            reactor,
            clock,
            self.tasks,
            Ledger(self.database, VAULT, self.me),
            Responses(self.database, VAULT),
            self.journal,
            self.sink,
            Metrics(),
            lambda recorded: None,
        )
        self.built.lane.start()
        listener = self.settings.smpp_listener
        if listener.listen is not None:
            door = server_endpoint(listener.listen, listener.tls_cert_file, listener.tls_key_file, reactor)
            await self.built.listener.start(door)
        self.tasks.spawn("dispatch", self.built.dispatcher.run())

    async def stop(self) -> None:
        """As the daemon does."""
        self.built.dispatcher.stop()
        await self.built.listener.stop()
        await self.built.lane.stop()
        await until(lambda: self.built.outcomes.idle)
        self.tasks.cancel()
        self.journal.close()

    async def bound(self, index: int = 0) -> None:
        """Wait until a carrier is bound everywhere."""
        await until(lambda: self.carrier(index).status().state == "bound")

    def press(
        self,
        people: int = 1,
        text: str = "Vermist: jongen van vijf jaar.",
        urgency: Urgency = Urgency.IMMEDIATE,
        numbers: tuple[str, ...] = (),
    ) -> Action:
        """An action for so many new people, or for those who have these numbers."""
        now = datetime.now(UTC)
        request = ActionRequest(
            kind=Kind.MISSING_PERSON,
            area=(Circle(*STATION, 500.0),),
            text={"nl": Wording(text)},
            urgency=urgency,
            lanes=frozenset({Lane.SMS}),
            expires_in=timedelta(minutes=30),
        )

        def job(connection: Any) -> Action:
            for mobile in numbers or [f"+316{10_000_000 + self._people + i}" for i in range(people)]:
                self._people += 1
                add_person(connection, f"p{self._people}", mobile=mobile)
            return actions.create(connection, request, "test", now, None)[0]

        action = self.database.write_now(job)
        self.built.dispatcher.wake()
        return action

    def retry_now(self) -> None:
        """What waits to be tried again is due."""
        values = {"retry_at": datetime.now(UTC)}
        due = update(delivery).where(delivery.c.retry_at.is_not(None)).values(values)
        self.database.write_now(lambda connection: connection.execute(due) and None)
        self.built.dispatcher.wake()

    # ------------------------------------------------------------ looking

    def rows(self, table: Any) -> list[Any]:
        """All of a table."""
        return self.database.read_now(lambda connection: list(connection.execute(select(table)).all()))

    def states(self) -> Counter[str]:
        """How many deliveries are in which state."""
        return Counter(DeliveryState(row.state).word for row in self.rows(delivery))

    def deliveries(self) -> list[Any]:
        """The deliveries."""
        return self.rows(delivery)

    def segments(self) -> list[Any]:
        """The segments that a carrier accepted."""
        return self.rows(segment)

    def responses(self) -> list[Any]:
        """What citizens gave back."""
        return self.rows(response)

    async def all_are(self, state: str, count: int) -> None:
        """Wait until so many deliveries are in a state."""
        await until(lambda: self.states()[state] == count)
