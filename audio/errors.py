"""What goes wrong with speech, and whose hand it is in."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class AudioError(Exception):
    """Base of everything that this package raises on purpose."""


class TextError(AudioError):
    """The text cannot be spoken: nothing in it that a voice can read, too long, or an unknown language."""


class CatalogueError(AudioError):
    """A prompt is missing, or was asked for with the wrong values."""


class StoreError(AudioError):
    """A sound file could not be written or read."""


class StoreFullError(StoreError):
    """No room: disk, quota or the limit on file size. No half file is left behind."""


class Failure(StrEnum):
    """Why an engine did not speak. Fixed: also the label of a metric."""

    MISSING = "missing"  # the program, the voice file or the network is not there
    LANGUAGE = "language"  # it does not speak this language
    TIMEOUT = "timeout"  # it did not finish before its deadline and was killed
    FAILED = "failed"  # it ended with an error
    EMPTY = "empty"  # it gave no sound at all
    CORRUPT = "corrupt"  # what it gave is not the sound it should be
    SILENT = "silent"  # sound without any energy: a call must never play silence
    TOO_LONG = "too_long"  # more sound than a call can hold
    NOT_ALLOWED = "not_allowed"  # it sends the text to a third party and nobody allowed that


class EngineError(AudioError):
    """One engine did not speak. Never carries the text.

    Attributes:
        engine: its name.
        failure: why.
        detail: a short sentence for a log, possibly empty.
    """

    def __init__(self, engine: str, failure: Failure, detail: str = "") -> None:
        super().__init__(f"{engine}: {failure}" + (f" ({detail})" if detail else ""))
        self.engine = engine
        self.failure = failure
        self.detail = detail


class NoVoiceError(AudioError):
    """Every engine failed.

    Attributes:
        failures: what each said, in the order in which they were tried.
    """

    def __init__(self, failures: Sequence[EngineError]) -> None:
        super().__init__("no engine could speak: " + "; ".join(str(failure) for failure in failures))
        self.failures = tuple(failures)
