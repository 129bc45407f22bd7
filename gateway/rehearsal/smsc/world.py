"""What the parts of the simulated SMSC share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from random import Random

from gateway.rehearsal.smsc.agenda import Agenda
from gateway.rehearsal.smsc.handsets import Arrived
from gateway.rehearsal.smsc.log import MessageLog
from gateway.rehearsal.smsc.registrar import Registrar
from gateway.rehearsal.smsc.stats import Stats


@dataclass(slots=True)
class World:
    """The clock, the agenda, the counts, the dice and the ESMEs.

    Attributes:
        wall: the time for people; aware, UTC.
        arrived: told of every message that a citizen can read.
    """

    agenda: Agenda
    stats: Stats
    random: Random
    registrar: Registrar
    wall: Callable[[], datetime]
    log: MessageLog | None = None
    arrived: Callable[[str, Arrived], None] | None = None
