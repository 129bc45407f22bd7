"""Advice on wording: abbreviations that people do not understand, words in capitals.

Unreadable abbreviations were among the reasons for which the real Burgernet gave up SMS. They come from the radio and
the report book, so the control room no longer sees them: that is why this looks for them. What a text costs is
``plan.ComposedSms``'s subject, not this module's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final


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
    """What could be better in a text of that language, in the order of the text, each thing once."""
    found = sorted([*_abbreviations(text, language), *_capitals(text, language)], key=lambda hit: hit[0])
    once = {hint.found.casefold(): hint for _, hint in reversed(found)}
    return [hint for _, hint in found if once.get(hint.found.casefold()) is hint]


# ---------------------------------------------------------------- abbreviations

_UNKNOWN: Final = "Not everybody knows this abbreviation."
_UNCLEAR: Final = "Not everybody knows this abbreviation, and it can mean several things."

_DUTCH: Final[Mapping[str, str]] = {
    # from the radio and the report book
    "bmnl": "",
    "tp": "ter plaatse",
    "tpl": "ter plaatse",
    "tpv": "bij",
    "thv": "bij",
    "vtg": "voertuig",
    "vtgn": "voertuigen",
    "vrtg": "voertuig",
    "ktk": "kenteken",
    "kent.": "kenteken",
    "sign": "signalement",
    "verd.": "verdachte",
    "vda": "verdachte",
    "vdn": "verdachten",
    "btr": "betrokkene",
    "betr.": "betrokkene",
    "slo": "slachtoffer",
    "aanh.": "aangehouden",
    "mk": "meldkamer",
    "oc": "meldkamer",
    "rtg": "richting",
    "ri": "richting",
    "richt.": "richting",
    "m/v": "man of vrouw",
    "lft": "leeftijd",
    "lftd": "leeftijd",
    "jr": "jaar",
    "mtr": "meter",
    "gekl": "gekleed",
    "gek.": "gekleed",
    "geb.": "geboren",
    "ged.": "gedeeltelijk",
    "dnk": "donker",
    "donk.": "donker",
    "lgt": "licht",
    "zw.": "zwart",
    "bl.": "",
    "br.": "",
    "gr.": "",
    "get.": "",
    "verm.": "",
    "onb.": "onbekend",
    "mog.": "mogelijk",
    "mgl": "mogelijk",
    "wrs": "waarschijnlijk",
    "wrsch": "waarschijnlijk",
    "ws.": "waarschijnlijk",
    # from the office
    "ahv": "met",
    "bijv": "bijvoorbeeld",
    "bijz.": "bijzonderheden",
    "blz": "bladzijde",
    "cq": "of",
    "div.": "verschillende",
    "dmv": "met",
    "dwz": "dat wil zeggen",
    "ea": "en anderen",
    "evt": "eventueel",
    "gem.": "",
    "icm": "samen met",
    "ihkv": "voor",
    "iom": "in overleg met",
    "ipv": "in plaats van",
    "ism": "samen met",
    "ivm": "vanwege",
    "mbt": "over",
    "mbv": "met",
    "mn": "vooral",
    "nav": "vanwege",
    "nvt": "niet van toepassing",
    "oa": "onder andere",
    "obv": "volgens",
    "oid": "of zoiets",
    "ong.": "ongeveer",
    "ovv": "onder vermelding van",
    "resp": "respectievelijk",
    "tav": "voor",
    "tbv": "voor",
    "tel": "telefoon",
    "telnr": "telefoonnummer",
    "tgv": "door",
    "tnv": "op naam van",
    "tov": "vergeleken met",
    "vlgs": "volgens",
    "vnl": "vooral",
    "zgn": "zogenoemd",
    "zsm": "zo snel mogelijk",
    "a/d": "aan de",
    "i/d": "in de",
    "o/d": "op de",
    "v/d": "van de",
}
_GERMAN: Final[Mapping[str, str]] = {
    "bek.": "bekleidet",
    "bzgl": "wegen",
    "bzw": "oder",
    "dh": "das heißt",
    "ggf": "vielleicht",
    "ggü": "gegenüber",
    "kennz.": "Kennzeichen",
    "kfz": "Fahrzeug",
    "m/w": "Mann oder Frau",
    "mgl.": "möglicherweise",
    "pers.": "Person",
    "sof.": "sofort",
    "tlw": "teilweise",
    "ua": "unter anderem",
    "vermutl.": "vermutlich",
    "zzt": "zurzeit",
}
_ENGLISH: Final[Mapping[str, str]] = {
    "approx": "about",
    "asap": "as soon as possible",
    "btwn": "between",
    "desc.": "description",
    "ic1": "",
    "m/f": "man or woman",
    "misper": "missing person",
    "poss.": "possibly",
    "rtc": "road accident",
    "susp.": "suspect",
    "tbc": "not yet certain",
    "veh": "vehicle",
    "vrm": "number plate",
    "y/o": "years old",
    "yo": "years old",
    "yrs": "years",
}
_FRENCH: Final[Mapping[str, str]] = {
    "av.": "avenue",
    "bcp": "beaucoup",
    "dir.": "direction",
    "env": "environ",
    "h/f": "homme ou femme",
    "immat": "plaque d'immatriculation",
    "qqn": "quelqu'un",
    "qqch": "quelque chose",
    "susp.": "suspect",
    "tél": "téléphone",
    "véh": "véhicule",
    "vl": "voiture",
}
_ABBREVIATIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "nl": _DUTCH,
    "de": _GERMAN,
    "en": _ENGLISH,
    "fr": _FRENCH,
}
"""What to write instead, empty where only the writer knows.

