"""A number as it is written, in words: with thousands, with a fraction, or digit by digit."""

from __future__ import annotations

import re

from audio.normalise.lexicon import Lexicon
from audio.normalise.numbers import DIGITS, LARGEST


def number_pattern(lexicon: Lexicon) -> str:
    """A regular expression for a number: "1.250", "1,5", "42" in Dutch."""
    thousands, decimal = lexicon.thousands, re.escape(lexicon.decimal)
    grouped = rf"\d{{1,3}}(?:{thousands}\d{{3}}){{1,3}}(?:{decimal}\d{{1,4}})?(?!\d)"
    return rf"(?:{grouped}|\d+(?:[.,]\d+)?)"


def say_number(written: str, lexicon: Lexicon) -> str:
    """What :func:`number_pattern` found, in words."""
    whole, fraction = split_number(written, lexicon)
    if (len(whole) > 1 and whole.startswith("0")) or int(whole) > LARGEST:
        words = say_digits(whole, lexicon)
    else:
        words = lexicon.cardinal(int(whole))
    if not fraction:
        return words
    as_number = lexicon.fraction_as_number and len(fraction) <= 2 and not fraction.startswith("0")
    return f"{words} {lexicon.point} " + (
        lexicon.cardinal(int(fraction)) if as_number else say_digits(fraction, lexicon)
    )


def split_number(written: str, lexicon: Lexicon) -> tuple[str, str]:
    """The digits before and after the decimal sign; without thousands signs. At most 4,000 digits are kept."""
    if re.fullmatch(rf"\d{{1,3}}(?:{lexicon.thousands}\d{{3}})+(?:{re.escape(lexicon.decimal)}\d+)?", written):
        whole, _, fraction = written.partition(lexicon.decimal)
        return re.sub(r"\D", "", whole), fraction
    whole, _, fraction = written.replace(",", ".").partition(".")
    return whole[:4000], fraction


def say_digits(digits: str, lexicon: Lexicon) -> str:
    """112 is "één één twee"."""
    words = DIGITS[lexicon.language]
    return " ".join(words[int(digit)] for digit in digits)


def in_groups(digits: str) -> list[str]:
    """Digits as people group them when they dictate: fours stay, longer ones go in pairs, an odd one makes a three."""
    if len(digits) <= 4:
        return [digits]
    head = 3 if len(digits) % 2 else 0
    return ([digits[:head]] if head else []) + [digits[i : i + 2] for i in range(head, len(digits), 2)]
