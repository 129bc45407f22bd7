"""``burgernet rehearsal``: carriers and telephones that cost nothing and reach nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gateway.cli.common import FailedError, Options, command_options, example, readable_errors


@click.group()
def rehearsal() -> None:
    """Simulated carriers and telephones to rehearse with; docs/rehearsal.md tells what they can play."""


class AccountType(click.ParamType):
    """``SYSTEM_ID:PASSWORD``."""

    name = "account"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """To both."""
        if isinstance(value, tuple):
            return value
        system_id, colon, password = str(value).partition(":")
        if not colon or not system_id:
            self.fail("is not SYSTEM_ID:PASSWORD", param, ctx)
        return system_id, password


@rehearsal.command(
    epilog=example("burgernet rehearsal smsc --port 2775 --account burgernet:geheim --latency 10 --log messages.jsonl")
)
@click.option("--port", type=click.IntRange(0, 65535), help="Where to listen; 2775 unless the settings say.")
@click.option("--host", default="127.0.0.1", show_default=True, help="On which address.")
@click.option("--account", "accounts", type=AccountType(), multiple=True, metavar="SYSTEM_ID:PASSWORD")
@click.option("--scenario", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE.toml")
@click.option(
    "--log", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Every message, JSON lines."
)
@click.option("--control-port", type=click.IntRange(0, 65535), help="For scenarios that are told while they run.")
@click.option("--latency", "latency_ms", type=float, metavar="MS", help="From a submit to its response.")
@click.option("--throttle", "throttle_per_s", type=float, metavar="N", help="Submits accepted a second.")
@click.option("--receipt-delay", "receipt_delay_ms", type=float, metavar="MS", help="From a submit to its receipt.")
@click.option("--final", metavar="STATE", help="How messages end: DELIVRD, UNDELIV, ...")
@click.option("--seed", type=int, help="Of shares and jitter.")
@command_options(json=False)
def smsc(options: Options, port: int | None, accounts: tuple[tuple[str, str], ...], **rest: Any) -> None:
    """Run a simulated SMSC until Ctrl-C.

    With -c it plays the carriers of those settings: it takes their accounts, at the first one's port.
    """
    if options.named:
        carriers = options.settings().carrier
        accounts = accounts or tuple((one.system_id, one.password.get_secret_value()) for one in carriers)
        port = carriers[0].port if port is None and carriers else port
    from gateway.rehearsal.smsc import SmscOptions

    _run(SmscOptions(port=2775 if port is None else port, accounts=accounts, **rest))


def _run(wanted: Any) -> None:
    """Run the reactor until the SMSC ends."""
    from twisted.internet import reactor  # noqa: TID251 - here is where it is taken
    from twisted.internet.defer import Deferred
    from twisted.python.failure import Failure

    from gateway.rehearsal.smsc import run_smsc

    failures: list[Failure] = []

    def ended(_: object) -> None:
        if reactor.running:
            reactor.stop()

    def start() -> None:
        Deferred.fromCoroutine(run_smsc(reactor, wanted, click.echo)).addErrback(failures.append).addBoth(ended)

    reactor.callWhenRunning(start)
    reactor.run()
    if failures:
        with readable_errors():
            failures[0].raiseException()
        raise FailedError("the SMSC failed")


@rehearsal.command(
    epilog=example("burgernet rehearsal network --port 5070 --gateway 127.0.0.1:5060 --folder /tmp/network")
)
@click.option("--port", type=click.IntRange(1024, 65535), help="Where it takes calls; 5070 unless the settings say.")
@click.option("--gateway", help="Where the gateway's Asterisk takes them; 127.0.0.1:5060 unless the settings say.")
@click.option("--rtp", type=click.IntRange(1024, 64000), default=30_000, show_default=True, help="First port of sound.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="What telephones hear is kept here.",
)
@command_options(json=False)
def network(options: Options, port: int | None, gateway: str | None, rtp: int, folder: Path) -> None:
    """Run a simulated telephone network until Ctrl-C: what a telephone does is decided by its last two digits.

    With -c it plays the first trunk of those settings.
    """
    if options.named:
        settings = options.settings()
        port = settings.trunk[0].port if port is None and settings.trunk else port
        gateway = gateway or str(settings.asterisk.sip_listen)
    port, gateway = port or 5070, gateway or "127.0.0.1:5060"
    import signal
    from threading import Event

    from gateway.rehearsal.network import make_sounds
    from gateway.voice.asterisk import AsteriskProcess, find_program, render_network

    program = find_program()
    greeting, beep = make_sounds(folder / "sounds")
    render_network(
        folder / "asterisk",
        program,
        sip_listen=f"127.0.0.1:{port}",
        gateway=gateway,
        recordings=folder / "heard",
        greeting=greeting,
        beep=beep,
        rtp=(rtp, min(rtp + 8000, 65_000)),
    )
    with AsteriskProcess(program, folder / "asterisk"):
        click.echo(f"telephones ring at 127.0.0.1:{port}; what they hear is in {folder / 'heard'}")
        stop = Event()
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, lambda *_: stop.set())
        stop.wait()