A key that ends in a full stop counts only with one (``get`` may be a word, ``get.`` is none); any other counts with and
without stops: ``ivm``, ``i.v.m.``.
"""

_STREETS: Final[Mapping[str, str]] = {"str": "straat", "pln": "plein", "ln": "laan", "wg": "weg"}
"""How Dutch street names are cut short: Stationsstr."""

_WORD = re.compile(r"(?<![^\W\d])(?<![-./])[^\W\d_]+(?:[./][^\W\d_]+)*\.?(?![\w-])")
_STREET = re.compile(r"([^\W\d_]{3,})(str|pln|ln|wg)\.?", re.IGNORECASE)

_Hit = tuple[int, Hint]


def _abbreviations(text: str, language: str) -> Iterator[_Hit]:
    table = _ABBREVIATIONS.get(language, {})
    for match in _WORD.finditer(text):
        written = match[0]
        instead = _expand(written, table)
        if instead is None and language == "nl" and (street := _STREET.fullmatch(written)):
            instead = street[1] + _STREETS[street[2].lower()]
        if instead is not None:
            if _ends_a_sentence(written, table, text[match.end() :].lstrip()):
                written = written[:-1]
            yield match.start(), Hint(written, instead, _UNKNOWN if instead else _UNCLEAR)


def _expand(written: str, table: Mapping[str, str]) -> str | None:
    word = written.lower()
    letters = word.replace(".", "")
    if word.endswith(".") and letters + "." in table:
        return table[letters + "."]
    return table.get(letters)


def _ends_a_sentence(written: str, table: Mapping[str, str], following: str) -> bool:
    """Whether the stop behind a word is no part of it, as far as one can tell."""
    is_only_stop = written.count(".") == 1 and written.endswith(".") and written.lower() not in table
    return is_only_stop and (not following or following[0].isupper())


# ---------------------------------------------------------------- capitals

_LOUD: Final = "Words in capitals are hard to read."
_LETTERS: Final = 5
"""So many capitals in a row are a word and not the name of a road, an organisation or half a number plate."""

_NAMES: Final = frozenset(
    {"AMBER", "ANWB", "BURGERNET", "FIAT", "HEMA", "IKEA", "KNMI", "KNRM", "LIDL", "RIVM", "SEAT"}
)
"""Written so by everybody."""

_UPPER_WORD = re.compile(r"(?<![\w-])[^\W\d_]{2,}(?![\w-])")
_QUIET = re.compile(r"[^\w]*(?:\d+[^\w]+)*")
"""What may stand between two words of one run of capitals."""


def _capitals(text: str, language: str) -> Iterator[_Hit]:
    table = _ABBREVIATIONS.get(language, {})
    start = end = letters = 0
    for match in _UPPER_WORD.finditer(text):
        word = match[0]
        if not word.isupper() or word in _NAMES or _expand(word, table) is not None:
            continue
        if letters and _QUIET.fullmatch(text, end, match.start()):
            letters += len(word)
        else:
            yield from _run(text, start, end, letters)
            start, letters = match.start(), len(word)
        end = match.end()
    yield from _run(text, start, end, letters)


def _run(text: str, start: int, end: int, letters: int) -> Iterator[_Hit]:
    """A hint where the run is long enough. Within a sentence it may be a name, so the writer must say how."""
    if letters >= _LETTERS:
        before = text[:start].rstrip()
        begins = not before or before[-1] in ".!?:" or "\n" in text[len(before) : start]
        loud = text[start:end]
        yield start, Hint(loud, loud.capitalize() if begins else "", _LOUD)
