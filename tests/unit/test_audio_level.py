"""Telephone band, level, limiter and trimming, measured on signals whose answer is known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from audio import level
from audio.pcm import Pcm, from_floats

Signal = NDArray[np.float32]


def tone(frequency: float, seconds: float, rate: int, dbfs: float = -12.0) -> Signal:
    """A sine of that RMS level."""
    t = np.arange(int(seconds * rate)) / rate
    return (10 ** (dbfs / 20) * np.sqrt(2) * np.sin(2 * np.pi * frequency * t)).astype(np.float32)


def speechlike(seconds: float, rate: int, seed: int = 1) -> Signal:
    """Noise in syllables of 150 ms, with pauses of half a second now and then: the shape of speech."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * rate)) / rate
    syllables = np.sin(2 * np.pi * t / 0.3) ** 2
    pauses = ((t % 2.0) < 1.5).astype(float)
    return (rng.standard_normal(len(t)) * syllables * pauses * 0.05).astype(np.float32)


def rms_dbfs(signal: Signal) -> float:
    return float(10 * np.log10(np.mean(np.square(signal, dtype=np.float64)) + 1e-12))


def p56(signal: Signal, rate: int) -> float:
    """ITU-T P.56 method B as the Recommendation has it: two-stage envelope, thresholds 6 dB apart, 15.9 dB margin."""
    smoothing = np.exp(-1 / (rate * 0.03))
    hang = int(0.2 * rate)
    p = q = 0.0
    envelope = np.empty(len(signal))
    for i, x in enumerate(np.abs(signal.astype(np.float64))):
        p = smoothing * p + (1 - smoothing) * x
        q = smoothing * q + (1 - smoothing) * p
        envelope[i] = q
    energy = float(np.sum(np.square(signal, dtype=np.float64)))
    points = []
    for exponent in range(1, 16):
        threshold = 2.0**-exponent
        last = -(10**9)
        count = 0
        for i in range(len(envelope)):
            if envelope[i] >= threshold:
                last = i
            count += i - last < hang
        if count:
            active = 10 * np.log10(energy / count)
            points.append((active, active - 20 * np.log10(threshold)))
    for (a0, d0), (a1, d1) in pairwise(points):
        if d0 <= 15.9 <= d1:
            return float(a0 + (a1 - a0) * (15.9 - d0) / (d1 - d0))
    raise AssertionError("no crossing")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_active_level_agrees_with_p56_within_half_a_decibel(seed: int) -> None:
    signal = speechlike(6.0, level.RATE, seed)
    assert level.active_level(signal) == pytest.approx(p56(signal, level.RATE), abs=0.5)


def test_pauses_do_not_count_for_the_active_level() -> None:
    voice = speechlike(4.0, level.RATE)
    padded = np.concatenate([np.zeros(40_000, np.float32), voice, np.zeros(40_000, np.float32)])
    assert level.active_level(padded) == pytest.approx(level.active_level(voice), abs=0.3)


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("gain_db", [-40.0, 0.0, 20.0])
def test_any_voice_comes_out_at_the_same_level_and_under_the_peak(rate: int, gain_db: float) -> None:
    signal = speechlike(4.0, rate) * np.float32(10 ** (gain_db / 20))
    out = level.to_telephone(from_floats(signal, rate))
    assert out.rate == 8000
    assert level.active_level(out.floats()) == pytest.approx(level.ACTIVE_DBFS, abs=0.5)
    assert level.peak_dbfs(out) <= level.PEAK_DBFS


def test_peaky_sound_is_limited_without_a_jump_in_gain() -> None:
    signal = np.tile(np.array([0.1, -0.1], np.float32), 8000)
    signal[8000] = 1.5
    out = level.limit(signal)
    ceiling = 10 ** (level.PEAK_DBFS / 20)
    assert np.abs(out).max() <= ceiling
    far = np.abs(np.arange(len(signal)) - 8000) > 200
    np.testing.assert_array_equal(out[far], signal[far])
    assert np.abs(np.diff(out / signal)).max() < 0.03


def test_quiet_sound_is_not_limited() -> None:
    signal = tone(1000, 1.0, 8000, dbfs=-20.0)
    assert level.limit(signal) is signal


@pytest.mark.parametrize("frequency", [50.0, 100.0, 180.0, 3600.0, 3900.0])
def test_what_lies_outside_the_band_is_gone(frequency: float) -> None:
    assert rms_dbfs(level.band_limit(tone(frequency, 2.0, 8000))[800:-800]) < -60.0


@pytest.mark.parametrize("frequency", [310.0, 500.0, 1000.0, 2000.0, 3390.0])
def test_what_lies_inside_the_band_is_untouched(frequency: float) -> None:
    assert rms_dbfs(level.band_limit(tone(frequency, 2.0, 8000))[800:-800]) == pytest.approx(-12.0, abs=0.1)


def test_resampling_leaves_no_alias() -> None:
    """6 kHz at 22,050 Hz would fold to 2 kHz: plain rate conversion leaves it at -11 dBFS."""
    voice = speechlike(3.0, 22_050) * np.float32(0.1)
    with_tone = from_floats(voice + tone(6000, 3.0, 22_050, dbfs=-20.0), 22_050)
    signal = level.to_telephone(with_tone).floats()
    spectrum = np.abs(np.fft.rfft(signal * np.hanning(len(signal))))
    at = round(2000 * len(signal) / 8000)
    assert spectrum[at - 2 : at + 3].max() < 8 * np.median(spectrum[at - 400 : at + 400])


def test_silence_around_is_trimmed_and_a_soft_start_is_kept() -> None:
    voice = tone(500, 1.0, 8000)
    soft = tone(500, 0.1, 8000, dbfs=-40.0)  # a soft consonant: 28 dB below
    signal = np.concatenate([np.zeros(8000, np.float32), soft, voice, np.zeros(12_000, np.float32)])
    trimmed = level.trim(signal)
    assert len(trimmed) / 8000 == pytest.approx(1.1 + 0.02 + 0.08, abs=0.02)
    assert trimmed[0] == 0.0
    assert trimmed[-1] == 0.0


@pytest.mark.parametrize(
    "signal", [np.zeros(8000, np.float32), np.full(8000, 1e-6, np.float32), np.zeros(0, np.float32)]
)
def test_silence_has_no_active_level(signal: Signal) -> None:
    with pytest.raises(ValueError, match="no active speech"):
        level.active_level(signal.astype(np.float32))


def test_a_constant_is_silence() -> None:
    with pytest.raises(ValueError, match="no active speech"):
        level.to_telephone(Pcm(8000, np.full(8000, 9000, np.int16)))


def test_levelling_keeps_every_word_of_a_clipped_recording() -> None:
    loud = np.clip(speechlike(3.0, 8000) * 40, -1, 1)
    out = level.to_telephone(from_floats(loud, 8000))
    assert level.peak_dbfs(out) <= level.PEAK_DBFS
    assert out.seconds == pytest.approx(3.0, abs=0.7)
