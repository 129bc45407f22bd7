"""Calls set up a second with everything recorded, beside a bare AMI loop on the same Asterisk; calls at once; latency.

SIPp answers. In the first two runs it hangs up as soon as it has answered; in the third it listens. Times are of one
run on one machine that SIPp, Asterisk and the daemon share.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.sink import free_port
from benchmarks.sms import _ask, _cpu_s, _rss_mb, _wait
from gateway.settings import load
from gateway.voice.asterisk import AsteriskProcess, find_program, render

TOWN = "Meetstad"
PATIENCE_S = 180.0
_SETTINGS = """
[database]
url = "{database}"
state_dir = "{folder}"
[http]
listen = "127.0.0.1:{http}"
[asterisk]
ami_port = {ami}
ami_secret = "bench"
agi_listen = "127.0.0.1:{agi}"
sip_listen = "127.0.0.1:{sip}"
rtp_ports = "20000-29998"
[[trunk]]
name = "sipp"
host = "127.0.0.1"
port = {sipp}
caller_id = "+31343529850"
channels = {channels}
calls_per_s = {rate}
calls_per_hour = 1000000
reserve_inbound = 0
"""
_BARE = """
[bench-bare]
exten => s,1,AGI(agi://127.0.0.1:{agi}/empty)
 same => n,Wait(5)
"""
_ANSWER = """<?xml version="1.0" encoding="UTF-8" ?>
<scenario name="answer">
<recv request="INVITE" rrs="true"></recv>
<send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[pid]SIPpTag01[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=user1 53655765 2353687637 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8
a=rtpmap:8 PCMA/8000

]]></send>
<recv request="ACK"><action>
<ereg regexp=".*" search_in="hdr" header="From:" assign_to="them"/>
<ereg regexp=".*" search_in="hdr" header="To:" assign_to="us"/>
</action></recv>
<Reference variables="them,us"/>
{end}
</scenario>
"""
_HANG_UP = """<pause milliseconds="{ms}"/>
<send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
[last_Via:]
From: [$us]
To: [$them]
[last_Call-ID:]
CSeq: 1 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
<recv response="200" crlf="true"></recv>"""


def main(argv: list[str]) -> int:
    """Measure, print."""
    parser = argparse.ArgumentParser(prog="bench voice", description=__doc__)
    parser.add_argument("-n", "--calls", type=int, default=3000)
    parser.add_argument("--window", type=int, default=200, help="calls at once in the first two runs")
    parser.add_argument("--at-once", type=int, default=1000, metavar="N", help="calls that listen at once; 0: not")
    parser.add_argument("--database", metavar="URL", help="an empty PostgreSQL database; SQLite if not given")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    if shutil.which("sipp") is None:
        raise SystemExit("sipp is not here; apt-get install sip-tester")
    with tempfile.TemporaryDirectory(prefix="burgernet-bench-") as name:
        result = _measure(Path(name), options)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        _print(result, options)
    return 0


def _print(result: Mapping[str, Any], options: argparse.Namespace) -> None:
    table = Table("", "", title=f"{options.calls} calls, {options.window} at once")
    table.columns[1].justify = "right"
    table.add_row("bare AMI loop, one empty FastAGI exchange each: calls/s", f"{result['bare_per_s']:.0f}")
    table.add_row("the daemon, everything on the disk: calls/s", f"{result['per_s']:.0f}")
    table.add_row("  of the bare loop", f"{result['per_s'] / result['bare_per_s']:.2f}")
    table.add_row("  daemon's CPU a call", f"{result['cpu_ms']:.2f} ms")
    table.add_row("POST to the first INVITE, speech new", f"{result['first_invite_ms']:.0f} ms")
    if "at_once" in result:
        table.add_row("most calls at once that listened", str(result["at_once"]))
        table.add_row("  daemon's CPU a call, heard to its end", f"{result['listening_cpu_ms']:.2f} ms")
        table.add_row(
            "  daemon's memory, and for each call", f"{result['rss_mb']:.0f} MB, {result['kb_a_call']:.0f} kB"
        )
        table.add_row("  heard the whole message", str(result["heard_full"]))
    Console().print(table)


class Bench:
    """Asterisk, SIPp and the daemon in a folder."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self._folder = folder
        self.http, self.ami, self.agi, sip, self.sipp = (free_port() for _ in range(5))
        self.config = folder / "burgernet.toml"
        self._values = {
            "folder": folder,
            "database": options.database or f"sqlite:///{folder / 'bench.db'}",
            "http": self.http,
            "ami": self.ami,
            "agi": self.agi,
            "sip": sip,
            "sipp": self.sipp,
        }
        self.configure(options.window, 1000)
        program = find_program()
        render(load(self.config, {}), folder / "asterisk", program)
        with (folder / "asterisk" / "extensions.conf").open("a") as plan:
            plan.write(_BARE.format(agi=self.agi))
        self.asterisk = AsteriskProcess(program, folder / "asterisk")
        self.daemon: subprocess.Popen[bytes] | None = None
        self.key = ""

    def configure(self, channels: int, rate: float) -> None:
        """What the trunk carries."""
        self.config.write_text(_SETTINGS.format(**self._values, channels=channels, rate=rate))

    def answer(self, end: str) -> subprocess.Popen[bytes]:
        """SIPp, answering every call."""
        scenario = self._folder / "answer.xml"
        scenario.write_text(_ANSWER.replace("{end}", end))
        command = ["sipp", "-sf", str(scenario), "-i", "127.0.0.1", "-p", str(self.sipp), "-nostdin", "-nd"]
        command += ["-mp", str(40_000 + os.getpid() % 10_000 * 2), "-trace_shortmsg"]
        command += ["-shortmessage_file", str(self._folder / "short.log"), "-aa", "-deadcall_wait", "0"]
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, cwd=self._folder)
        time.sleep(1.0)
        if process.poll() is not None:
            raise SystemExit("sipp does not run")
        return process

    def first_invite(self, after: float) -> float:
        """When SIPp got the first one after that time, in seconds since the epoch."""
        with (self._folder / "short.log").open(errors="replace") as file:
            for line in file:
                fields = line.split("\t")
                if len(fields) > 5 and fields[3] == "R" and "INVITE" in fields[5] and float(fields[2]) >= after:
                    return float(fields[2])
        raise SystemExit("sipp saw no INVITE")

    def command(self, *arguments: str) -> str:
        """A command of ours."""
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *arguments, "-c", str(self.config)],
            capture_output=True, text=True, check=True, env=_environ(),
        )  # fmt: skip
        return done.stdout

    def populate(self, people: int) -> None:
        """So many participants with a landline only, in one town."""
        file = self._folder / "people.csv"
        rows = [f"b{i},+31294{i:06},52.1,5.1,{TOWN}" for i in range(1, people + 1)]
        file.write_text("ref,landline,lat,lon,municipality\n" + "\n".join(rows) + "\n")
        self.command("participants", "import", str(file))
        self.key = json.loads(self.command("keys", "create", "bench", "--role", "admin", "--json"))["key"]

    def serve(self) -> int:
        """Start the daemon; its process id."""
        log = (self._folder / "daemon.log").open("ab")
        command = [sys.executable, "-m", "gateway", "serve", "-c", str(self.config)]
        self.daemon = subprocess.Popen(command, stdout=log, stderr=log, env=_environ())
        log.close()
        _wait(self.http)
        return self.daemon.pid

    def stop_daemon(self) -> None:
        """In order."""
        if self.daemon is not None:
            self.daemon.send_signal(signal.SIGTERM)
            self.daemon.wait(60)
            self.daemon = None

    def start_action(self, text: str) -> str:
        """Press; the action's id."""
        body = {"kind": "missing_person", "area": {"municipality": TOWN}, "text": text, "lanes": ["voice"]}
        made: str = _ask(self.http, self.key, "POST", "/api/v1/actions", body)["id"]
        return made

    def voice(self, action: str) -> Mapping[str, Any]:
        """The report's voice part."""
        found: Mapping[str, Any] = _ask(self.http, self.key, "GET", f"/api/v1/actions/{action}/report")["lanes"][
            "voice"
        ]
        return found


