"""Numbers in words, in five languages.

Dutch numbers are written with a blank after "honderd" and "duizend" (as the Woordenlijst has it after "duizend"):
espeak-ng stresses "tweehonderdvijftig" wrongly and "tweehonderd vijftig" rightly.
"""

from __future__ import annotations

from collections.abc import Mapping

from audio.normalise.lexicon import words

LARGEST = 999_999_999
"""Larger numbers are spoken digit by digit."""

_NL_SMALL = words(
    "nul één twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien vijftien zestien zeventien "
    "achttien negentien"
)
_NL_TENS = words("_ _ twintig dertig veertig vijftig zestig zeventig tachtig negentig")
_FY_SMALL = words(
    "nul ien twa trije fjouwer fiif seis sân acht njoggen tsien alve tolve trettjin fjirtjin fyftjin sechstjin santjin "
    "achttjin njoggentjin"
)
_FY_TENS = words("_ _ tweintich tritich fjirtich fyftich sechstich santich tachtich njoggentich")
_DE_SMALL = words(
    "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn "
    "achtzehn neunzehn"
)
_DE_TENS = words("_ _ zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig")
_EN_SMALL = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_EN_TENS = words("_ _ twenty thirty forty fifty sixty seventy eighty ninety")
_FR_SMALL = words(
    "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit "
    "dix-neuf"
)
_FR_TENS = words("_ _ vingt trente quarante cinquante soixante soixante quatre-vingt quatre-vingt")

DIGITS: Mapping[str, tuple[str, ...]] = {
    "nl": tuple(_NL_SMALL[:10]),
    "fy": tuple(_FY_SMALL[:10]),
    "de": tuple(_DE_SMALL[:10]),
    "en": tuple(_EN_SMALL[:10]),
    "fr": tuple(_FR_SMALL[:10]),
}


def cardinal_nl(n: int) -> str:
    """250 is "tweehonderd vijftig", 1250 "twaalfhonderd vijftig", 2016 "tweeduizend zestien"."""
    if n < 20:
        return _NL_SMALL[n]
    if n < 100:
        tens, unit = divmod(n, 10)
        return _dutch_tens(_NL_TENS[tens], unit)
    if (n < 10_000 and n % 1000 >= 100) or n < 1000:
        # People say twaalfhonderd, not duizend tweehonderd.
        hundreds, rest = divmod(n, 100)
        return _join(("" if hundreds == 1 else cardinal_nl(hundreds)) + "honderd", cardinal_nl(rest) if rest else "")
    if n < 1_000_000:
        thousands, rest = divmod(n, 1000)
        head = "duizend" if thousands == 1 else cardinal_nl(thousands) + "duizend"
        return _join(head, cardinal_nl(rest) if rest else "")
    millions, rest = divmod(n, 1_000_000)
    return _join(cardinal_nl(millions) + " miljoen", cardinal_nl(rest) if rest else "")


def _dutch_tens(tens: str, unit: int) -> str:
    if not unit:
        return tens
    word = "een" if unit == 1 else _NL_SMALL[unit]
    return word + ("ën" if word.endswith("e") else "en") + tens


def ordinal_nl(n: int) -> str:
    """3 is "derde", 21 "eenentwintigste"."""
    special = {0: "nulde", 1: "eerste", 3: "derde", 8: "achtste"}
    rest = n % 100
    if rest in special and (rest or not n):
        return _join(cardinal_nl(n - rest) if n > rest else "", special[rest])
    return cardinal_nl(n) + ("de" if 0 < rest < 20 else "ste")


def cardinal_fy(n: int) -> str:
    """250 is "twahûndert fyftich"; built as Dutch is."""
    if n < 20:
        return _FY_SMALL[n]
    if n < 100:
        tens, unit = divmod(n, 10)
        return (_FY_SMALL[unit] + "en" if unit else "") + _FY_TENS[tens]
    if n < 1000:
        hundreds, rest = divmod(n, 100)
        return _join(("" if hundreds == 1 else _FY_SMALL[hundreds]) + "hûndert", cardinal_fy(rest) if rest else "")
    if n < 1_000_000:
        thousands, rest = divmod(n, 1000)
        return _join("tûzen" if thousands == 1 else cardinal_fy(thousands) + "tûzen", cardinal_fy(rest) if rest else "")
    millions, rest = divmod(n, 1_000_000)
    return _join(cardinal_fy(millions) + " miljoen", cardinal_fy(rest) if rest else "")


def ordinal_fy(n: int) -> str:
    """3 is "tredde", 21 "ienentweintichste"."""
    special = {1: "earste", 2: "twadde", 3: "tredde", 4: "fjirde", 5: "fyfde", 6: "sechsde", 8: "achtste"}
    if n in special:
        return special[n]
    return cardinal_fy(n) + ("de" if 0 < n % 100 < 20 else "ste")


