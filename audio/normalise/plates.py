"""Number plates, spelled with the telephone alphabet: "GK-AB 123" is "Gerard Karel, Anton Bernard, één twee drie"."""

from __future__ import annotations

import re

from audio.normalise.figures import in_groups, say_digits
from audio.normalise.lexicon import Lexicon, words

# RDW sidecodes 1 to 14: X a letter, 9 a digit.
_SIDECODES = words(
    "XX-99-99 99-99-XX 99-XX-99 XX-99-XX XX-XX-99 99-XX-XX 99-XXX-9 9-XXX-99 XX-999-X X-999-XX XXX-99-X X-99-XXX "
    "9-XX-999 999-XX-9"
)


def _pattern(sidecode: str, separator: str) -> str:
    return sidecode.replace("-", separator).replace("X", "[A-Za-z]").replace("9", r"\d")


_DUTCH = "|".join(_pattern(code, "-") for code in _SIDECODES)
_DUTCH_SPACED = "|".join(_pattern(code, " ").replace("a-z", "") for code in _SIDECODES)
# Kreis, one or two letters, up to four digits, E electric or H historic (FZV Anlage 2); a car make is no Kreis.
_GERMAN = r"(?!(?:BMW|VW)-)[A-ZÄÖÜ]{1,3}-[A-Z]{1,2}[ -]?\d{1,4}[EH]?"
_GERMAN_SPACED = r"[A-ZÄÖÜ]{1,3} [A-Z]{1,2} ?\d{1,4}[EH]?"
_BELGIAN = r"[1-9]-[A-Za-z]{3}-\d{3}"
_FRENCH = r"[A-Z]{2}-\d{3}-[A-Z]{2}"

_PLATE = re.compile(rf"(?<![\w-])(?:{_DUTCH}|{_BELGIAN}|{_FRENCH}|{_GERMAN})(?![\w-])")
_ANY = r"(?=[A-ZÄÖÜ0-9-]*\d)[A-ZÄÖÜ0-9]+(?:-[A-ZÄÖÜ0-9]+)*"


def say_plates(text: str, lexicon: Lexicon) -> str:
    """Every number plate in the text, spelled.

    What is written as a Dutch, German, Belgian or French plate is one anywhere; after a word such as "kenteken"
    so is any word of capitals and digits, and a plate with blanks.
    """
    cued = re.compile(
        rf"(?P<cue>\b(?:{lexicon.plate_cue})\b[^\w.!?\n]{{1,3}})"
        rf"(?P<plate>(?:{_DUTCH_SPACED}|{_GERMAN_SPACED}|{_DUTCH}|{_GERMAN}|{_ANY}))(?![\w-])"
    )
    text = cued.sub(lambda match: match["cue"] + spell_plate(match["plate"], lexicon), text)
    return _PLATE.sub(lambda match: spell_plate(match.group(), lexicon), text)


def spell_plate(plate: str, lexicon: Lexicon) -> str:
    """Its letters as words and its digits one by one, with a pause between its groups."""
    groups = re.findall(r"[A-Z]+|[ÄÖÜ]|\d+", plate.upper())
    return " " + ", ".join(_group(group, lexicon) for group in groups) + " "


def _group(group: str, lexicon: Lexicon) -> str:
    if group.isdigit():
        return ", ".join(say_digits(part, lexicon) for part in in_groups(group))
    plain = group.translate(str.maketrans("ÄÖÜ", "AOU"))
    words = " ".join(lexicon.alphabet[ord(letter) - ord("A")] for letter in plain)
    return words if plain == group else f"{words} met puntjes" if lexicon.language == "nl" else f"Umlaut {words}"
