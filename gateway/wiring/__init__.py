"""Composition: settings in, a running daemon out. The only package that knows every part."""

from __future__ import annotations

from gateway.wiring.checks import CheckLine, check
from gateway.wiring.daemon import Daemon, run
from gateway.wiring.sending import send_tests

__all__ = ["CheckLine", "Daemon", "check", "run", "send_tests"]