def cardinal_de(n: int) -> str:
    """21 is "einundzwanzig", 101 "hunderteins"."""
    if n < 20:
        return _DE_SMALL[n]
    if n < 100:
        tens, unit = divmod(n, 10)
        return (_german_stem(unit) + "und" if unit else "") + _DE_TENS[tens]
    if n < 1000:
        hundreds, rest = divmod(n, 100)
        return ("" if hundreds == 1 else _DE_SMALL[hundreds]) + "hundert" + (cardinal_de(rest) if rest else "")
    if n < 1_000_000:
        thousands, rest = divmod(n, 1000)
        head = "" if thousands == 1 else _german_stem(thousands)
        return _join(head + "tausend", cardinal_de(rest) if rest else "")
    millions, rest = divmod(n, 1_000_000)
    head = "eine Million" if millions == 1 else cardinal_de(millions) + " Millionen"
    return _join(head, cardinal_de(rest) if rest else "")


def _german_stem(n: int) -> str:
    """Before another word of the number: "ein", not "eins"."""
    word = cardinal_de(n)
    return word.removesuffix("s") if n % 100 == 1 else word


def ordinal_de(n: int) -> str:
    """3 is "dritte", 20 "zwanzigste"."""
    special = {1: "erste", 3: "dritte", 7: "siebte", 8: "achte"}
    rest = n % 100
    if rest in special:
        return (cardinal_de(n - rest) if n > rest else "") + special[rest]
    return cardinal_de(n) + ("te" if 0 < rest < 20 else "ste")


def cardinal_en(n: int) -> str:
    """101 is "one hundred and one", as the British say it."""
    if n < 20:
        return _EN_SMALL[n]
    if n < 100:
        tens, unit = divmod(n, 10)
        return _EN_TENS[tens] + (f"-{_EN_SMALL[unit]}" if unit else "")
    if n < 1000:
        hundreds, rest = divmod(n, 100)
        return f"{_EN_SMALL[hundreds]} hundred" + (f" and {cardinal_en(rest)}" if rest else "")
    size, word = (1000, "thousand") if n < 1_000_000 else (1_000_000, "million")
    head, rest = divmod(n, size)
    joint = " and " if 0 < rest < 100 else " "
    return f"{cardinal_en(head)} {word}" + (joint + cardinal_en(rest) if rest else "")


def ordinal_en(n: int) -> str:
    """3 is "third", 21 "twenty-first"."""
    special = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth"}
    words = cardinal_en(n)
    at = max(words.rfind(" "), words.rfind("-")) + 1
    head, last = words[:at], words[at:]
    if last in special:
        return head + special[last]
    if last == "twelve":
        return head + "twelfth"
    return head + (f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")


def cardinal_fr(n: int) -> str:
    """71 is "soixante et onze", 80 "quatre-vingts", 200 "deux cents"."""
    if n < 20:
        return _FR_SMALL[n]
    if n < 100:
        return _french_tens(n)
    if n < 1000:
        hundreds, rest = divmod(n, 100)
        head = "cent" if hundreds == 1 else f"{_FR_SMALL[hundreds]} cent" + ("" if rest else "s")
        return _join(head, cardinal_fr(rest) if rest else "")
    if n < 1_000_000:
        thousands, rest = divmod(n, 1000)
        head = "" if thousands == 1 else cardinal_fr(thousands).replace("cents", "cent").replace("vingts", "vingt")
        return _join(_join(head, "mille"), cardinal_fr(rest) if rest else "")
    millions, rest = divmod(n, 1_000_000)
    return _join(
        cardinal_fr(millions) + (" million" if millions == 1 else " millions"), cardinal_fr(rest) if rest else ""
    )


def _french_tens(n: int) -> str:
    tens, unit = divmod(n, 10)
    head = _FR_TENS[tens]
    if tens in (7, 9):
        unit += 10
    if not unit:
        return head + ("s" if tens == 8 else "")
    if unit in (1, 11) and tens < 8:
        return f"{head} et {_FR_SMALL[unit]}"
    return f"{head}-{_FR_SMALL[unit]}"


def ordinal_fr(n: int) -> str:
    """1 is "premier", 9 "neuvième"."""
    if n == 1:
        return "premier"
    words = cardinal_fr(n)
    if words.endswith(("vingts", "cents", "millions")):
        words = words.removesuffix("s")
    for end, instead in (("cinq", "cinquième"), ("neuf", "neuvième")):
        if words.endswith(end):
            return words.removesuffix(end) + instead
    return words.removesuffix("e") + "ième"


def _join(head: str, tail: str) -> str:
    return f"{head} {tail}" if head and tail else head or tail