def _measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    bench = Bench(folder, options)
    with bench.asterisk:
        sipp = bench.answer(_HANG_UP.format(ms=50))
        try:
            result: dict[str, Any] = {"bare_per_s": _bare(bench, options)}
            bench.populate(max(options.calls, options.at_once))
            result |= _set_up(bench)
        finally:
            bench.stop_daemon()
            sipp.kill()
            sipp.wait()
        if options.at_once:
            result |= _at_once(bench, options)
    return result


def _bare(bench: Bench, options: argparse.Namespace) -> float:
    arguments = [str(bench.ami), "bench", str(bench.agi), str(options.calls), str(options.window)]
    command = [sys.executable, "-m", "benchmarks.bare_voice", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE_S)
    return float(done.stdout.split()[-1])


def _set_up(bench: Bench) -> dict[str, Any]:
    pid = bench.serve()
    before = _cpu_s(pid)
    pressed, pressed_at = time.perf_counter(), time.time()
    action = bench.start_action("Burgernet: vermist, een jongen van vijf jaar met een rode jas.")
    counts = _until(lambda: bench.voice(action), lambda voice: voice["pending"] == 0)
    seconds = time.perf_counter() - pressed
    cpu = _cpu_s(pid) - before
    return {
        "per_s": counts["planned"] / seconds,
        "cpu_ms": cpu / counts["planned"] * 1000,
        "first_invite_ms": (bench.first_invite(pressed_at) - pressed_at) * 1000,
        "report": dict(counts),
    }


def _at_once(bench: Bench, options: argparse.Namespace) -> dict[str, Any]:
    """Everybody listens for as long as they are talked to; how many at once."""
    bench.configure(options.at_once + 10, 60)
    sipp = bench.answer('<recv request="BYE" crlf="true"></recv>' + _BYE_OK)
    try:
        pid = bench.serve()
        before, small = _cpu_s(pid), _rss_mb(pid)
        action = bench.start_action("Burgernet: vermist, een meisje van zes jaar met een blauwe jas en een gele tas.")
        most = 0

        def look() -> Mapping[str, Any]:
            nonlocal most
            (trunk,) = _ask(bench.http, bench.key, "GET", "/api/v1/trunks")["trunks"]
            most = max(most, trunk["in_use"] - trunk["ringing"])
            return bench.voice(action)

        counts = _until(look, lambda voice: voice["pending"] == 0)
        rss = _rss_mb(pid)
        return {
            "at_once": most,
            "listening_cpu_ms": (_cpu_s(pid) - before) / counts["planned"] * 1000,
            "rss_mb": rss,
            "kb_a_call": (rss - small) * 1024 / max(1, most),
            "heard_full": counts["heard_full"],
        }
    finally:
        bench.stop_daemon()
        sipp.kill()
        sipp.wait()


_BYE_OK = """<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>"""


def _until(look: Any, over: Any) -> Mapping[str, Any]:
    end = time.perf_counter() + PATIENCE_S
    while time.perf_counter() < end:
        found: Mapping[str, Any] = look()
        if over(found):
            return found
        time.sleep(0.1)
    raise SystemExit(f"the run stands still: {found}")


def _environ() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("BURGERNET_") or k == "BURGERNET_ASTERISK"}
