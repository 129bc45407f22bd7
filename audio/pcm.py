"""Sound as numbers: one channel of 16-bit samples and its rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]
Floats = NDArray[np.float32]

FULL_SCALE = 32768.0


@dataclass(frozen=True, slots=True)
class Pcm:
    """One channel of sound.

    Attributes:
        rate: samples a second.
        samples: 16-bit linear, one dimension.
    """

    rate: int
    samples: Samples

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.rate

    def floats(self) -> Floats:
        """The samples from -1 to 1."""
        return self.samples.astype(np.float32) / np.float32(FULL_SCALE)


def from_floats(signal: Floats, rate: int) -> Pcm:
    """Round to 16 bits; what lies beyond full scale is cut off."""
    scaled = np.rint(signal * np.float32(FULL_SCALE))
    return Pcm(rate, np.clip(scaled, -32768, 32767).astype(np.int16))


def parse_wav_stream(data: bytes) -> Pcm:
    """Read 16-bit mono WAV as a program writes it to a pipe.

    Such a header was written before the length was known (espeak-ng puts 0x7FFFF000 there), so the length is
    what came. Chunks before ``data`` are skipped.

    Raises:
        ValueError: it is not 16-bit mono PCM in WAV; the message says what is wrong.
    """
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise ValueError("no WAV header")
    at, rate = 12, 0
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8
        if name == b"data":
            if not rate:
                raise ValueError("no format before the data")
            end = min(at + size, len(data))
            return Pcm(rate, np.frombuffer(data[at : end - (end - at) % 2], dtype="<i2").astype(np.int16))
        if name == b"fmt ":
            rate = _rate_of_format(data[at : at + 16])
        at += size + size % 2
    raise ValueError("no data in the WAV")


def _rate_of_format(chunk: bytes) -> int:
    if len(chunk) < 16:
        raise ValueError("the WAV format is cut off")
    kind, channels, bits = (int.from_bytes(chunk[i : i + 2], "little") for i in (0, 2, 14))
    rate = int.from_bytes(chunk[4:8], "little")
    if (kind, channels, bits) != (1, 1, 16) or not 4000 <= rate <= 192_000:
        raise ValueError(f"WAV of format {kind}, {channels} channels, {bits} bits, {rate} Hz")
    return rate
