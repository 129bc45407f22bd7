"""A recording that the control room made: it speaks for itself, in one language."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from audio.engines.decode import decode_mp3, decode_wav
from audio.engines.engine import check_sound
from audio.errors import EngineError, Failure
from audio.pcm import Pcm

MAX_BYTES = 10 * 1024 * 1024
"""A minute of 16-bit stereo at 48 kHz is 11.5 MB; as MP3 it is one."""

MAX_RECORDING_S = 60.0
"""A call hears its message at least twice; facts.md section 10 wants 25 to 35 s in all."""

MIN_RECORDING_S = 1.0


@dataclass(frozen=True)
class Recording:
    """A WAV or MP3 file as it was uploaded.

    Attributes:
        data: the file's bytes; what it is shows from its first bytes, never from a name.
        language: what is spoken in it.
    """

    data: bytes
    language: str
    ffmpeg: str = "ffmpeg"
    name: str = "recording"
    third_party: bool = False
    whole_text: bool = True

    @property
    def languages(self) -> frozenset[str]:
        """Its one language."""
        return frozenset({self.language})

    def identity(self, language: str) -> str:
        """See :class:`audio.engines.engine.Engine`."""
        self._require(language)
        return f"{self.name} {self._digest}"

    def synthesise(self, text: str, language: str, deadline_s: float) -> Pcm:
        """The recording, whatever the text. See :class:`audio.engines.engine.Engine`."""
        self._require(language)
        if len(self.data) > MAX_BYTES:
            raise EngineError(self.name, Failure.TOO_LONG, f"{len(self.data)} bytes of at most {MAX_BYTES}")
        pcm = check_sound(self._decode(deadline_s), self.name)
        if not MIN_RECORDING_S <= pcm.seconds <= MAX_RECORDING_S:
            wanted = f"{MIN_RECORDING_S:.0f} to {MAX_RECORDING_S:.0f} s"
            raise EngineError(self.name, Failure.TOO_LONG, f"{pcm.seconds:.1f} s, wanted {wanted}")
        return pcm

    @cached_property
    def _digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def _decode(self, deadline_s: float) -> Pcm:
        if self.data[:4] == b"RIFF" and self.data[8:12] == b"WAVE":
            return decode_wav(self.name, self.data)
        # ID3 tag, or an MPEG audio frame: eleven sync bits, layer III (ISO/IEC 11172-3 section 2.4.1.3).
        if self.data[:3] == b"ID3" or (self.data[:1] == b"\xff" and self.data[1:2] > b"\xe0"):
            return decode_mp3(self.name, self.data, deadline_s, self.ffmpeg)
        raise EngineError(self.name, Failure.CORRUPT, "neither WAV nor MP3")

    def _require(self, language: str) -> None:
        if language != self.language:
            raise EngineError(self.name, Failure.LANGUAGE, language)
