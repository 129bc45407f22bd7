"""What is to be heard: a message in one language, and the sound that was made of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.domain.action import Text, wording_for
from gateway.domain.delivery import Purpose
from gateway.domain.errors import BurgernetError

MAX_PLACE_CHARS = 100
"""A longer name of a place is not read out before the message."""


class NoSpeechError(BurgernetError):
    """No sound could be made: no voice spoke, or there was no room for what it said. The words may be logged."""


@dataclass(frozen=True, slots=True)
class SpokenMessage:
    """What a call plays, before anybody has spoken it.

    Attributes:
        words: as written; times, plates and numbers are put into words by the renderer.
        language: of the words, ISO 639-1.
        domain: whose jingle and introduction.
        place: named in the introduction.
        recording: digest of an uploaded recording that is played instead of the words, where there is one.
        purpose: a correction and a closing message are introduced as such.
    """

    words: str
    language: str
    domain: str
    place: str | None = None
    recording: str | None = None
    purpose: Purpose = Purpose.ALERT


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound file that is ready to be played.

    Attributes:
        path: absolute, without extension: what Asterisk's ``STREAM FILE`` takes.
        seconds: its length.
        message_start_s: where the message proper begins, after jingle and introduction.
        key: its name in the store of sounds, and in ``GET /api/v1/speech/{key}.wav``.
        engine: who speaks.
        fallbacks: who should have spoken and did not, and why.
    """

    path: str
    seconds: float
    message_start_s: float
    key: str
    engine: str
    fallbacks: tuple[str, ...] = ()


def spoken_message(
    text: Text, language: str, domain: str, place: str | None, purpose: Purpose = Purpose.ALERT
) -> SpokenMessage:
    """What a person of that language hears: their wording, else the Dutch one, spoken as Dutch."""
    wording = wording_for(text, language)
    spoken_in = language if language in text else "nl"
    named = place if place is not None and len(place) <= MAX_PLACE_CHARS else None
    return SpokenMessage(wording.spoken, spoken_in, domain, named, wording.recording, purpose)


def spoken_languages(text: Text, people: Iterable[str]) -> tuple[str, ...]:
    """The languages in which the text must be spoken for people of these languages, each once."""
    return tuple(dict.fromkeys(language if language in text else "nl" for language in people))
