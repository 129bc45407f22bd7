"""``burgernet rehearsal smsc`` without its command line."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort

from gateway.domain.errors import Fault, UnavailableError
from gateway.rehearsal.scenario import Scenario
from gateway.rehearsal.scenario_file import make_scenario
from gateway.rehearsal.smsc.control import ControlFactory
from gateway.rehearsal.smsc.service import Smsc
from gateway.settings.loading import SettingsError, read
from gateway.settings.values import is_loopback

LOOPBACK = "127.0.0.1"

HELP = """\
Run a simulated SMSC: a carrier to rehearse with, which costs nothing and reaches nobody.

It takes binds, answers submits, sends receipts, keeps what citizens would read, and plays faults by a scenario file
(see docs/rehearsal.md). It ends at SIGTERM or Ctrl-C and prints what it counted as one line of JSON.

Example: burgernet rehearsal smsc --port 2775 --account burgernet:geheim --latency 10 --log messages.jsonl
"""
"""For the command line's ``--help``."""


@dataclass(frozen=True, slots=True)
class SmscOptions:
    """What the command line may say; ``None`` leaves a key as the scenario has it.

    Attributes:
        port: where ESMEs connect; 0 lets the system choose.
        host: on which address; other machines can connect unless it is a loopback one.
        accounts: (system_id, password); they take the place of the scenario's.
        scenario: a TOML file.
        log: a file to which every message is appended as a line of JSON, with number and text.
        control_port: of the control port, on 127.0.0.1; 0 lets the system choose; ``None``: there is none.
        latency_ms: from a submit to its response.
        throttle_per_s: submits accepted a second.
        receipt_delay_ms: from acceptance to the end and its receipt (``delivery_ms``).
        final: how messages end, one state or states by weight.
        seed: of shares and jitter.
    """

    port: int = 2775
    host: str = LOOPBACK
    accounts: Sequence[tuple[str, str]] = field(default=(), repr=False)
    scenario: Path | None = None
    log: Path | None = None
    control_port: int | None = None
    latency_ms: float | None = None
    throttle_per_s: float | None = None
    receipt_delay_ms: float | None = None
    final: str | Mapping[str, float] | None = None
    seed: int | None = None


def scenario_of(options: SmscOptions) -> Scenario:
    """The scenario file, with what the command line says otherwise.

    Raises:
        SettingsError: with every fault and its path.
    """
    document = read(options.scenario) if options.scenario is not None else {}
    if options.accounts:
        document["account"] = [{"system_id": name, "password": password} for name, password in options.accounts]
    if options.seed is not None:
        document["seed"] = options.seed
    knobs = {
        "latency_ms": options.latency_ms,
        "throttle_per_s": options.throttle_per_s,
        "delivery_ms": options.receipt_delay_ms,
        "final": options.final,
    }
    given = {key: value for key, value in knobs.items() if value is not None}
    messages = document.setdefault("messages", {})
    if given and isinstance(messages, dict):
        messages.update(given)
    return make_scenario(document)


async def run_smsc(reactor: Any, options: SmscOptions, say: Callable[[str], None]) -> None:
    """Run a simulated SMSC until the reactor is asked to stop.

    Args:
        reactor: Twisted's.
        options: what it does.
        say: takes the lines for people: ``listening on …``, and at the end the counts as one line of JSON.

    Raises:
        SettingsError: the scenario has faults, or the log cannot be written.
        UnavailableError: a port is taken.
    """
    scenario = scenario_of(options)
    with message_log(options.log) as write_log, few_collections():
        smsc = Smsc(scenario, reactor, write_log=write_log)
        stop: Deferred[None] = Deferred()
        done: Deferred[None] = Deferred()
        trigger = reactor.addSystemEventTrigger("before", "shutdown", _stopping(stop, done))
        control: IListeningPort | None = None
        controls = ControlFactory(smsc)
        try:
            control = _listen_for_control(reactor, controls, options.control_port, say)
            port = smsc.listen(options.port, options.host)
            say(f"listening on {options.host}:{port}")
            if not is_loopback(options.host):
                say("other machines can connect")
            await stop
        finally:
            if not stop.called:
                reactor.removeSystemEventTrigger(trigger)
            if control is not None:
                await maybeDeferred(control.stopListening)
            controls.drop_all()
            await smsc.close()
            say(json.dumps(smsc.report()))
            done.callback(None)


def _stopping(stop: Deferred[None], done: Deferred[None]) -> Callable[[], Deferred[None]]:
    def begin() -> Deferred[None]:
        stop.callback(None)
        return done

    return begin


def _listen_for_control(
    reactor: Any, factory: ControlFactory, port: int | None, say: Callable[[str], None]
) -> IListeningPort | None:
    if port is None:
        return None
    try:
        listening: IListeningPort = reactor.listenTCP(port, factory, interface=LOOPBACK)
    except CannotListenError as error:
        raise UnavailableError(f"cannot listen on {LOOPBACK}:{port}: {error.socketError}") from None
    say(f"control port on {LOOPBACK}:{listening.getHost().port}")  # type: ignore[attr-defined]
    return listening


@contextmanager
def few_collections() -> Iterator[None]:
    """Look for garbage less often: messages are kept for long, in no cycles, and it took 40 % of the time."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 1000)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def message_log(path: Path | None) -> Iterator[Callable[[str], None] | None]:
    """Open the log of messages; only its owner may read it, for it holds numbers and texts.

    Raises:
        SettingsError: it cannot be written.
    """
    if path is None:
        yield None
        return
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise SettingsError([Fault(str(path), f"cannot be written: {error.strerror}")]) from None
    with os.fdopen(number, "a", encoding="utf-8", buffering=1) as file:
        yield lambda line: print(line, file=file)
