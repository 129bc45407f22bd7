"""The stage: a folder, simulated carrier and telephones, participants, a key, the daemon; by commands people have."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console

from gateway.cli.common import FailedError
from gateway.domain.errors import UnavailableError
from gateway.rehearsal.network import make_sounds
from gateway.rehearsal.people import TOWNS, write_people
from gateway.settings import CarrierSettings, load
from gateway.voice.asterisk import AsteriskProcess, Program, find_program, render, render_network

_PLACES = {"Weesp": 1, "Amsterdam": 2, "Gemert-Bakel": 1}
_SETTINGS = """\
# Settings of the demo: one simulated carrier on this machine.
[database]
url = "sqlite:///burgernet.db"
[http]
listen = "127.0.0.1:{http}"
[log]
format = "human"
[[carrier]]
name = "rehearsal"
host = "127.0.0.1"
port = {smsc}
system_id = "burgernet"
password = "demo"
window = {window}
sender = "{sender}"
cost_eur = {cost}
"""
_TRUNK = """\
[asterisk]
ami_port = {ami}
ami_secret = "demo"
agi_listen = "127.0.0.1:{agi}"
sip_listen = "127.0.0.1:{sip}"
rtp_ports = "20000-21998"
[[trunk]]
name = "rehearsal"
host = "127.0.0.1"
port = {network}
caller_id = "+31343529850"
channels = 330
calls_per_s = 40
reserve_inbound = 30
[policy]
call_retries_s = {{ busy = [10], no_answer = [10] }}
ring_s = 10
"""
_SCENARIO = """\
# A carrier with answers in some 15 ms, receipts within seconds, and some handsets that are off or gone.
seed = 4
[messages]
latency_ms = 15
latency_jitter_ms = 10
delivery_ms = 400
delivery_jitter_ms = 2500
final = { DELIVRD = 0.95, UNDELIV = 0.02, EXPIRED = 0.03 }
"""


class Stage:
    """Everything that the demo needs; ends what it started.

    Args:
        folder: kept where given; else a temporary one that goes at the end.
        like: whose sender, window and price the simulated carrier has.
    """

    def __init__(self, folder: Path | None, people: int, out: Console, like: CarrierSettings | None = None) -> None:
        self._temporary = folder is None
        self._folder = Path(tempfile.mkdtemp(prefix="burgernet-demo-")) if folder is None else folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._people = people
        self._out = out
        self._like = like
        self._running: list[subprocess.Popen[bytes]] = []
        self._asterisks: list[AsteriskProcess] = []
        self._environ = {k: v for k, v in os.environ.items() if not k.startswith("BURGERNET_")}
        self._http, self._smsc, self._control, *self._telephone = _free_ports(7)
        self.settings = self._folder / "burgernet.toml"
        self.messages = self._folder / "messages.jsonl"
        self.url = f"http://127.0.0.1:{self._http}"
        self.key = ""

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for process in reversed(self._running):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for asterisk in self._asterisks:
            asterisk.stop()
        for process in reversed(self._running):
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
        if self._temporary and error is None:
            shutil.rmtree(self._folder, ignore_errors=True)
        elif error is not None:
            self._out.print(f"logs: {self._folder}")

    @property
    def alive(self) -> bool:
        """Whether everything still runs."""
        return all(process.poll() is None for process in self._running)

    def set_up(self) -> None:
        """Carrier, participants, key, daemon."""
        like = self._like
        text = _SETTINGS.format(
            http=self._http,
            smsc=self._smsc,
            window=like.window if like else 100,
            sender=(like and like.sender) or "+31880123456",
            cost=like.cost_eur if like else 0.06,
        )
        self.settings.write_text(text, encoding="utf-8")
        scenario = self._folder / "scenario.toml"
        scenario.write_text(_SCENARIO, encoding="utf-8")
        self._out.print(f"[bold]1.[/bold] a simulated carrier speaks SMPP on port {self._smsc}")
        self._start(
            "rehearsal", "smsc", "--port", str(self._smsc), "--account", "burgernet:demo", "--scenario", str(scenario),
            "--log", str(self.messages), "--control-port", str(self._control),
        )  # fmt: skip
        self._connect_telephones()
        people = self._folder / "participants.csv"
        towns = [town._replace(weight=_PLACES[town.municipality]) for town in TOWNS if town.municipality in _PLACES]
        with people.open("wb") as file:
            write_people(file, self._people, 2016, towns)
        self._out.print(f"[bold]2.[/bold] {self._people} made-up participants are imported")
        self._out.print("   " + self.command("participants", "import", str(people)).strip().splitlines()[-1])
        self.key = json.loads(self.command("keys", "create", "demo", "--role", "admin", "--json"))["key"]
        self._out.print(f"[bold]3.[/bold] the daemon serves {self.url}/api/v1, with its ledger in SQLite")
        self._start("serve", "-c", str(self.settings))
        self._wait_until_ready()

    @property
    def calls(self) -> bool:
        """Whether there is a telephone network."""
        return bool(self._asterisks)

    @property
    def recording(self) -> Path | None:
        """The longest of what a simulated telephone heard."""
        found = [path for path in (self._folder / "heard").glob("*.wav") if path.stat().st_size > 44]
        return max(found, key=lambda path: path.stat().st_size, default=None)

    def _connect_telephones(self) -> None:
        """Our Asterisk, and one that plays the telephone network; without an Asterisk nobody is called."""
        try:
            program = find_program()
        except UnavailableError as error:
            self._out.print(f"   [yellow]no telephones ring: {error}[/yellow]")
            return
        ami, agi, sip, network = self._telephone
        with self.settings.open("a", encoding="utf-8") as file:
            file.write(_TRUNK.format(ami=ami, agi=agi, sip=sip, network=network))
        render(load(self.settings, {}), self._folder / "asterisk", program)
        self._render_network(program, sip, network)
        for name in ("network", "asterisk"):
            self._asterisks.append(AsteriskProcess(program, self._folder / name))
            self._asterisks[-1].start()
        self._out.print(f"   a simulated telephone network rings on port {network}, our Asterisk on port {sip}")

    def _render_network(self, program: Program, sip: int, network: int) -> None:
        greeting, beep = make_sounds(self._folder / "network-sounds")
        render_network(
            self._folder / "network",
            program,
            sip_listen=f"127.0.0.1:{network}",
            gateway=f"127.0.0.1:{sip}",
            recordings=self._folder / "heard",
            greeting=greeting,
            beep=beep,
            rtp=(22_000, 23_998),
        )

    def command(self, *arguments: str) -> str:
        """Run a command with our settings; returns what it printed.

        Raises:
            FailedError: with what it complained of.
        """
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *arguments, "-c", str(self.settings)],
            capture_output=True, text=True, env=self._environ, check=False, timeout=100,
        )  # fmt: skip
        if done.returncode:
            raise FailedError(f"burgernet {' '.join(arguments)}:\n{done.stderr}")
        return done.stdout + done.stderr if "import" in arguments else done.stdout

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """A request to the API."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)  # noqa: S310 - our own daemon
        request.add_header("Authorization", f"Bearer {self.key}")
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise FailedError(f"{method} {path}: {error.code}\n{error.read().decode()}") from None

    def reply(self, sender: str, text: str) -> None:
        """A citizen writes back, at the simulated carrier."""
        with socket.create_connection(("127.0.0.1", self._control), 10) as connection:
            connection.sendall(json.dumps({"do": "reply", "number": sender, "text": text}).encode() + b"\r\n")
            connection.makefile().readline()

    def _start(self, *arguments: str) -> None:
        log = (self._folder / f"{arguments[0]}.log").open("wb")
        self._running.append(
            subprocess.Popen([sys.executable, "-m", "gateway", *arguments], stdout=log, stderr=log, env=self._environ)
        )
        log.close()

    def _wait_until_ready(self) -> None:
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=1):  # noqa: S310
                    return
            except OSError:
                if not self.alive:
                    break
                time.sleep(0.1)  # noqa: TID251 - a command that waits for a process
        raise FailedError("the daemon did not come up:\n" + (self._folder / "serve.log").read_text(errors="replace"))


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
