"""Sound in and out of bytes."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.encode import from_alaw, to_alaw, to_segment, to_wav
from audio.engines.engine import is_silent
from audio.pcm import Pcm, parse_wav_stream


def ramp(rate: int = 8000) -> Pcm:
    return Pcm(rate, np.linspace(-30_000, 30_000, 4000).astype(np.int16))


def test_alaw_is_one_byte_a_sample_and_close_to_the_original() -> None:
    data = to_alaw(to_segment(ramp()))
    assert len(data) == 4000
    back = from_alaw(data)
    error = np.abs(back.samples.astype(int) - ramp().samples)
    assert (error <= np.maximum(np.abs(ramp().samples.astype(int)) / 16, 16)).all()


def test_alaw_of_what_was_alaw_is_the_same() -> None:
    data = bytes(range(256)) * 2
    assert to_alaw(to_segment(from_alaw(data))) == data


def test_another_rate_is_no_alaw() -> None:
    with pytest.raises(ValueError, match="8 kHz"):
        to_alaw(to_segment(ramp(16_000)))


def test_wav_holds_the_same_samples() -> None:
    with wave.open(io.BytesIO(to_wav(ramp()))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        np.testing.assert_array_equal(np.frombuffer(file.readframes(9999), "<i2"), ramp().samples)


def streamed(samples: bytes, *, rate: int = 22_050, size: int = 0x7FFFF000, chunks: bytes = b"") -> bytes:
    fmt = b"fmt " + (16).to_bytes(4, "little") + b"\x01\x00\x01\x00" + rate.to_bytes(4, "little")
    fmt += (2 * rate).to_bytes(4, "little") + b"\x02\x00\x10\x00"
    return b"RIFF\x24\xf0\xff\x7fWAVE" + chunks + fmt + b"data" + size.to_bytes(4, "little") + samples


def test_a_streamed_wav_is_as_long_as_what_came() -> None:
    pcm = parse_wav_stream(streamed(b"\x01\x00\xff\xff\x07"))
    assert pcm.rate == 22_050
    assert pcm.samples.tolist() == [1, -1]


def test_chunks_before_the_data_are_skipped() -> None:
    junk = b"LIST" + (3).to_bytes(4, "little") + b"abc\x00"
    assert parse_wav_stream(streamed(b"\x02\x00", chunks=junk)).samples.tolist() == [2]


def test_a_stated_length_is_kept() -> None:
    assert parse_wav_stream(streamed(b"\x01\x00\x02\x00", size=2)).samples.tolist() == [1]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF",
        b"not a wav at all",
        streamed(b"")[:30],
        streamed(b"\x00\x00", rate=100),
        b"RIFF\0\0\0\0WAVEdata\x02\0\0\0\x01\x00",
        streamed(b"").replace(b"\x01\x00\x01\x00", b"\x03\x00\x01\x00"),
    ],
)
def test_what_is_no_wav_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"WAV|format"):
        parse_wav_stream(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    for candidate in (data, streamed(data), b"RIFF\0\0\0\0WAVE" + data):
        try:
            parse_wav_stream(candidate)
        except ValueError:
            pass


@pytest.mark.parametrize(
    ("samples", "silent"),
    [
        (np.zeros(8000), True),
        (np.full(8000, 5000), True),
        (np.tile([10, -10], 4000), True),
        (np.tile([3000, -3000], 4000), False),
        (np.concatenate([np.zeros(80_000), np.tile([3000, -3000], 400)]), False),
        (np.zeros(0), True),
        (np.tile([3000, -3000], 5), False),
    ],
)
def test_silence_is_noticed(samples: np.ndarray, silent: bool) -> None:
    assert is_silent(Pcm(8000, samples.astype(np.int16))) is silent
