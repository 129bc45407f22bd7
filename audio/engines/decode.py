"""Read sound files that others made: MP3 through ffmpeg under a deadline, WAV through pydub."""

from __future__ import annotations

import numpy as np
from pydub import AudioSegment

from audio.engines.engine import MAX_SECONDS
from audio.engines.process import run
from audio.errors import EngineError, Failure
from audio.pcm import Pcm

MP3_RATE = 24_000
"""Hz. What gTTS sends; three times what a telephone carries."""


def decode_mp3(engine: str, data: bytes, deadline_s: float, ffmpeg: str = "ffmpeg") -> Pcm:
    """The first audio stream of an MP3, mixed to one channel.

    The demuxer is named and only pipes may be opened: a playlist dressed up as an MP3 opens no file and no address.

    Raises:
        EngineError: from :func:`audio.engines.process.run`, or ``CORRUPT``.
    """
    argv = [ffmpeg, "-v", "error", "-nostdin", "-protocol_whitelist", "pipe", "-f", "mp3", "-i", "pipe:0"]
    argv += ["-map", "0:a:0", "-t", f"{MAX_SECONDS + 1:.0f}", "-ac", "1", "-ar", str(MP3_RATE), "-f", "s16le", "pipe:1"]
    try:
        raw = run(engine, argv, data, deadline_s)
    except EngineError as error:
        if error.failure is Failure.FAILED:
            raise EngineError(engine, Failure.CORRUPT, f"ffmpeg: {error.detail}") from error
        raise
    return Pcm(MP3_RATE, np.frombuffer(raw[: len(raw) // 2 * 2], dtype="<i2").astype(np.int16))


def decode_wav(engine: str, data: bytes) -> Pcm:
    """A PCM WAV of 8, 16, 24 or 32 bits, mixed to one channel.

    Raises:
        EngineError: ``CORRUPT``.
    """
    try:
        segment = AudioSegment(data=data)  # parses the WAV itself; no program is started
        if not 4000 <= segment.frame_rate <= 192_000 or not 1 <= segment.channels <= 8:
            raise EngineError(engine, Failure.CORRUPT, f"{segment.frame_rate} Hz, {segment.channels} channels")
        samples = np.frombuffer(segment.set_sample_width(2).raw_data, dtype="<i2")
        frames = samples[: len(samples) // segment.channels * segment.channels].reshape(-1, segment.channels)
    except EngineError:
        raise
    except Exception as error:  # a hostile header: pydub answers with struct.error and audioop.error among others
        raise EngineError(engine, Failure.CORRUPT, f"not a PCM WAV: {type(error).__name__}") from error
    return Pcm(segment.frame_rate, frames.mean(axis=1).astype(np.int16))
