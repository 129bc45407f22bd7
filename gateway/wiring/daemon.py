"""The daemon: every part started in the order in which they need each other, and stopped the other way round."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Any, BinaryIO

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from gateway import __version__
from gateway.domain import events
from gateway.domain.access import Principal
from gateway.domain.errors import BurgernetError, UnavailableError
from gateway.domain.events import Event
from gateway.flows.alert import Alert
from gateway.flows.report import Reports
from gateway.ports import Recorded, TrunkStatus
from gateway.settings import Settings
from gateway.storage.database import Database, make_engine
from gateway.storage.journal import WireJournal
from gateway.storage.migrate import upgrade
from gateway.storage.repositories import daemons, keys
from gateway.storage.repositories.actions import Actions
from gateway.storage.repositories.calls import Calls
from gateway.storage.repositories.events import EventRepository
from gateway.storage.repositories.ledger import Ledger
from gateway.storage.repositories.participants import Participants
from gateway.storage.repositories.responses import Responses
from gateway.storage.vault import Vault
from gateway.telemetry import LagProbe, MeteredEvents, Metrics, Notifier, start_logging
from gateway.web.api import Api
from gateway.web.events import EventHub
from gateway.web.site import Limits
from gateway.wiring.endpoints import server_endpoint
from gateway.wiring.runtime import ReactorTasks, SystemClock, log_failure
from gateway.wiring.sms import build_sms
from gateway.wiring.speech import build_speech
from gateway.wiring.voice import VoiceLine, build_voice

EXPIRY_EVERY_S = 1.0
PROGRESS_EVERY_S = 0.5
PROGRESS_SHARE = 20  # one part counting to so many parts not
TIDY_EVERY_S = 10.0

_log = Logger("gateway")


class KeyCheck:
    """Implements the web's authenticator on the keys in the database."""

    def __init__(self, database: Database, clock: SystemClock) -> None:
        self._database = database
        self._clock = clock
        self._verified = keys.VerifiedKeys()

    async def verify(self, key: str) -> Principal | None:
        """Whose key it is."""
        now = self._clock.now()
        known = self._verified.get(key, now)
        if known is not None:
            return known
        principal = await self._database.read(keys.verify, key)
        if principal is not None:
            self._verified.remember(key, principal, now)
        return principal


