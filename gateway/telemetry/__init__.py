"""What the daemon tells about itself: log lines (masked), metrics, and word to systemd.

``start_logging`` begins the log; ``Metrics`` holds the figures, fed through the ``Metered...`` ports of ``metering``
and shown by ``render``; ``LagProbe`` measures the reactor; ``Notifier`` tells systemd.
"""

from __future__ import annotations

from gateway.telemetry.lag import LagProbe
from gateway.telemetry.logs import start_logging
from gateway.telemetry.masking import mask_text
from gateway.telemetry.metering import MeteredEvents, MeteredLedger, MeteredOutcomes
from gateway.telemetry.metrics import CONTENT_TYPE, Metrics
from gateway.telemetry.systemd import Notifier

__all__ = [
    "CONTENT_TYPE",
    "LagProbe",
    "MeteredEvents",
    "MeteredLedger",
    "MeteredOutcomes",
    "Metrics",
    "Notifier",
    "mask_text",
    "start_logging",
]
