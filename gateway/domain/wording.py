"""Advice on wording: abbreviations that people do not understand, characters that cost extra."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hint:
    """One thing that could be said better.

    Attributes:
        found: as it stands in the text.
        instead: what to write, or empty where it is for the writer to say.
        why: one short sentence, in English.
    """

    found: str
    instead: str
    why: str


def hints(text: str, language: str) -> list[Hint]:
    """What could be better in a text of that language, in the order of the text."""
    return []
