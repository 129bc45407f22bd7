"""Two Asterisks and the daemon, as processes: ours, and the one that plays the telephone network."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.rehearsal.network import make_sounds
from gateway.settings import load
from gateway.voice.asterisk import AsteriskProcess, find_program, render, render_network

PLACE = (52.3065, 5.0436)
_SETTINGS = """
[database]
url = "{database}"
[http]
listen = "127.0.0.1:{http}"
[log]
format = "human"
[asterisk]
ami_port = {ami}
ami_secret = "s3;cret"
agi_listen = "127.0.0.1:{agi}"
sip_listen = "127.0.0.1:{sip}"
rtp_ports = "{rtp}-{rtp_last}"
[[trunk]]
name = "alpha"
host = "127.0.0.1"
port = {network}
caller_id = "+31343529850"
channels = 60
calls_per_s = 20
reserve_inbound = 10
[[control_room]]
name = "Midden-Nederland"
operators = ["+31343500089"]
[policy]
ring_s = {ring_s}
call_retries_s = {{ busy = [1], no_answer = [1] }}
"""


class Telephony:
    """Everything that a call needs.

    Attributes:
        url, key: of the daemon's API.
        recordings: what each telephone heard.
    """

    def __init__(self, folder: Path, database: str, *, ring_s: int = 5) -> None:
        self.folder = folder
        http, ami, agi, sip, network, rtp = _free_ports()
        self.url = f"http://127.0.0.1:{http}"
        self.config = folder / "burgernet.toml"
        self.config.write_text(
            _SETTINGS.format(
                database=database, http=http, ami=ami, agi=agi, sip=sip, network=network, rtp=rtp, rtp_last=rtp + 400,
                ring_s=ring_s,
            )
        )  # fmt: skip
        program = find_program()
        render(load(self.config, {}), folder / "asterisk", program)
        self.recordings = folder / "heard"
        greeting, beep = make_sounds(folder / "network-sounds")
        render_network(
            folder / "network",
            program,
            sip_listen=f"127.0.0.1:{network}",
            gateway=f"127.0.0.1:{sip}",
            recordings=self.recordings,
            greeting=greeting,
            beep=beep,
            rtp=(rtp + 500, rtp + 900),
        )
        self.asterisk = AsteriskProcess(program, folder / "asterisk")
        self.network = AsteriskProcess(program, folder / "network")
        self.key = ""
        self._daemon: subprocess.Popen[bytes] | None = None
        self._people = 0

    # ------------------------------------------------------------ processes

    def start(self, *people: dict[str, str]) -> None:
        """Bring everything up; people are rows of the participants' CSV, without a place."""
        self.network.start()
        self.asterisk.start()
        rows = [f"p{n},{one.get('mobile', '')},{one['landline']},{PLACE[0]},{PLACE[1]},{one.get('language', '')},"
                f"{one.get('lanes', 'voice')}" for n, one in enumerate(people)]  # fmt: skip
        file = self.folder / "people.csv"
        file.write_text("ref,mobile,landline,lat,lon,language,lanes\n" + "\n".join(rows) + "\n")
        self.command("participants", "import", str(file))
        self.key = json.loads(self.command("keys", "create", "test", "--role", "admin", "--json"))["key"]
        self.serve()

    def serve(self) -> None:
        """Start the daemon and wait until it takes actions and calls."""
        log = (self.folder / "daemon.log").open("ab")
        command = [sys.executable, "-m", "gateway", "serve", "-c", str(self.config)]
        self._daemon = subprocess.Popen(command, stdout=log, stderr=log, env=_environ())
        log.close()
        self.until(self._ready, "the daemon is ready")

    def _ready(self) -> bool:
        assert self._daemon is not None
        assert self._daemon.poll() is None, (self.folder / "daemon.log").read_text()[-3000:]
        try:
            return self.ask("GET", "/api/v1/trunks")["trunks"][0]["state"] == "up"
        except OSError:
            return False

    def kill_daemon(self) -> None:
        """As the kernel would."""
        assert self._daemon is not None
        self._daemon.kill()
        self._daemon.wait()

    def stop(self) -> None:
        """End everything that was started."""
        if self._daemon is not None and self._daemon.poll() is None:
            self._daemon.send_signal(signal.SIGTERM)
            try:
                self._daemon.wait(20)
            except subprocess.TimeoutExpired:
                self._daemon.kill()
                self._daemon.wait()
        self.asterisk.stop()
        self.network.stop()

    # ------------------------------------------------------------ what is asked

    def command(self, *arguments: str) -> str:
        """What a command prints."""
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *arguments, "-c", str(self.config)],
            capture_output=True, text=True, check=False, timeout=60, env=_environ(),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """A request to the API."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        request.add_header("Authorization", f"Bearer {self.key}")
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from None

    def act(self, text: Any = "Vermist: jongen van vijf jaar, blond haar, rode jas.", **more: Any) -> str:
        """Start an action around everybody; its id."""
        area = {"circle": {"lat": PLACE[0], "lon": PLACE[1], "radius_m": 500}}
        body = {"kind": "missing_person", "area": area, "text": text, "place": "Weesp", **more}
        made: str = self.ask("POST", "/api/v1/actions", body)["id"]
        return made

    def voice(self, action: str) -> dict[str, Any]:
        """The voice part of the report."""
        found: dict[str, Any] = self.ask("GET", f"/api/v1/actions/{action}/report")["lanes"]["voice"]
        return found

    def deliveries(self, action: str) -> list[dict[str, Any]]:
        """Every delivery."""
        found: list[dict[str, Any]] = self.ask("GET", f"/api/v1/actions/{action}/deliveries")["deliveries"]
        return found

    def until(self, condition: Callable[[], Any], what: str, seconds: float = 45.0) -> Any:
        """Wait until something is so; what it gave."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = condition()
            if found:
                return found
            time.sleep(0.1)  # noqa: TID251 - other processes are at work
        log = (self.folder / "daemon.log").read_text(errors="replace")[-3000:]
        raise AssertionError(f"not within {seconds} s: {what}\n{log}")

    def over(self, action: str, seconds: float = 60.0) -> dict[str, Any]:
        """Wait until nobody is to be called any more; the voice part of the report."""
        self.until(lambda: self.voice(action)["pending"] == 0, "nobody is to be called any more", seconds)
        return self.voice(action)

    def calls_to(self, number: str) -> int:
        """How often the network was asked for a number."""
        return len(self.tapes(number))

    def tapes(self, number: str) -> list[Path]:
        """The recordings of a telephone, oldest first."""
        digits = number.removeprefix("+")
        return sorted(path for path in self.recordings.glob(f"{digits}-*.wav") if path.stat().st_size > 44)


