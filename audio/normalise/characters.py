"""What a voice can read: letters of the Latin script and a little punctuation. The rest is taken out, and told."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class NoteKind(StrEnum):
    """What was done to a text that its writer should know."""

    SYMBOL_REMOVED = "symbol_removed"  # emoji and other signs that have no words
    SCRIPT_REMOVED = "script_removed"  # letters of a script that our voices do not read
    LINK_SHORTENED = "link_shortened"  # of a link only the site is spoken


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that was done.

    Attributes:
        found: what stood there, at most 40 characters. Part of a message: not for a log.
    """

    kind: NoteKind
    found: str


# Letters with marks that the voices read (tried with espeak-ng 1.51); others lose their marks: "Ş" is read as "S".
_READ = frozenset("àáâäåæçèéêëìíîïñòóôöøœùúûüýÿßÀÁÂÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÖØŒÙÚÛÜÝ")
_LIKE: Mapping[str, str] = {
    "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i", "ħ": "h", "ŋ": "ng",
    "ə": "e", "ẞ": "SS",
}  # fmt: skip

_SAME: Mapping[str, str] = {
    **dict.fromkeys("’‘ʼ`´′‛", "'"),
    **dict.fromkeys("“”„«»‹›″‟", '"'),
    **dict.fromkeys("‐‑‒−", "-"),
    **dict.fromkeys("–—―", " - "),
    **dict.fromkeys("•·●▪◦‣", ", "),
    "×": "x", "¿": "", "¡": "", "™": "", "®": "", "©": "", "…": ".",
    "½": " 1/2 ", "¼": " 1/4 ", "¾": " 3/4 ",
}  # fmt: skip

# Signs that the rules give words or drop as they see fit.
_FOR_THE_RULES = frozenset(" ,.?!:;'\"-()[]{}/\\&+%=@#*_~±°<>|^$€£")

_BREAKS = re.compile(r"\s*[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+\s*(\S?)")


def clean(text: str) -> tuple[str, tuple[Note, ...]]:
    """The text in characters that the rules know: Latin letters, ASCII digits, their signs and blanks.

    A line break ends a sentence. Never raises.
    """
    text = _BREAKS.sub(_line_break, text.strip())
    text = "".join(_SAME.get(char, char) for char in text)
    symbols: dict[str, None] = {}
    foreign: dict[str, None] = {}
    kept = "".join(_keep(char, symbols, foreign) for char in unicodedata.normalize("NFKC", text))
    notes = []
    if symbols:
        notes.append(Note(NoteKind.SYMBOL_REMOVED, "".join(symbols)[:40]))
    if foreign:
        notes.append(Note(NoteKind.SCRIPT_REMOVED, "".join(foreign)[:40]))
    return " ".join(kept.split()), tuple(notes)


def _line_break(match: re.Match[str]) -> str:
    before = match.string[: match.start()][-1:]
    # A capital, because a full stop before a small letter counts for nothing later on.
    return f" {match[1]}" if before in ".,:;!?-" else f". {match[1].upper()}"


def _keep(char: str, symbols: dict[str, None], foreign: dict[str, None]) -> str:
    if (char.isascii() and char.isalnum()) or char in _FOR_THE_RULES or char in _READ:
        return char
    if (digit := unicodedata.decimal(char, None)) is not None:
        return str(digit)
    category = unicodedata.category(char)
    if category[0] == "Z" or char == "\t":
        return " "
    if category[0] in "CM":  # control, format, surrogate, private; marks without a letter
        return ""
    if category[0] == "L":
        return _letter(char, foreign)
    if char in _SAME:
        return _SAME[char]
    symbols[char] = None
    return " "


def _letter(char: str, foreign: dict[str, None]) -> str:
    if char in _LIKE:
        return _LIKE[char]
    plain = "".join(part for part in unicodedata.normalize("NFKD", char) if part.isascii() and part.isalpha())
    if not plain:
        foreign[char] = None
        return " "
    return plain


# ---------------------------------------------------------------- the end of the rules

_SPEAKABLE = re.compile(r"[^A-Za-z" + "".join(sorted(_READ)) + r" ,.?!:;'-]")


def finish(text: str) -> str:
    """Only speakable characters, one blank between words, punctuation where a voice expects it."""
    text = _SPEAKABLE.sub(" ", text)
    # An apostrophe belongs to a word ("foto's", "'s avonds", "l'homme") or goes.
    text = re.sub(r"(?<![A-Za-zÀ-ÿ])'(?!(?:s|t|n|k)\b)|'(?![A-Za-zÀ-ÿ])", "", text)
    text = re.sub(r"(?<![A-Za-zÀ-ÿ])-+|-+(?![A-Za-zÀ-ÿ])", " ", text)  # a hyphen joins two letters or goes
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r" ?([,.?!:;])(?: ?[,:;])*", r"\1 ", text)  # of several, the first; commas give way
    text = re.sub(r"[,:;] ?([.?!])", r"\1", text)
    text = re.sub(r"([.?!])(?: ?[,.?!:;])+", r"\1", text)
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"^[ ,.?!:;]+|[ ,:;]+$", "", text)
    return text if any(char.isalpha() for char in text) else ""