class Daemon:
    """Everything that serves, in one process.

    Args:
        reactor: the one that runs.
        environ: for systemd's sockets.

    Raises:
        BurgernetError: from :meth:`start`, with what is wrong in words.
    """

    def __init__(self, settings: Settings, reactor: Any, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._reactor = reactor
        self._clock = SystemClock()
        self._tasks = ReactorTasks(reactor)
        self._notifier = Notifier(environ)
        self._changed: set[int] = set()
        self._stopping = False
        self._port: IListeningPort | None = None
        self.address: tuple[str, int] | None = None
        """Where the API listens, once started."""

    async def start(self) -> None:
        """Come up: lock, schema, recovery, API, carriers."""
        settings, reactor = self._settings, self._reactor
        state = settings.database.state_dir
        state.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(state)
        engine = make_engine(settings.database.url.get_secret_value())
        upgrade(engine)
        vault = Vault.from_key_file(settings.key_path)
        self._database = Database(engine, reactor)
        self._database.start()
        node = self._node = settings.database.node or socket.gethostname()
        now = self._clock.now()
        self._me = await self._database.write(daemons.register, node, now)
        await self._recover(node, state)
        self._journal = WireJournal(daemons.journal_path(state, self._me))
        self._build(vault)
        await self._hub.start()
        http = settings.http
        door = server_endpoint(http.listen, http.tls_cert_file, http.tls_key_file, reactor)
        self._port = await door.listen(self._api.doors())
        address = self._port.getHost()
        assert isinstance(address, IPv4Address | IPv6Address)
        self.address = (address.host, address.port)
        self._line.lane.start()
        carriers = settings.smpp_listener
        if carriers.listen is not None:
            await self._line.listener.start(
                server_endpoint(carriers.listen, carriers.tls_cert_file, carriers.tls_key_file, reactor)
            )
        if self._voice is not None:
            await self._voice.start(reactor)
        self._lag.start()
        self._tasks.spawn("dispatch", self._line.dispatcher.run())
        self._tasks.spawn("heartbeat", self._beat(node, state))
        self._tasks.spawn("expiry", self._expire())
        self._tasks.spawn("progress", self._tell_progress())
        self._notifier.ready()
        self._notifier.start_watchdog(reactor)
        _log.info(
            "burgernet {version} takes actions at http://{host}:{port}",
            version=__version__,
            host=address.host,
            port=address.port,
        )

    def _build(self, vault: Vault) -> None:
        settings, reactor, clock = self._settings, self._reactor, self._clock
        self._metrics = Metrics()
        self._ledger = Ledger(self._database, vault, self._me)
        actions = Actions(self._database, vault)
        responses = Responses(self._database, vault)
        # Another daemon's events are in the same table; on SQLite there is no other.
        self._hub = EventHub(
            EventRepository(self._database), reactor, poll_s=None if self._database.is_sqlite else PROGRESS_EVERY_S
        )
        self._sink = MeteredEvents(self._hub, self._metrics)
        self._line = build_sms(
            settings,
            reactor,
            clock,
            self._tasks,
            self._ledger,
            responses,
            self._journal,
            self._sink,
            self._metrics,
            self._note_changes,
        )
        lane = self._line.lane
        self._metrics.watch_carriers(lane.status)
        self._lag = LagProbe(reactor, self._metrics.lag)
        self._speech = build_speech(settings, reactor)
        self._speech.start()
        self._voice: VoiceLine | None = None
        if settings.trunk:
            self._voice = build_voice(
                settings,
                reactor,
                clock,
                self._tasks,
                Calls(self._database, vault, self._me, self._node),
                self._speech,
                self._sink,
                self._metrics,
                changed=self._note_changes,
                sms_planned=self._line.dispatcher.wake,
            )
        self._alert = Alert(
            actions,
            lane,
            self._speech,
            self._sink,
            clock,
            self._tasks,
            settings.to_policy(),
            self._wake,
            None if self._voice is None else self._voice.lane,
        )
        self._api = Api(
            alert=self._alert,
            actions=actions,
            responses=responses,
            participants=Participants(self._database, vault),
            report=Reports(actions, lane).of_action,
            lane=lane,
            speech=self._speech,
            hub=self._hub,
            sink=self._sink,
            authenticator=KeyCheck(self._database, clock),
            trunks=lambda: [] if self._voice is None else [_trunk(one) for one in self._voice.lane.status()],
            metrics=self._metrics.render,
            clock=clock,
            reactor=reactor,
            probes={"database": self._probe_database, "carriers": self._probe_carriers, "daemon": self._probe_daemon},
            limits=Limits(
                body_bytes=settings.http.max_body_kb * 1024,
                spool_dir=settings.database.state_dir,
                behind_proxy=settings.http.behind_proxy,
            ),
        )

    async def stop(self) -> None:
        """Go down in order: no new work, windows drained, unbound, ledger flushed."""
        if self._stopping:
            return
        self._stopping = True
        self._notifier.stopping()
        self._notifier.stop_watchdog()
        self._api.refuse_work()
        if self._port is not None:
            await maybeDeferred(self._port.stopListening)
        if self._voice is not None:
            await self._voice.stop()
        line = self._line
        line.dispatcher.stop()
        await line.listener.stop()
        await line.lane.stop()
        while not line.outcomes.idle:
            await self._tasks.sleep(0.01)
        self._lag.stop()
        await self._hub.stop()
        await self._database.write(daemons.sign_off, self._me, self._clock.now())
        self._tasks.cancel()
        self._speech.stop()
        self._journal.close()
        self._database.stop()
        self._lock.close()
        _log.info("burgernet has stopped; the ledger is complete")

    # ------------------------------------------------------------ background

    def _wake(self) -> None:
        """Deliveries were planned, cancelled, or have a newer text."""
        self._line.dispatcher.wake()
        if self._voice is not None:
            self._voice.dispatcher.wake()
            self._tasks.spawn("news of actions", self._voice.recorder.look(self._voice.lane))

    async def _recover(self, node: str, state: Path) -> None:
        for found in await self._database.write(daemons.recover_dead, node, state, self._me, self._clock.now()):
            daemons.journal_path(state, found["daemon"]).unlink(missing_ok=True)
            _log.warn(
                "daemon {daemon} had died: {uncertain} deliveries are uncertain, {returned} go out again",
                **found,
            )

    async def _beat(self, node: str, state: Path) -> None:
        """Show that we live; take over from those who do not."""
        while True:
            await self._tasks.sleep(daemons.HEARTBEAT.total_seconds())
            if self._stopping:
                return
            if not await self._database.write(daemons.beat, self._me, self._clock.now()):
                _log.critical("another daemon took this one for dead and has its work: stopping")
                self._reactor.stop()
                return
            await self._recover(node, state)
            self._wake()

    async def _expire(self) -> None:
        last_tidy = self._clock.now()
        while not self._stopping:
            await self._tasks.sleep(EXPIRY_EVERY_S)
            try:
                await self._alert.expire()
                if self._clock.now() - last_tidy > timedelta(seconds=TIDY_EVERY_S):
                    last_tidy = self._clock.now()
                    await self._ledger.tidy_claims()
            except BurgernetError as error:
                log_failure("an action could not be expired", error)

    def _note_changes(self, recorded: Recorded) -> None:
        self._changed |= recorded.actions

    async def _tell_progress(self) -> None:
        pause_s = PROGRESS_EVERY_S
        while not self._stopping:
            await self._tasks.sleep(pause_s)
            if not self._changed:
                continue
            changed, self._changed = self._changed, set()
            now: datetime = self._clock.now()
            began_s = self._reactor.seconds()
            for action_id, counts in (await self._ledger.progress(changed)).items():
                self._sink.emit(Event(events.ACTION_PROGRESS, now, action_id, {"lanes": counts}))
            # Counting a hundred thousand deliveries takes its time from sending them.
            pause_s = max(PROGRESS_EVERY_S, PROGRESS_SHARE * (self._reactor.seconds() - began_s))

    # ------------------------------------------------------------ probes

    async def _probe_database(self) -> str:
        await self._database.read(lambda connection: connection.exec_driver_sql("SELECT 1").scalar())
        return "answers"

    async def _probe_carriers(self) -> str:
        """Actions are taken without carriers too; their messages wait, within the life of the action."""
        states = self._line.lane.status()
        bound = sum(one.state in ("bound", "partly_bound") for one in states)
        if not bound:
            return "none is bound: messages wait" if states else "none is named: no SMS leaves"
        return f"{bound} of {len(states)} bound"

    async def _probe_daemon(self) -> str:
        if self._stopping:
            raise UnavailableError("stopping")
        return "takes actions"


def _trunk(status: TrunkStatus) -> dict[str, Any]:
    """A trunk's state as the API gives it."""
    return {**asdict(status), "since": status.since.isoformat(timespec="milliseconds").replace("+00:00", "Z")}


def _lock(state: Path) -> BinaryIO:
    """Only one daemon uses a state folder: its journals would not tell who is alive."""
    file = (state / "daemon.lock").open("wb")
    try:
        flock(file, LOCK_EX | LOCK_NB)
    except OSError:
        file.close()
        raise UnavailableError(
            f"{state}: another daemon uses this folder; a second one needs a database.state_dir and node of its own"
        ) from None
    return file


def run(settings: Settings, reactor: Any) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code: 1 when it could not start."""
    start_logging(settings.log)
    daemon = Daemon(settings, reactor, os.environ)
    code = 0

    def failed(failure: Any) -> None:
        nonlocal code
        code = 1
        if failure.check(BurgernetError, OSError):
            _log.critical("cannot start: {error}", error=failure.getErrorMessage())
        else:
            _log.failure("cannot start", failure=failure)
        reactor.stop()

    def started(_: None) -> None:
        reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(daemon.stop()))

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(daemon.start()).addCallbacks(started, failed))
    reactor.run()
    return code
