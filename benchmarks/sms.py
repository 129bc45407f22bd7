"""submit_sm a second with the ledger on the disk: the daemon as a process, a sink SMSC, one action.

The ceiling beside it, in the same run: the same PDUs packed by struct and written by Twisted, nothing stored.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import insert

from benchmarks.sink import Sink, free_port
from gateway.domain.access import Role
from gateway.domain.numbers import NumberKind
from gateway.domain.selection import municipality_key, unit_vector
from gateway.storage.database import Database, make_engine
from gateway.storage.geography import cell
from gateway.storage.migrate import upgrade
from gateway.storage.repositories import keys
from gateway.storage.tables import number, person, place
from gateway.storage.vault import Vault

TOWN = "Meetstad"
BATCH = 10_000
PATIENCE_S = 120.0
TICK = os.sysconf("SC_CLK_TCK")


def main(argv: list[str]) -> int:
    """Measure, print."""
    options = _options(argv)
    rows = [measure(options, receipts=receipts) for receipts in (False, True)]
    ceiling = bare(options)
    if options.json:
        print(json.dumps({"bare_per_s": ceiling, "runs": rows}, indent=2))
        return 0
    table = Table(
        "",
        "submit_sm/s",
        "of the ceiling",
        "in the ledger/s",
        "CPU µs each",
        "memory MB",
        title=f"{options.deliveries} deliveries",
        caption="in the ledger: until the report has every one submitted, or delivered where receipts come",
    )
    table.add_row("bare struct loop, nothing stored", f"{ceiling:,.0f}", "1.00", "", "", "")
    for row in rows:
        table.add_row(
            row["what"],
            f"{row['per_s']:,.0f}",
            f"{row['per_s'] / ceiling:.2f}",
            f"{row['settled_per_s']:,.0f}",
            f"{row['cpu_us']:.1f}",
            f"{row['rss_mb']:.0f}",
        )
    Console().print(table)
    print(
        f"sink in {rows[0]['sink']}; database {rows[0]['database']}; window {options.window}, {options.binds} bind(s)"
    )
    return 0


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench sms", description=__doc__)
    parser.add_argument("-n", "--deliveries", type=int, default=100_000)
    parser.add_argument("--window", type=int, default=1000)
    parser.add_argument("--binds", type=int, default=1)
    parser.add_argument("--latency", type=int, default=0, metavar="MS", help="the carrier answers so much later")
    parser.add_argument("--throttle", type=int, default=0, metavar="N", help="the carrier accepts so many a second")
    parser.add_argument("--database", metavar="URL", help="an empty PostgreSQL database; SQLite if not given")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(argv)


def measure(options: argparse.Namespace, *, receipts: bool) -> dict[str, Any]:
    """One run: from the press until the ledger has everything."""
    extra = ["--dlr", "--dlr-window", "1000"] if receipts else []
    if options.throttle:
        extra += ["--throttle", str(options.throttle)]
    sink = Sink([*_expected(options), *extra])
    with tempfile.TemporaryDirectory(prefix="burgernet-bench-") as name:
        folder = Path(name)
        settings, port = _write_settings(folder, sink.port, options, receipts=receipts)
        key = _populate(folder, options)
        daemon = subprocess.Popen(
            [sys.executable, "-m", "gateway", "serve", "-c", str(settings)], stderr=subprocess.DEVNULL
        )
        try:
            _wait(port)
            before = _cpu_s(daemon.pid)
            began = time.perf_counter()
            action = _ask(port, key, "POST", "/api/v1/actions", _request())
            while not sink.done and time.perf_counter() - began < PATIENCE_S:
                time.sleep(0.02)
            counts = _follow(port, key, action["id"], options.deliveries, receipts=receipts)
            seconds, ended = time.perf_counter() - began, time.time()
            cpu, rss = _cpu_s(daemon.pid) - before, _rss_mb(daemon.pid)
        finally:
            daemon.terminate()
            daemon.wait(60)
    counted = sink.stop()
    return {
        "what": "with a receipt for each" if receipts else "with the ledger",
        "per_s": counted.get("rate", 0.0),
        "settled_per_s": options.deliveries / (ended - counted["first"]),
        "seconds_press_to_ledger": seconds,
        "cpu_us": cpu / options.deliveries * 1e6,
        "rss_mb": rss,
        "report": counts,
        "sink": sink.kind,
        "sink_counted": counted,
        "database": "PostgreSQL" if options.database else "SQLite, synchronous=FULL",
    }


def _expected(options: argparse.Namespace) -> list[str]:
    latency = ["--latency", str(options.latency)] if options.latency else []
    return ["--expect", str(options.deliveries), *latency]


def bare(options: argparse.Namespace) -> float:
    """The ceiling."""
    sink = Sink(_expected(options))
    time.sleep(0.3)
    command = [sys.executable, "-m", "benchmarks.bare", str(sink.port), str(options.deliveries), str(options.window)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    sink.stop()
    return float(done.stdout)


def _write_settings(folder: Path, smsc: int, options: argparse.Namespace, *, receipts: bool) -> tuple[Path, int]:
    port = free_port()
    url = options.database or f"sqlite:///{folder / 'bench.db'}"
    path = folder / "burgernet.toml"
    path.write_text(
        f'[database]\nurl = "{url}"\nstate_dir = "{folder}"\n[http]\nlisten = "127.0.0.1:{port}"\n'
        f'[[carrier]]\nname = "sink"\nhost = "127.0.0.1"\nport = {smsc}\nsystem_id = "bench"\npassword = "bench"\n'
        f"window = {options.window}\nbinds = {options.binds}\nregistered_delivery = {str(receipts).lower()}\n"
    )
    return path, port


def _populate(folder: Path, options: argparse.Namespace) -> str:
    """So many participants with a mobile in one town, put into the tables directly; returns an API key."""
    engine = make_engine(options.database or f"sqlite:///{folder / 'bench.db'}")
    upgrade(engine)
    vault = Vault.from_key_file(folder / "burgernet.key")
    database = Database(engine, None)  # type: ignore[arg-type] - without threads, no reactor is asked
    now = datetime.now(UTC)
    lat, lon = 52.1, 5.1
    x, y, z = unit_vector(lat, lon)
    for first in range(1, options.deliveries + 1, BATCH):
        ids = range(first, min(first + BATCH, options.deliveries + 1))
        e164 = [f"+316{10_000_000 + i:08d}" for i in ids]

        def fill(connection: Any, ids: range = ids, e164: list[str] = e164) -> None:
            kind = int(NumberKind.MOBILE)
            pairs = list(zip(ids, e164, strict=True))
            connection.execute(
                insert(number),
                [
                    {"id": i, "blind": vault.blind(n), "sealed": vault.seal(n), "country": 31, "kind": kind}
                    for i, n in pairs
                ],
            )
            about = {"language": "nl", "lanes": 0, "mobile_country": 31, "updated_at": now}
            connection.execute(insert(person), [{"id": i, "ref": f"b{i}", "mobile_id": i, **about} for i in ids])
            where = {"lat": lat, "lon": lon, "x": x, "y": y, "z": z, "cell": cell(lat, lon), "municipality": TOWN}
            where |= {"municipality_key": municipality_key(TOWN), "label": "", "quiet_strict": False}
            connection.execute(insert(place), [{"id": i, "person_id": i, **where} for i in ids])

        database.write_now(fill)
    key = database.write_now(keys.create, "bench", Role.ADMIN, now).key
    engine.dispose()
    return key


def _request() -> Mapping[str, Any]:
    text = "Burgernet: " + "x" * (160 - len("Burgernet: "))
    return {"kind": "missing_person", "area": {"municipality": TOWN}, "text": text, "lanes": ["sms"]}


def _follow(port: int, key: str, action: str, deliveries: int, *, receipts: bool) -> Mapping[str, Any]:
    """Ask for the report until it is complete, or nothing has moved for a while."""
    last, moved = None, time.perf_counter()
    while True:
        time.sleep(0.1)
        sms: Mapping[str, Any] = _ask(port, key, "GET", f"/api/v1/actions/{action}/report")["lanes"]["sms"]
        if sms["delivered" if receipts else "submitted"] >= deliveries:
            return sms
        if sms != last:
            last, moved = sms, time.perf_counter()
        elif time.perf_counter() - moved > 20:
            raise SystemExit(f"the run stands still: {sms}")


def _ask(port: int, key: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, method=method)
    request.add_header("Authorization", f"Bearer {key}")
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{method} {path}: {error.code} {error.read().decode()}") from None


def _wait(port: int) -> None:
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                time.sleep(1)  # the bind
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the daemon did not come up")


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def _rss_mb(pid: int) -> float:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
