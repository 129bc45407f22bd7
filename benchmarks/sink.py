"""The SMSC that the benchmark sends to: it counts and is never the bottleneck.

A counting sink in C is used where its source lies beside the checkout (``../shared/bench``) and there is a compiler;
otherwise ``benchmarks.plain_sink``, which does the same in Python and says how fast it can be.
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[2] / "shared" / "bench" / "sink_smsc.c"


def free_port() -> int:
    """A TCP port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Sink:
    """A running sink.

    Args:
        options: as the sink in C takes them.
    """

    def __init__(self, options: Sequence[str]) -> None:
        self.port = free_port()
        self.kind, command = _command()
        self._out = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by stop()
        self._process = subprocess.Popen(
            [*command, "--port", str(self.port), *options], stdout=self._out, stderr=subprocess.DEVNULL
        )

    @property
    def done(self) -> bool:
        """Whether it got what it expected."""
        return self._process.poll() is not None

    def stop(self) -> dict[str, Any]:
        """End it; returns what it counted."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self._process.wait(10)
        self._out.seek(0)
        lines = [line for line in self._out.read().splitlines() if line.startswith("{")]
        self._out.close()
        return dict(json.loads(lines[-1])) if lines else {}


def _command() -> tuple[str, list[str]]:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if SOURCE.exists() and compiler:
        binary = Path(tempfile.gettempdir()) / f"burgernet-sink-{int(SOURCE.stat().st_mtime)}"
        if not binary.exists():
            subprocess.run([compiler, "-O2", "-o", str(binary), str(SOURCE)], check=True)
        return "C", [str(binary)]
    return "Python", [sys.executable, "-m", "benchmarks.plain_sink"]
