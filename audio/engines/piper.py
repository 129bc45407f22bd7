"""Piper: a neural voice, offline, from a voice file that the operator supplies. A program of its own (GPL)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from audio.engines.engine import check_sound
from audio.engines.process import run
from audio.errors import EngineError, Failure
from audio.pcm import Pcm

LENGTH_SCALE = 1.15
"""Of the voice's own pace; above 1 is slower."""

SENTENCE_SILENCE_S = 0.6


@dataclass(frozen=True)
class Piper:
    """A Piper voice. Both programs of that name are known: rhasspy/piper (C++) and piper1-gpl (Python).

    Attributes:
        voice: the ``.onnx`` file; its ``.onnx.json`` lies beside it.
        language: what the voice speaks.
        program: the program's name or path.
    """

    voice: Path
    language: str
    program: str = "piper"
    length_scale: float = LENGTH_SCALE
    name: str = "piper"
    third_party: bool = False
    whole_text: bool = True

    @property
    def languages(self) -> frozenset[str]:
        """Its one language."""
        return frozenset({self.language})

    def identity(self, language: str) -> str:
        """See :class:`audio.engines.engine.Engine`. The voice is known by its content, not its name."""
        self._require(language)
        return f"{self.name} {self._digest} l{self.length_scale} p{SENTENCE_SILENCE_S}"

    def synthesise(self, text: str, language: str, deadline_s: float) -> Pcm:
        """See :class:`audio.engines.engine.Engine`. One line in, raw 16-bit samples out."""
        self._require(language)
        # Absolute, so that neither path can be taken for an option.
        argv = [self.program, "--model", str(self.voice.absolute()), "--config", str(self._config.absolute())]
        argv += [
            "--length-scale",
            str(self.length_scale),
            "--sentence-silence",
            str(SENTENCE_SILENCE_S),
            "--output-raw",
        ]
        raw = run(self.name, argv, " ".join(text.split()).encode() + b"\n", deadline_s)
        if not raw:
            raise EngineError(self.name, Failure.EMPTY, "wrote nothing")
        if len(raw) % 2:
            raise EngineError(self.name, Failure.CORRUPT, "an odd number of bytes")
        return check_sound(Pcm(self._rate, np.frombuffer(raw, dtype="<i2").astype(np.int16)), self.name)

    @property
    def _config(self) -> Path:
        return self.voice.with_name(self.voice.name + ".json")

    @cached_property
    def _rate(self) -> int:
        try:
            rate = json.loads(self._config.read_bytes())["audio"]["sample_rate"]
        except OSError as error:
            raise EngineError(self.name, Failure.MISSING, f"{self._config}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise EngineError(self.name, Failure.CORRUPT, f"{self._config}: no audio.sample_rate") from error
        if not isinstance(rate, int) or not 4000 <= rate <= 192_000:
            raise EngineError(self.name, Failure.CORRUPT, f"{self._config}: sample rate {rate!r}")
        return rate

    @cached_property
    def _digest(self) -> str:
        try:
            with self.voice.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise EngineError(self.name, Failure.MISSING, f"{self.voice}: {error.strerror}") from error

    def _require(self, language: str) -> None:
        if language != self.language:
            raise EngineError(self.name, Failure.LANGUAGE, language)
