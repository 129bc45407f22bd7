"""What is written becomes what is said: "ca. 13.45 uur" is "ongeveer kwart voor twee".

The rules run in an order that matters, the more particular first: a link is no sentence end, a date no telephone
number, a plate no sum. What is left of digits at the end is a plain number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from audio.errors import TextError
from audio.normalise.characters import Note, NoteKind, clean, finish
from audio.normalise.dutch import DUTCH
from audio.normalise.lexicon import Lexicon
from audio.normalise.others import ENGLISH, FRENCH, FRISIAN, GERMAN
from audio.normalise.rules import Rule, rules_for, say_links

VERSION = 1
"""Part of the key in the store: raise it when a rule changes what is said."""

LEXICONS: Mapping[str, Lexicon] = {lexicon.language: lexicon for lexicon in (DUTCH, GERMAN, ENGLISH, FRENCH, FRISIAN)}

LANGUAGES = tuple(LEXICONS)
"""Dutch first (ISO 639-1)."""


@dataclass(frozen=True, slots=True)
class SpeechText:
    """A text as it will be spoken.

    Attributes:
        text: only letters, blanks and ``,.?!:;'-``; empty where nothing of it can be spoken.
        notes: what its writer should know.
    """

    text: str
    notes: tuple[Note, ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """The sentences, each of them speakable; a voice pauses between them."""
        parts = re.split(r"(?<=[.!?])\s+", self.text)
        return tuple(part for part in parts if any(char.isalpha() for char in part))


def to_speech(text: str, language: str) -> SpeechText:
    """The text as a voice of that language should read it. Never raises for what a text holds.

    Raises:
        TextError: there are no rules for that language.
    """
    if language not in LEXICONS:
        raise TextError(f"no rules for the language {language!r}; there are {', '.join(LANGUAGES)}")
    cleaned, notes = clean(text)
    links: list[str] = []
    spoken = say_links(cleaned, LEXICONS[language], links)
    for rule in _rules(language):
        spoken = rule(spoken)
    notes += tuple(Note(NoteKind.LINK_SHORTENED, link[:40]) for link in links)
    return SpeechText(finish(spoken), notes)


@cache
def _rules(language: str) -> tuple[Rule, ...]:
    return rules_for(LEXICONS[language])
