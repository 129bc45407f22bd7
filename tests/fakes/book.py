"""Actions planned by hand in a real database, and a look at what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.engine import Connection

from gateway.domain.action import ActionState, Outcome, Urgency
from gateway.domain.delivery import (
    Accepted,
    DeliveryState,
    Lane,
    Purpose,
    Reason,
    Receipt,
    SegmentState,
    Settlement,
    SmsBatch,
    make_ref,
)
from gateway.ports import Recorded
from gateway.storage.database import Database
from gateway.storage.journal import Replay
from gateway.storage.repositories import daemons, ledger
from gateway.storage.tables import (
    action,
    action_version,
    claim,
    delivery,
    delivery_block,
    dispatch,
    number,
    orphan_receipt,
    person,
    segment,
)
from gateway.storage.vault import Vault

NOON = datetime(2016, 5, 4, 10, 30, tzinfo=UTC)
VAULT = Vault.from_secret(b"k" * 32)
KPN = "KPN"


@dataclass(frozen=True, slots=True)
class Planned:
    """An action and its deliveries."""

    number: int
    ids: Sequence[int]
    numbers: Mapping[int, str]


class Book:
    """Plans actions, claims for a daemon, and reads states.

    Attributes:
        now: the time that is told to the ledger; moved by hand.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOON
        self.me = self.daemon()
        self._people = 0
        self._next_delivery = 1

    def wait(self, seconds: float) -> None:
        """Let time go by."""
        self.now += timedelta(seconds=seconds)

    def daemon(self, node: str = "here") -> int:
        """A running process."""
        return self.database.write_now(daemons.register, node, self.now)

    # ------------------------------------------------------------ planning

    def plan(
        self,
        people: int | Sequence[str] = 1,
        *,
        urgency: Urgency = Urgency.IMMEDIATE,
        texts: Mapping[str, str] | None = None,
        expires_in: timedelta = timedelta(minutes=30),
        lane: Lane = Lane.SMS,
        mobile: bool = False,
    ) -> Planned:
        """An open action; ``people`` is how many, or the language of each; ``mobile``: who is called has one too."""
        languages = ["nl"] * people if isinstance(people, int) else list(people)
        return self.database.write_now(
            self._plan, languages, urgency, texts or {"nl": "Kijk uit"}, self.now + expires_in, lane, mobile
        )

    def _plan(
        self,
        connection: Connection,
        languages: Sequence[str],
        urgency: Urgency,
        texts: Mapping[str, str],
        expires_at: datetime,
        lane: Lane,
        mobile: bool,
    ) -> Planned:
        made = connection.execute(
            insert(action)
            .returning(action.c.number)
            .values(
                id=f"action{self._next_delivery}",
                code=f"{self._next_delivery}",
                kind="missing_person",
                domain="burgernet",
                urgency=int(urgency),
                state=ActionState.OPEN.value,
                version=1,
                area=[],
                lanes=1,
                created_at=self.now,
                expires_at=expires_at,
                created_by="test",
                planned={},
                left_out={},
            )
        ).scalar_one()
        self._insert_version(connection, made, 1, Purpose.ALERT, texts)
        people = [(language, *self._person(connection, language, lane, mobile)) for language in languages]
        ids = self._insert_deliveries(connection, made, urgency, lane, Purpose.ALERT, 1, people)
        return Planned(made, ids, {one: e164 for one, (_, _, _, e164) in zip(ids, people, strict=True)})

    def _person(self, connection: Connection, language: str, lane: Lane, mobile: bool) -> tuple[int, int, str]:
        self._people += 1
        e164 = f"+316{self._people:08}" if lane is Lane.SMS else f"+31294{self._people:06}"
        number_id = self._number(connection, e164, 1 if lane is Lane.SMS else 2)
        values: dict[str, Any] = {"mobile_id": number_id, "lanes": 1}
        if lane is Lane.VOICE:
            values = {"landline_id": number_id, "landline_country": 31, "lanes": 2}
        if lane is Lane.VOICE and mobile:
            other = self._number(connection, f"+316{self._people:08}", 1)
            values |= {"mobile_id": other, "mobile_country": 31, "lanes": 3}
        person_id = connection.execute(
            insert(person)
            .returning(person.c.id)
            .values(ref=f"p{self._people}", language=language, updated_at=self.now, **values)
        ).scalar_one()
        return person_id, number_id, e164

    def _number(self, connection: Connection, e164: str, kind: int) -> int:
        values = {"blind": VAULT.blind(e164), "sealed": VAULT.seal(e164), "country": 31, "kind": kind}
        return int(connection.execute(insert(number).returning(number.c.id).values(values)).scalar_one())

    def _insert_version(
        self, connection: Connection, made: int, version: int, purpose: Purpose, texts: Mapping[str, str]
    ) -> None:
        connection.execute(
            insert(action_version).values(
                action=made,
                version=version,
                purpose=int(purpose),
                text={language: {"sms": words} for language, words in texts.items()},
                created_at=self.now,
                created_by="test",
            )
        )

    def _insert_deliveries(
        self,
        connection: Connection,
        made: int,
        urgency: Urgency,
        lane: Lane,
        purpose: Purpose,
        version: int,
        people: Sequence[tuple[str, int, int, str]],
    ) -> list[int]:
        ids = list(range(self._next_delivery, self._next_delivery + len(people)))
        self._next_delivery += len(people) + 1
        block = {"id": 1, "next_delivery": self._next_delivery + 1000}
        connection.execute(delete(delivery_block))
        connection.execute(insert(delivery_block).values(block))
        connection.execute(
            insert(delivery),
            [
                {
                    "id": one,
                    "action": made,
                    "person_id": person_id,
                    "number_id": number_id,
                    "language": language,
                    "lane": int(lane),
                    "purpose": int(purpose),
                    "version": version,
                    "state": int(DeliveryState.QUEUED),
                    "attempts": 0,
                }
                for one, (language, person_id, number_id, _) in zip(ids, people, strict=True)
            ],
        )
        connection.execute(
            insert(dispatch).values(
                action=made,
                lane=int(lane),
                purpose=int(purpose),
                urgency=int(urgency),
                first_id=ids[0],
                last_id=ids[-1],
                next_id=ids[0],
                waiting=True,
                created_at=self.now,
            )
        )
        return ids

    def add_version(self, planned: Planned, **texts: str) -> None:
        """A newer text."""

        def job(connection: Connection) -> None:
            of = action.c.number == planned.number
            version = connection.execute(select(action.c.version).where(of)).scalar_one() + 1
            self._insert_version(connection, planned.number, version, Purpose.ALERT, texts)
            connection.execute(update(action).where(of).values(version=version))

        self.database.write_now(job)

    def close(self, planned: Planned, outcome: Outcome = Outcome.STOPPED) -> None:
        """The action alone, as if it ended while a claim was under way."""
        values = {"state": ActionState.CLOSED.value, "outcome": outcome.value, "closed_at": self.now}
        self.execute(update(action).where(action.c.number == planned.number).values(values))

    def plan_closing(self, planned: Planned, version: int = 2, **texts: str) -> list[int]:
        """The thanks to all of them."""

        def job(connection: Connection) -> list[int]:
            self._insert_version(connection, planned.number, version, Purpose.CLOSING, texts)
            rows = connection.execute(
                select(delivery.c.language, delivery.c.person_id, delivery.c.number_id)
                .where(delivery.c.id.in_(planned.ids))
                .order_by(delivery.c.id)
            ).all()
            people = [(*row, "") for row in rows]
            return self._insert_deliveries(
                connection, planned.number, Urgency.IMMEDIATE, Lane.SMS, Purpose.CLOSING, version, people
            )

        return self.database.write_now(job)

    # ------------------------------------------------------------ the ledger

    def claim(self, limit: int = 1000, *, daemon: int | None = None) -> list[SmsBatch]:
        """What a daemon is given."""
        return self.database.write_now(ledger.claim_sms, VAULT, daemon or self.me, limit, self.now)

    def claimed(self, limit: int = 1000, *, daemon: int | None = None) -> list[int]:
        """The ids of the same."""
        return [one for batch in self.claim(limit, daemon=daemon) for one, _ in batch.recipients]

    def record(
        self,
        *,
        accepted: Sequence[Accepted] = (),
        settled: Sequence[Settlement] = (),
        receipts: Sequence[Receipt] = (),
    ) -> Recorded:
        """Write outcomes."""
        return self.database.write_now(ledger.record, accepted, settled, receipts, now=self.now)

    def accept(self, ids: Sequence[int], *, parts: int = 1, carrier: str = KPN) -> Recorded:
        """The carrier accepts every part of these; message ids are ``m<delivery>.<part>``."""
        segments = {make_ref(one, parts, part): f"m{one}.{part}" for one in ids for part in range(1, parts + 1)}
        return self.record(accepted=[Accepted(carrier, self.now, segments)])

    def settle(self, ids: Sequence[int], state: DeliveryState, reason: Reason | None = None, **more: Any) -> Recorded:
        """Another outcome for these."""
        return self.record(settled=[Settlement(one, state, reason, self.now, **more) for one in ids])

    def receive(self, *message_ids: str, **more: Any) -> Recorded:
        """Receipts come."""
        return self.record(receipts=[receipt(one, done_at=self.now, **more) for one in message_ids])

    def recover(self, daemon: int, journal: Replay | None) -> Mapping[str, int]:
        """Settle the work of a dead daemon."""
        return self.database.write_now(ledger.recover, daemon, journal, self.now)

    # ------------------------------------------------------------ looking

    def execute(self, statement: Any) -> None:
        """Change something by hand."""
        self.database.write_now(lambda connection: connection.execute(statement) and None)

    def rows(self, statement: Any) -> list[Any]:
        """Read something by hand."""
        return self.database.read_now(lambda connection: list(connection.execute(statement).all()))

    def row(self, one: int) -> Any:
        """A delivery."""
        (found,) = self.rows(select(delivery).where(delivery.c.id == one))
        return found

    def states(self, ids: Sequence[int]) -> list[str]:
        """The words of these deliveries' states."""
        found = dict(self.rows(select(delivery.c.id, delivery.c.state).where(delivery.c.id.in_(ids))))
        return [DeliveryState(found[one]).word for one in ids]

    def state(self, one: int) -> str:
        """The word of one's state."""
        return self.states([one])[0]

    def segments(self, one: int) -> list[Any]:
        """What became of each part."""
        return self.rows(select(segment).where(segment.c.delivery == one).order_by(segment.c.part))

    def orphans(self) -> list[str]:
        """Message ids of receipts that belong to nothing yet."""
        return sorted(row[0] for row in self.rows(select(orphan_receipt.c.message_id)))

    def claims(self) -> int:
        """How many claims are on record."""
        return len(self.rows(select(claim.c.id)))

    def everything(self) -> list[list[tuple[Any, ...]]]:
        """All that outcomes may change."""
        tables = [(delivery, delivery.c.id), (segment, segment.c.message_id), (orphan_receipt, orphan_receipt.c.id)]
        return [[tuple(row) for row in self.rows(select(table).order_by(key))] for table, key in tables]


def receipt(
    message_id: str,
    state: SegmentState = SegmentState.DELIVERED,
    reason: Reason | None = None,
    *,
    error: str = "000",
    carrier: str = KPN,
    done_at: datetime = NOON,
) -> Receipt:
    """A receipt, by default of a delivery."""
    if state is SegmentState.FAILED and reason is None:
        reason = Reason.UNDELIVERABLE
    return Receipt(carrier, message_id, state, reason, error, done_at)
