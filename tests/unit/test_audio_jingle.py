"""The jingles: short, each its own, at the right level, and not to be mistaken by a machine."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from audio.jingle import DOMAINS, jingle
from audio.level import RATE, active_level, peak_dbfs

DTMF_LOW = (697, 770, 852, 941)
DTMF_HIGH = (1209, 1336, 1477, 1633)
MACHINE_TONES = (950, 1400, 1800, 1100, 2100, 425)  # special information, fax, busy


def strength(samples: np.ndarray, frequency: float) -> float:
    """The share of a block's energy at a frequency (Goertzel), 0 to 1."""
    t = np.arange(len(samples)) / RATE
    correlation = abs(np.sum(samples * np.exp(-2j * np.pi * frequency * t)))
    return float(2 * correlation**2 / (len(samples) * np.sum(samples**2) + 1e-9))


def blocks(domain: str) -> list[np.ndarray]:
    samples = jingle(domain).samples.astype(np.float64)
    size = 205  # the block of the usual DTMF detectors, 25.6 ms
    return [samples[i : i + size] for i in range(0, len(samples) - size, size // 2)]


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_jingle_is_short_and_as_loud_as_a_voice(domain: str) -> None:
    sound = jingle(domain)
    assert 0.5 < sound.seconds < 1.2
    assert -28 < active_level(sound.floats()) < -20
    assert peak_dbfs(sound) < -3.0
    assert abs(int(sound.samples[0])) < 100
    assert abs(int(sound.samples[-1])) < 100


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_jingle_is_no_key_press(domain: str) -> None:
    for block in blocks(domain):
        low = max(strength(block, frequency) for frequency in DTMF_LOW)
        high = max(strength(block, frequency) for frequency in DTMF_HIGH)
        assert min(low, high) < 0.05  # a key has both, each with about half of the energy


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_jingle_is_no_signal_tone(domain: str) -> None:
    for block, frequency in itertools.product(blocks(domain), MACHINE_TONES):
        assert strength(block, frequency) < 0.5


def test_jingles_differ() -> None:
    sounds = [jingle(domain).samples.astype(np.float64) for domain in DOMAINS]
    for one, other in itertools.combinations(sounds, 2):
        alike = np.correlate(one, other, mode="full").max() / np.sqrt(np.sum(one**2) * np.sum(other**2))
        assert alike < 0.6


def test_an_unknown_domain_has_the_jingle_of_burgernet() -> None:
    np.testing.assert_array_equal(jingle("waterschap").samples, jingle("burgernet").samples)
