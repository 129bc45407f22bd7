"""The forms in which sound leaves: raw A-law for Asterisk, WAV for a person to listen to."""

from __future__ import annotations

import audioop
import io

import numpy as np
from pydub import AudioSegment

from audio.level import RATE
from audio.pcm import Pcm


def to_alaw(segment: AudioSegment) -> bytes:
    """One byte a sample, 8 kHz: Asterisk's ``.alaw`` (formats/format_pcm.c), played without transcoding."""
    if (segment.frame_rate, segment.channels, segment.sample_width) != (RATE, 1, 2):
        raise ValueError("A-law here is 8 kHz, one channel, from 16 bits")
    return audioop.lin2alaw(segment.raw_data, 2)


def from_alaw(data: bytes) -> Pcm:
    """The samples of an ``.alaw`` file."""
    return Pcm(RATE, np.frombuffer(audioop.alaw2lin(data, 2), dtype="<i2").astype(np.int16))


def to_segment(pcm: Pcm) -> AudioSegment:
    """As pydub has it: to put together, with silence between."""
    return AudioSegment(data=pcm.samples.astype("<i2").tobytes(), sample_width=2, frame_rate=pcm.rate, channels=1)


def to_wav(pcm: Pcm) -> bytes:
    """A 16-bit WAV file, for listening."""
    file = io.BytesIO()
    to_segment(pcm).export(file, format="wav")
    return file.getvalue()
