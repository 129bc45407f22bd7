"""What the rules need to know of a language."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Replacement = str | Callable[[re.Match[str]], str]
Substitution = tuple[re.Pattern[str], Replacement]


def words(text: str) -> tuple[str, ...]:
    """The words of a text: long lists read better so."""
    return tuple(text.split())


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit after a number: how it is written (a regular expression), and its word for one and for more."""

    written: str
    one: str
    many: str


@dataclass(frozen=True, slots=True)
class Lexicon:
    r"""The words of one language.

    Attributes:
        decimal: the decimal sign, ``,`` or ``.``.
        thousands: a regular expression for the sign between thousands.
        fraction_as_number: "1,80" is said "komma tachtig", else digit by digit.
        clock_after: a regular expression for words after a time that the spoken time swallows ("uur").
        clock_before: one for words before a time that is written with a full stop ("om 13.45").
        months: twelve patterns, each with the word to say.
        alphabet: 26 words, A to Z, for spelling number plates.
        plate_cue: words after which any mix of letters and digits is a number plate.
        digits_cue: words after which a number is read digit by digit ("bel", "code").
        fractions: words for "1/2", "1/4" and "3/4".
        counted: nouns after which 112 is a quantity and not the emergency number; units are known anyway.
        abbreviations: patterns without the word borders; a final full stop is written ``\.?`` there.
        sentence_final: which of their expansions usually end a sentence, so that their full stop is kept.
        special: substitutions of this language alone, before all others.
        acronyms: words of capitals with a vowel that are spelled all the same ("ANWB").
    """

    language: str
    cardinal: Callable[[int], str]
    ordinal: Callable[[int], str]
    ordinal_written: str
    time: Callable[[int, int], str]
    date: Callable[[int, str, int | None], str]
    clock_after: str
    clock_before: str
    months: Sequence[tuple[str, str]]
    decimal: str
    thousands: str
    fraction_as_number: bool
    point: str
    minus: str
    to: str
    euro: tuple[str, str, str]
    metre: tuple[str, str]
    units: Sequence[Unit]
    alphabet: Sequence[str]
    plate_cue: str
    digits_cue: str
    signs: Mapping[str, str]
    fractions: Mapping[str, str]
    counted: str
    dot: str
    at: str
    abbreviations: Mapping[str, str]
    sentence_final: frozenset[str] = frozenset()
    special: Sequence[Substitution] = ()
    acronyms: frozenset[str] = frozenset()
