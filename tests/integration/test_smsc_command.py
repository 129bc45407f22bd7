"""``burgernet rehearsal smsc`` as a process: started, spoken to, told what to do, ended."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.smpp.codec import Framer, decode, encode
from gateway.smpp.pdu import Address, Bind, Body, Command, Message, Pdu

NUMBER = "31612345678"
WAIT_S = 30


class Running:
    """The command, running."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-c", "from gateway.cli import main; main()", "rehearsal", "smsc", *arguments]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        self.lines: list[str] = []

    def port(self, words: str) -> int:
        """The port of the line that begins with these words."""
        assert self.process.stdout is not None
        while True:
            for line in self.lines:
                if found := re.match(rf"{words} 127\.0\.0\.1:(\d+)$", line):
                    return int(found[1])
            line = self.process.stdout.readline()
            assert line, self.process.communicate()
            self.lines.append(line.strip())

    def end(self, by: signal.Signals) -> dict[str, Any]:
        """Ask it to end; what it counted."""
        self.process.send_signal(by)
        out, err = self.process.communicate(timeout=WAIT_S)
        assert (self.process.returncode, err) == (0, "")
        counts: dict[str, Any] = json.loads(out.splitlines()[-1])
        return counts


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def begin(*arguments: str) -> Running:
        started.append(Running(*arguments))
        return started[-1]

    yield begin
    for running in started:
        running.process.kill()
        running.process.communicate()


class Peer:
    """A bare connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)
        self._framer = Framer()
        self._read: list[Pdu] = []

    def send(self, command: Command, body: Body | None = None, sequence: int = 1) -> None:
        self.socket.sendall(encode(Pdu(command, sequence=sequence, body=body)))

    def read(self) -> Pdu:
        while not self._read:
            data = self.socket.recv(65536)
            assert data, "the connection is gone"
            self._read += map(decode, self._framer.feed(data))
        return self._read.pop(0)

    def bind(self, password: str) -> int:
        self.send(Command.BIND_TRANSCEIVER, Bind("burgernet", password))
        return self.read().status


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_the_command_takes_messages_and_tells_what_it_counted(
    start: Callable[..., Running], tmp_path: Path, by: signal.Signals
) -> None:
    log = tmp_path / "messages.jsonl"
    running = start("--port", "0", "--account", "burgernet:geheim", "--log", str(log))
    peer = Peer(running.port("listening on"))
    assert peer.bind("anders") == 0x0E
    assert peer.bind("geheim") == 0
    message = Message(Address("31600000112", 1, 1), Address(NUMBER, 1, 1), b"Kijk uit", registered_delivery=1)
    peer.send(Command.SUBMIT_SM, message)
    assert [peer.read().command, peer.read().command] == [Command.SUBMIT_SM_RESP, Command.DELIVER_SM]
    counts = running.end(by)
    assert peer.socket.recv(1) == b""
    peer.socket.close()
    assert (counts["accepted"], counts["receipts_sent"], counts["binds_refused"]) == (1, 1, {"ESME_RINVPASWD": 1})
    (line,) = log.read_text().splitlines()
    assert (json.loads(line)["to"], json.loads(line)["text"]) == (NUMBER, "Kijk uit")


def test_the_control_port_tells_it_what_to_do(start: Callable[..., Running]) -> None:
    running = start("--port", "0", "--control-port", "0")
    port = running.port("listening on")
    with socket.create_connection(("127.0.0.1", running.port("control port on")), timeout=WAIT_S) as control:
        lines = control.makefile("rw", encoding="utf-8")

        def tell(**request: Any) -> Any:
            lines.write(json.dumps(request) + "\n")
            lines.flush()
            return json.loads(lines.readline())

        assert tell(do="set", links={"refuse_binds": 1})["ok"]
        peer = Peer(port)
        assert [peer.bind("x"), peer.bind("x")] == [0x0D, 0]
        assert tell(do="stats")["result"]["bound"] == 1
        assert tell(do="unbind")["result"] == {"connections": 1}
        assert peer.read().command == Command.UNBIND
        peer.socket.close()
        lines.close()
    assert running.end(signal.SIGTERM)["binds"] == 1


def test_a_scenario_with_faults_does_not_start(start: Callable[..., Running], tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.toml"
    scenario.write_text("[messages]\nlatency_ms = -1\n[links]\ndeliver_window = 0\n")
    running = start("--port", "0", "--scenario", str(scenario))
    _, err = running.process.communicate(timeout=WAIT_S)
    assert running.process.returncode not in (0, None)
    assert "messages.latency_ms" in err
    assert "links.deliver_window" in err


def test_a_port_that_is_taken_is_told(start: Callable[..., Running]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        running = start("--port", str(taken.getsockname()[1]))
        _, err = running.process.communicate(timeout=WAIT_S)
    assert running.process.returncode not in (0, None)
    assert "cannot listen on 127.0.0.1" in err
