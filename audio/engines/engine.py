"""The port that every voice implements, and the checks that hold for all of them."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from audio.errors import EngineError, Failure
from audio.pcm import FULL_SCALE, Pcm

MAX_SECONDS = 180.0
"""More than this for one text is a runaway engine: a call that hears the message lasts half a minute."""

SILENCE_RMS = 10 ** (-60 / 20)
"""Sound whose loudest tenth of a second stays below -60 dBFS is silence."""


class Engine(Protocol):
    """A voice: text in, sound out."""

    @property
    def name(self) -> str:
        """Short and fixed; stands in reports and metrics."""
        ...

    @property
    def third_party(self) -> bool:
        """Whether the text leaves the building."""
        ...

    @property
    def whole_text(self) -> bool:
        """Whether it wants the whole text at once, because starting is its cost, rather than a sentence at a time."""
        ...

    @property
    def languages(self) -> frozenset[str]:
        """The languages that it speaks, as ISO 639-1 codes."""
        ...

    def identity(self, language: str) -> str:
        """Everything that changes how it sounds: engine, version, voice, speed. Part of the key in the store.

        Raises:
            EngineError: it is not there, or does not speak the language.
        """
        ...

    def synthesise(self, text: str, language: str, deadline_s: float) -> Pcm:
        """Speak normalised text. Whatever it started has ended when this returns.

        Raises:
            EngineError: anything at all that went wrong, the deadline included.
        """
        ...


def check_sound(pcm: Pcm, engine: str) -> Pcm:
    """The sound, if a call may play it.

    Raises:
        EngineError: empty, silent, or longer than :data:`MAX_SECONDS`.
    """
    if len(pcm.samples) < pcm.rate // 20:
        raise EngineError(engine, Failure.EMPTY, f"{len(pcm.samples)} samples")
    if pcm.seconds > MAX_SECONDS:
        raise EngineError(engine, Failure.TOO_LONG, f"{pcm.seconds:.0f} s of at most {MAX_SECONDS:.0f} s")
    if is_silent(pcm):
        raise EngineError(engine, Failure.SILENT)
    return pcm


def is_silent(pcm: Pcm) -> bool:
    """Whether no tenth of a second is louder than :data:`SILENCE_RMS`."""
    frame = max(1, min(pcm.rate // 10, len(pcm.samples)))
    count = len(pcm.samples) // frame
    if not count:
        return True
    frames = pcm.samples[: count * frame].reshape(count, frame).astype(np.float32)
    # The mean is taken off: a constant is no sound either.
    return float(frames.std(axis=1).max()) < SILENCE_RMS * FULL_SCALE
