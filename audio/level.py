"""From a voice's sound to a telephone's: trimmed, band-limited, 8 kHz, and as loud as every other voice on the line.

All of it is numpy over whole arrays and soxr: eleven seconds take some five milliseconds. pydub's own filters and its
compressor are pure Python, a hundred times slower.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import soxr
from numpy.typing import NDArray

from audio.pcm import FULL_SCALE, Floats, Pcm, from_floats

RATE = 8000
"""Hz, ITU-T G.711."""

ACTIVE_DBFS = -22.0
"""Level of active speech, RFC 7874 section 4: RMS 2600 of 32767, after ITU-T G.169 (-19 dBm0)."""

PEAK_DBFS = -3.0
"""No sample is louder; the limiter sees to it."""

BAND_HZ = (300.0, 3400.0)
"""The telephone band (ITU-T G.712)."""

_EDGE_HZ = 100.0  # over which the band's edges roll off

_FRAME_S = 0.01
_HANGOVER_FRAMES = 20  # 200 ms, as ITU-T P.56 method B has it
_MARGIN_DB = 15.9  # ITU-T P.56: speech is active where it is at most this far below its active level

_TRIM_BELOW_DB = 40.0  # quieter than this below the active level, at either end, is no speech
_KEPT_S = (0.02, 0.08)  # before the first and after the last sound: consonants begin and end softly
_FADE_S = 0.005


def to_telephone(pcm: Pcm) -> Pcm:
    """Trim, band-limit, resample to :data:`RATE` and level to :data:`ACTIVE_DBFS`, peaks under :data:`PEAK_DBFS`.

    Raises:
        ValueError: there is no active speech in it.
    """
    signal = pcm.floats()
    signal -= signal.mean(dtype=np.float64).astype(np.float32)
    if pcm.rate != RATE:
        signal = soxr.resample(signal, pcm.rate, RATE, quality="HQ").astype(np.float32, copy=False)
    return from_floats(_levelled(trim(band_limit(signal))), RATE)


def band_limit(signal: Floats) -> Floats:
    """Only :data:`BAND_HZ`, without delay: a filter over the whole signal's spectrum."""
    size = 1 << (len(signal) + RATE // 10 - 1).bit_length()  # a tenth of a second of zeros keeps the end off the start
    # numpy 2 transforms float32 in single precision: half the time, and the noise is below -120 dB.
    filtered = np.fft.irfft(np.fft.rfft(signal, size) * _band(size), size)
    return filtered[: len(signal)].astype(np.float32, copy=False)


@lru_cache(maxsize=12)  # sizes are powers of two: few are ever met
def _band(size: int) -> Floats:
    """The filter's gain at each frequency of a spectrum of that size, its edges raised cosines."""
    frequencies = np.fft.rfftfreq(size, 1.0 / RATE)
    low, high = BAND_HZ
    rise = np.clip((frequencies - (low - _EDGE_HZ)) / _EDGE_HZ, 0.0, 1.0)
    fall = np.clip((high + _EDGE_HZ - frequencies) / _EDGE_HZ, 0.0, 1.0)
    return np.asarray(np.sin(rise * (np.pi / 2)) ** 2 * np.sin(fall * (np.pi / 2)) ** 2, dtype=np.float32)


def trim(signal: Floats) -> Floats:
    """Without the silence before and after, with the ends faded so that nothing clicks.

    Raises:
        ValueError: there is no active speech in it.
    """
    loud = np.flatnonzero(_frame_db(signal) > active_level(signal) - _TRIM_BELOW_DB)
    frame = int(RATE * _FRAME_S)
    start = max(0, int(loud[0]) * frame - int(RATE * _KEPT_S[0]))
    end = min(len(signal), (int(loud[-1]) + 1) * frame + int(RATE * _KEPT_S[1]))
    trimmed = signal[start:end].copy()
    fade = min(int(RATE * _FADE_S), len(trimmed) // 2)
    ramp = np.linspace(0.0, 1.0, fade, dtype=np.float32)
    trimmed[:fade] *= ramp
    trimmed[len(trimmed) - fade :] *= ramp[::-1]
    return trimmed


def active_level(signal: Floats) -> float:
    """The level of active speech, in dB below full scale.

    After ITU-T P.56, simplified: the envelope is that of 10 ms frames instead of a running average. A frame is
    active if it, or one in the 200 ms before it, is at most 15.9 dB below the active level itself; that level is
    found by going round until it stays. Agrees with P.56 within half a dB on speech (tests/unit/test_audio_level.py).

    Raises:
        ValueError: there is nothing active: silence.
    """
    frames = _frame_db(signal)
    energy = np.power(10.0, frames / 10.0)
    level = 10.0 * np.log10(energy.mean()) if len(energy) else -np.inf
    for _ in range(20):
        if not level > -90.0:
            raise ValueError("no active speech")
        active = frames > level - _MARGIN_DB
        held = np.convolve(active, np.ones(_HANGOVER_FRAMES + 1))[: len(active)] > 0.5
        new = 10.0 * np.log10(energy[held].mean()) if held.any() else -np.inf
        if abs(new - level) < 0.01:
            break
        level = new
    return float(level)


def peak_dbfs(pcm: Pcm) -> float:
    """The loudest sample, in dB below full scale."""
    return float(20.0 * np.log10(max(1.0, float(np.abs(pcm.samples.astype(np.int32)).max(initial=0))) / FULL_SCALE))


def _frame_db(signal: Floats) -> NDArray[np.float64]:
    frame = int(RATE * _FRAME_S)
    count = len(signal) // frame
    frames = signal[: count * frame].reshape(count, frame)
    power: NDArray[np.float64] = np.einsum("ij,ij->i", frames, frames).astype(np.float64) / frame
    return 10.0 * np.log10(power + 1e-12)


def _levelled(signal: Floats) -> Floats:
    """At the level, under the peak; again where the limiter took more than a quarter of a decibel off the level."""
    for _ in range(3):
        missing = ACTIVE_DBFS - active_level(signal)
        if abs(missing) < 0.25:
            break
        signal = limit(signal * np.float32(10.0 ** (missing / 20.0)))
    return limit(signal)


def limit(signal: Floats) -> Floats:
    """No sample above :data:`PEAK_DBFS`; the gain moves over 4 ms on either side of a peak, so that nothing crackles.

    The gain that each sample needs is carried to its neighbours (a sliding minimum), then smoothed over the same
    width: the smoothed gain is nowhere above the needed one.
    """
    # Room for the rounding of A-law: half of its step, which is 1/16 of the value at most (ITU-T G.711): 0.27 dB.
    ceiling = np.float32(10.0 ** ((PEAK_DBFS - 0.3) / 20.0))
    peaks = np.abs(signal)
    if not len(signal) or peaks.max() <= ceiling:
        return signal
    needed = np.minimum(np.float32(1.0), ceiling / np.maximum(peaks, np.float32(1e-9)))
    half = int(RATE * 0.004)
    width = 2 * half + 1
    lowest = _sliding_minimum(np.pad(needed, 2 * half, constant_values=1.0), width)
    total = np.concatenate(([0.0], np.cumsum(lowest, dtype=np.float64)))
    smooth = ((total[width:] - total[:-width]) / width).astype(np.float32)
    return signal * np.minimum(smooth, needed)


def _sliding_minimum(values: Floats, width: int) -> Floats:
    """The smallest of every ``width`` neighbours, by doubling: 1, 2, 4, … of them at a time."""
    have = 1
    while have < width:
        step = min(have, width - have)
        values = np.minimum(values[:-step], values[step:])
        have += step
    return values
