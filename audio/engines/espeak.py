"""espeak-ng: offline, always there, speaks all our languages in some 25 ms. A program of its own, because it is GPL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from audio.engines.engine import check_sound
from audio.engines.process import run
from audio.errors import EngineError, Failure
from audio.pcm import Pcm, parse_wav_stream

VOICES: Mapping[str, str] = {"nl": "nl", "de": "de", "en": "en-gb", "fr": "fr", "fy": "nl"}
"""espeak-ng 1.51 has no Frisian; a Dutch voice reads it understandably."""

WORDS_PER_MINUTE = 150
"""espeak-ng's own measure, default 175. At 150 a Dutch message was measured at 125 to 142 words a minute:
slow enough to write a number plate down, fast enough not to tire (newsreaders keep to some 160)."""

AMPLITUDE = 50
"""Of 0 to 200, default 100, at which it peaks at -0.2 dBFS and clips. We set the level ourselves (audio.level)."""

# What the Dutch voice stresses or pronounces wrong (by its --ipa output), written so that it says it right.
_RESPELLED: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(rf"\b{wrong}", re.IGNORECASE), right)
    for wrong, right in (
        (r"burgernet(?=[a-z])", "Burgernet-"),
        (r"kenteken", "ken-teken"),
        (r"(\w+)gracht\b", r"\1-gracht"),
        (r"vrachtwagen", "vracht-wagen"),
        (r"sneaker", "sniker"),
        (r"jeans\b", "djiens"),
        (r"hoodie", "hoedie"),
        (r"capuchon", "capusjon"),
        (r"opnemen", "op-nemen"),
        (r"rusturen", "rust-uren"),
        (r"overval(?=\b|l)", "óver-val"),
        (r"sms'je", "sms-je"),
    )
)


@dataclass(frozen=True)
class Espeak:
    """The espeak-ng program.

    Attributes:
        program: its name or path.
        words_per_minute: espeak-ng's ``-s``.
        voices: espeak-ng's voice by language.
    """

    program: str = "espeak-ng"
    words_per_minute: int = WORDS_PER_MINUTE
    voices: Mapping[str, str] = field(default_factory=lambda: dict(VOICES))
    name: str = "espeak-ng"
    third_party: bool = False
    whole_text: bool = False

    def __post_init__(self) -> None:
        """Refuse what would reach the command line as an option."""
        for voice in self.voices.values():
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9+_/-]*", voice):
                raise ValueError(f"not the name of an espeak-ng voice: {voice!r}")
        if not 80 <= self.words_per_minute <= 450:  # espeak-ng's own lower limit, and what sonic can do
            raise ValueError(f"words a minute must be from 80 to 450, not {self.words_per_minute}")

    @property
    def languages(self) -> frozenset[str]:
        """Those that have a voice."""
        return frozenset(self.voices)

    def identity(self, language: str) -> str:
        """See :class:`audio.engines.engine.Engine`."""
        return f"{self.name} {self._version} {self._voice(language)} s{self.words_per_minute} r1"

    def synthesise(self, text: str, language: str, deadline_s: float) -> Pcm:
        """See :class:`audio.engines.engine.Engine`. The text goes through a pipe, never on the command line."""
        argv = [self.program, "-v", self._voice(language), "-s", str(self.words_per_minute), "-a", str(AMPLITUDE)]
        # -b 1: the text is UTF-8. No -m: markup is not interpreted; "[[" never gets here (audio.normalise).
        argv += ["-b", "1", "--stdin", "--stdout"]
        output = run(self.name, argv, _respell(text, self._voice(language)).encode(), deadline_s)
        if not output:
            raise EngineError(self.name, Failure.EMPTY, "wrote nothing")
        try:
            return check_sound(parse_wav_stream(output), self.name)
        except ValueError as error:
            raise EngineError(self.name, Failure.CORRUPT, str(error)) from error

    def _voice(self, language: str) -> str:
        try:
            return self.voices[language]
        except KeyError:
            raise EngineError(self.name, Failure.LANGUAGE, language) from None

    @cached_property
    def _version(self) -> str:
        found = re.search(rb"\d+(?:\.\d+)+", run(self.name, [self.program, "--version"], b"", 2.0))
        if found is None:
            raise EngineError(self.name, Failure.FAILED, "tells no version")
        return found.group().decode()


def _respell(text: str, voice: str) -> str:
    if voice.startswith("nl"):
        for wrong, right in _RESPELLED:
            text = wrong.sub(right, text)
    return text
