"""Word to systemd: ready, stopping, still alive (``Type=notify``, sd_notify(3))."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall


class Notifier:
    """Sends states to the socket that systemd named; without one it does nothing.

    What cannot be sent is dropped: the service must not fail because its supervisor does not listen.

    Args:
        environ: ``NOTIFY_SOCKET``, ``WATCHDOG_USEC`` and ``WATCHDOG_PID`` are read.
        pid: this process.
    """

    def __init__(self, environ: Mapping[str, str], pid: int | None = None) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._watchdog: LoopingCall | None = None
        own = environ.get("WATCHDOG_PID", "") in ("", str(os.getpid() if pid is None else pid))
        usec = environ.get("WATCHDOG_USEC", "")
        self.watchdog_s: float | None = int(usec) / 1e6 if own and usec.isascii() and usec.isdigit() else None
        """How often systemd wants to hear from us at least, or ``None``."""

    def ready(self) -> None:
        """Everything is up."""
        self._send("READY=1")

    def stopping(self) -> None:
        """An orderly stop has begun."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """A line for ``systemctl status``."""
        self._send(f"STATUS={' '.join(text.split())}")

    def start_watchdog(self, clock: IReactorTime) -> None:
        """Say that we live, twice in each interval, as long as the reactor turns."""
        if self.watchdog_s is None:
            return
        self._watchdog = LoopingCall(self._send, "WATCHDOG=1")
        self._watchdog.clock = clock
        running: Deferred[LoopingCall] = self._watchdog.start(self.watchdog_s / 2)
        running.addErrback(lambda _: None)  # _send raises nothing

    def stop_watchdog(self) -> None:
        """Say so no more."""
        if self._watchdog is not None and self._watchdog.running:
            self._watchdog.stop()

    def _send(self, state: str) -> None:
        if not self._address.startswith(("/", "@")):
            return
        # "@" stands for the abstract namespace, which the kernel writes as NUL.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            try:
                sender.sendto(state.encode("utf-8", "replace"), address)
            except OSError:
                return
