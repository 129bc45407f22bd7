"""The sound before a message, so that people know at once who calls: one for each domain, made here.

Three short bell-like notes at most, in the middle of the telephone band. None of them can be mistaken by a machine
(tests/unit/test_audio_jingle.py): no two tones at once from both groups of DTMF (ITU-T Q.23), no special information
tones (950, 1400, 1800 Hz: ITU-T E.180), no fax tone (1100, 2100 Hz: ITU-T T.30).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from audio.level import RATE
from audio.pcm import Floats, Pcm, from_floats

JINGLE_RMS_DBFS = -24.0
"""Of the first half second: a little under the voice that follows."""

VERSION = 1
"""Part of the key in the store: raise it when a jingle changes."""

# (frequency in Hz, start in s) of each note. Rising and friendly; urgent, to and fro; falling and calm.
_NOTES: Mapping[str, tuple[tuple[float, float], ...]] = {
    "burgernet": ((523.25, 0.0), (659.26, 0.16), (1046.5, 0.32)),
    "amber_alert": ((880.0, 0.0), (587.33, 0.18), (880.0, 0.36), (587.33, 0.54)),
    "municipality": ((659.26, 0.0), (493.88, 0.22)),
}
DOMAINS = tuple(_NOTES)
_NOTE_S = 0.45
_HARMONICS = ((1.0, 1.0), (2.0, 0.12), (3.0, 0.05))


@cache
def jingle(domain: str) -> Pcm:
    """The jingle of a domain at 8 kHz; that of Burgernet for a domain that has none."""
    notes = _NOTES.get(domain, _NOTES["burgernet"])
    signal: Floats = np.zeros(int(RATE * (notes[-1][1] + _NOTE_S)), dtype=np.float32)
    for frequency, start in notes:
        note = _note(frequency)
        at = int(RATE * start)
        signal[at : at + len(note)] += note
    rms = float(np.sqrt(np.square(signal[: RATE // 2], dtype=np.float64).mean()))
    return from_floats(signal * np.float32(10.0 ** (JINGLE_RMS_DBFS / 20.0) / rms), RATE)


def _note(frequency: float) -> Floats:
    """A struck bell: at once there, fading away, silent at its end."""
    t = np.arange(int(RATE * _NOTE_S)) / RATE
    tone = sum(
        share * np.sin(2 * np.pi * frequency * times * t) for times, share in _HARMONICS if frequency * times < 3400
    )
    envelope = np.minimum(1.0, t / 0.008) * np.exp(-t / 0.12) * np.minimum(1.0, (_NOTE_S - t) / 0.03)
    return np.asarray(tone * envelope, dtype=np.float32)
