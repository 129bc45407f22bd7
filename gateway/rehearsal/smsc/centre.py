"""The message centre: every connection, every message, every handset. Bytes and time in, bytes out; no I/O.

The shim (``gateway.rehearsal.smsc.service``) calls :meth:`MessageCentre.connected`, :meth:`~MessageCentre.receive`,
:meth:`~MessageCentre.lost` and :meth:`~MessageCentre.handle_timer`, and after each of them writes what the sessions
have to send: one connection's message may make another one speak.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from itertools import count
from random import Random
from typing import get_args

from gateway.domain.errors import InvalidRequestError, NotFoundError
from gateway.rehearsal.scenario import ANY_ACCOUNT, Change, Event, Mischief, Scenario
from gateway.rehearsal.smsc.agenda import Agenda
from gateway.rehearsal.smsc.handsets import Arrived
from gateway.rehearsal.smsc.log import MessageLog
from gateway.rehearsal.smsc.mischief import mischief
from gateway.rehearsal.smsc.registrar import Registrar
from gateway.rehearsal.smsc.session import (
    Acknowledged,
    Asked,
    BindAsked,
    Noticed,
    SmscSession,
    State,
    Submitted,
    Unacknowledged,
)
from gateway.rehearsal.smsc.session import Event as SessionEvent
from gateway.rehearsal.smsc.stats import Stats
from gateway.rehearsal.smsc.traffic import Traffic
from gateway.rehearsal.smsc.world import World
from gateway.smpp.pdu import Outbind, Status, status_name

MISCHIEF: Mapping[str, Mischief] = {kind: kind for kind in get_args(Mischief)}

Dial = Callable[[str, int, str], None]
"""Connects to (host, port) for an outbind of an account."""


class MessageCentre:
    """The simulated SMSC without its sockets.

    Args:
        scenario: how it behaves.
        wall: the time for people: aware, UTC.
        write_log: takes a line of the message log.
        arrived: told of every message that a citizen can read, with the number.
        dial: makes the connection for an outbind.
    """

    def __init__(
        self,
        scenario: Scenario,
        wall: Callable[[], datetime],
        *,
        write_log: Callable[[str], None] | None = None,
        arrived: Callable[[str, Arrived], None] | None = None,
        dial: Dial | None = None,
    ) -> None:
        self.scenario = scenario
        self._agenda = Agenda()
        self._registrar = Registrar(scenario)
        log = None if write_log is None else MessageLog(write_log)
        # The dice of a play, not of a lock: seeded so that it can be played again.
        self._random = Random(scenario.seed)  # noqa: S311
        self._world = World(self._agenda, Stats(), self._random, self._registrar, wall, log, arrived)
        self._traffic = Traffic(scenario, self._world)
        self._dial = dial
        self._names = count(1)
        self._by_count: list[Event] = []
        self.sessions: list[SmscSession] = []

    # ------------------------------------------------------------ connections

    def start(self, now: float) -> None:
        """The scenario begins: its times count from here."""
        for event in self.scenario.event:
            if event.after_s is not None:
                self._agenda.at(now + event.after_s, partial(self._happen, event))
            else:
                self._by_count.append(event)
        for entry in self.scenario.reply:
            if entry.unasked:
                self._agenda.at(now + entry.after_s, partial(self._traffic.post.reply_unasked, entry))

    def connected(self, now: float, *, outbind: str | None = None) -> SmscSession | None:
        """A new connection, or ``None`` where there are too many.

        Args:
            now: the time.
            outbind: the account for which we connected to an ESME.
        """
        if len(self.sessions) >= self.scenario.limits.connections:
            self._world.stats.notice("a connection too many was closed")
            return None
        self._world.stats.connections += 1
        session = SmscSession(f"connection {next(self._names)}", self.scenario.links, now)
        self.sessions.append(session)
        if outbind is not None:
            password = self._registrar.esme(outbind).account.password.get_secret_value()
            session.outbind(Outbind(self.scenario.system_id, password))
        return session

    def receive(self, session: SmscSession, data: bytes, now: float) -> None:
        """Octets came."""
        self._handle(session, session.receive_data(data, now), now)
        self._check_counts(now)
        self._agenda.run(now)

    def lost(self, session: SmscSession, now: float) -> None:
        """The connection is gone, by whatever hand; more than one call does nothing."""
        if session in self.sessions:
            self.sessions.remove(session)
            self._registrar.left(session, now, properly=session.parted)
            session.close()

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        for session in tuple(self.sessions):
            self._handle(session, session.handle_timer(now), now)
        self._agenda.run(now)

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` is to be called next, if nothing else happens."""
        moments = [self._agenda.next(), *(session.next_timer() for session in self.sessions)]
        return min((moment for moment in moments if moment is not None), default=None)

    def _handle(self, session: SmscSession, events: Iterable[SessionEvent], now: float) -> None:
        for event in events:
            match event:
                case Submitted(raws):
                    self._traffic.submitted(session, raws, now)
                case Acknowledged(delivery, status):
                    self._traffic.post.acknowledged(session.system_id, delivery, status, now)
                case Asked(pdu):
                    self._traffic.asked(session, pdu, now)
                case BindAsked():
                    self._agenda.at(now + self.scenario.links.bind_ms / 1000, partial(self._bind, session, event))
                case Unacknowledged(deliveries):
                    for delivery in deliveries:
                        self._traffic.post.unacknowledged(session.system_id, delivery, now)
                case Noticed(what):
                    self._world.stats.notice(what)

    def _bind(self, session: SmscSession, asked: BindAsked, now: float) -> None:
        if session.state is not State.BINDING:
            return
        status = self._registrar.judge(asked, now)
        if status == Status.ESME_ROK:
            self._world.stats.binds += 1
            session.accept_bind(asked, self.scenario.system_id, now)
            self._registrar.bound(session, now)
        else:
            self._world.stats.binds_refused[status_name(status)] += 1
            session.refuse_bind(asked, status)

    # ------------------------------------------------------------ events of the scenario

    def _check_counts(self, now: float) -> None:
        if not self._by_count:
            return
        submits = self._world.stats.submits
        due = [event for event in self._by_count if event.after_submits is not None and event.after_submits <= submits]
        self._by_count = [event for event in self._by_count if event not in due]
        for event in due:
            self._happen(event, now)

    def _happen(self, event: Event, now: float) -> None:
        if event.every_s is not None:
            self._agenda.at(now + event.every_s, partial(self._happen, event))
        if event.set is not None:
            self.change(event.set)
        elif event.do == "outbind":
            self.outbind(event.host, event.port or 0, event.account)
        elif event.do is not None:
            self.do(event.do, now, account=event.account)

    # ------------------------------------------------------------ by command

    @property
    def stats(self) -> Stats:
        """The counts."""
        return self._world.stats

    def report(self) -> dict[str, object]:
        """The counts, and how things are now, for JSON."""
        return {
            **self._world.stats.as_dict(),
            "distinct_destinations": len(self._traffic.handsets),
            "pending": self._traffic.pending,
            "bound": sum(session.state is State.BOUND for session in self.sessions),
            "waiting_deliveries": sum(esme.queued for esme in self._registrar.esmes()),
        }

    def change(self, change: Change) -> None:
        """Turn knobs; throttles, refusals and planned replies count from 0 again.

        Raises:
            SettingsError: a key or a value is wrong; nothing has changed.
        """
        self.scenario = self.scenario.changed(change)
        self._registrar.change(self.scenario)
        self._traffic.change(self.scenario)
        for session in self.sessions:
            session.links = self.scenario.links

    def inbox(self, number: str) -> tuple[Arrived, ...]:
        """What the citizen with this number can read, oldest first."""
        return tuple(self._traffic.handsets.inbox(number.removeprefix("+")))

    def reply(self, number: str, text: str, now: float, *, to: str | None = None, account: str = ANY_ACCOUNT) -> int:
        """A citizen writes an SMS; see :meth:`Post.reply`."""
        to = None if to is None else to.removeprefix("+")
        post = self._traffic.post
        return post.reply(number.removeprefix("+"), text, now, to=to, account=account)

    def do(self, what: str, now: float, *, account: str = ANY_ACCOUNT) -> int:
        """``drop``, ``abort``, ``unbind``, ``reset``, or a mischief (see ``mischief``).

        Returns:
            How many connections it happened to.

        Raises:
            InvalidRequestError: there is no such thing.
        """
        if what == "reset":
            self.reset()
            return 0
        if what not in MISCHIEF and what not in ("drop", "abort", "unbind"):
            raise InvalidRequestError.at("do", f"must be drop, abort, unbind, reset or one of {', '.join(MISCHIEF)}")
        chosen = [session for session in self.sessions if account in (ANY_ACCOUNT, session.system_id)]
        for session in chosen:
            if what == "unbind":
                session.unbind(now)
            elif what in ("drop", "abort"):
                session.close(abort=what == "abort")
            else:
                octets, ends = mischief(MISCHIEF[what], self._random)
                session.send(octets)
                if ends:
                    session.close()
        return len(chosen)

    def outbind(self, host: str, port: int, account: str) -> None:
        """Connect to an ESME's listener and ask it to bind as ``account``.

        Raises:
            NotFoundError: this centre has no way to connect.
        """
        if self._dial is None:
            raise NotFoundError("this centre cannot connect to anybody")
        self._dial(host, port, account)

    def reset(self) -> None:
        """Counts, messages and handsets from the beginning; connections stay."""
        self._world.stats = Stats()
        self._traffic.clear()

    def finish(self) -> None:
        """Write what the message log still holds."""
        if self._world.log is not None:
            self._world.log.close()
