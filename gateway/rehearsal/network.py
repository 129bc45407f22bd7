"""A simulated telephone network: a second Asterisk whose telephones behave by the last two digits of their numbers.

What each hears is recorded. docs/rehearsal.md lists them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from audio.encode import to_alaw, to_segment
from audio.errors import AudioError
from audio.pcm import from_floats
from audio.render import Renderer
from audio.store import Store
from gateway.domain.errors import UnavailableError

GREETING = "Dit is het antwoordapparaat van de familie Jansen. Wij zijn er nu niet. Spreek een bericht in na de piep."
BEEP_HZ = 1000.0
BEEP_S = 0.5
RATE = 8000


def make_sounds(folder: Path) -> tuple[Path, Path]:
    """The greeting and the beep of the answering machine, as names without extension. Raises UnavailableError."""
    try:
        greeting = Renderer(Store(folder)).say(GREETING, "nl").path
    except AudioError as error:
        raise UnavailableError(f"the network's answering machine has no voice: {error}") from None
    t = np.arange(int(RATE * BEEP_S)) / RATE
    tone = from_floats(np.asarray(0.3 * np.sin(2 * np.pi * BEEP_HZ * t), dtype=np.float32), RATE)
    beep = folder / "beep"
    beep.with_suffix(".alaw").write_bytes(to_alaw(to_segment(tone)))
    return greeting, beep