def samples(path: Path) -> NDArray[np.float64]:
    """A recording's samples from -1 to 1."""
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        data = file.readframes(file.getnframes())
    return np.frombuffer(data, "<i2").astype(np.float64) / 32768.0


def places_of(part: NDArray[np.float64], whole: NDArray[np.float64], least: float = 0.8) -> list[tuple[float, float]]:
    """Where in the whole (in seconds) a part is heard, and how like it is (1.0 is equal), by cross-correlation."""
    size = 1 << int(np.ceil(np.log2(len(part) + len(whole))))
    products = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size)), size)[: len(whole)]
    energy = np.concatenate(([0.0], np.cumsum(whole**2)))
    ends = np.minimum(np.arange(len(whole)) + len(part), len(whole))
    norms = np.sqrt((energy[ends] - energy[: len(whole)]) * np.sum(part**2)) + 1e-9
    likeness = products / norms
    found = []
    while (best := int(np.argmax(likeness))) is not None and likeness[best] >= least:
        found.append((best / 8000, float(likeness[best])))
        likeness[max(0, best - len(part) // 2) : best + len(part) // 2] = 0.0
    return sorted(found)


def _environ() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("BURGERNET_") or k == "BURGERNET_ASTERISK"}


def _free_ports() -> tuple[int, int, int, int, int, int]:
    tcp = [socket.socket() for _ in range(3)]
    udp = [socket.socket(type=socket.SOCK_DGRAM) for _ in range(2)]
    for one in (*tcp, *udp):
        one.bind(("127.0.0.1", 0))
    http, ami, agi, sip, network = (one.getsockname()[1] for one in (*tcp, *udp))
    for one in (*tcp, *udp):
        one.close()
    # A thousand UDP ports for sound, by our own process id: two runs at once do not meet.
    return http, ami, agi, sip, network, 12_000 + os.getpid() % 40 * 1000
