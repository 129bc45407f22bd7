"""The rules, each of them made for one language: a function from text to text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from audio.normalise.figures import number_pattern, say_digits, say_number, split_number
from audio.normalise.lexicon import Lexicon, Substitution, words
from audio.normalise.phones import say_phones
from audio.normalise.plates import say_plates

Rule = Callable[[str], str]

_VOWEL = re.compile(r"[AEIOUYÀ-ÿÀÁÂÄÈÉÊËÌÍÎÏÒÓÔÖÙÚÛÜ]")
_SENTENCE_FOLLOWS = r"(?=\s+[A-ZÀ-Ý]|\s*$)"
_STREET_BEFORE = re.compile(
    r"(?:straat|weg|laan|plein|gracht|kade|dijk|singel|pad|hof|dreef|park|straße|strasse|platz|[Ss]treet|[Rr]oad|"
    r"strjitte|nummer|Nummer|number|numéro)\s$"
)
_EMERGENCY = r"(?<![\w.,-])(?:112|113|144)(?![\w-])(?![.,]\d)"
"""112; 113 (suicide prevention) and 144 (animals): three digits that are dialled, not counted."""


_MINUS = re.compile(r"(?<!\d )(?<![\w)])-(?=\d)")


def rules_for(lexicon: Lexicon) -> tuple[Rule, ...]:
    """All rules after the links, in their order."""
    return (
        lambda text: say_plates(text, lexicon),
        _postcodes(lexicon),
        _calm(lexicon),
        _substitutions(lexicon.special),
        _abbreviations(lexicon),
        _dates(lexicon),
        _times(lexicon),
        lambda text: say_phones(text, lexicon),
        lambda text: _MINUS.sub(f" {lexicon.minus} ", text),
        _money(lexicon),
        _heights(lexicon),
        _units(lexicon),
        _ordinals(lexicon),
        _digits(lexicon),
        _numbers(lexicon),
        _signs(lexicon),
        _full_stops,
    )


# ---------------------------------------------------------------- words


def _calm(lexicon: Lexicon) -> Rule:
    """Words in capitals become words again; what is spelled stays in capitals."""

    def rule(text: str) -> str:
        words = re.findall(r"[^\W\d_]{2,}", text)
        shouted = sum(word.isupper() for word in words) * 2 > len(words) > 2

        def calm(match: re.Match[str]) -> str:
            word = match.group()
            spelled = word in lexicon.acronyms or not _VOWEL.search(word)
            if spelled and not (shouted and len(word) > 4):
                return word
            before = text[: match.start()].rstrip()
            return word.capitalize() if not shouted or not before or before[-1] in ".!?" else word.lower()

        return re.sub(r"(?<!\w)(?<!\d-)[A-ZÀ-Ý]{2,}(?!\w|-\d)", calm, text)

    return rule


def _substitutions(pairs: Iterable[Substitution]) -> Rule:
    fixed = tuple(pairs)

    def rule(text: str) -> str:
        for pattern, replacement in fixed:
            text = pattern.sub(replacement, text)
        return text

    return rule


def _abbreviations(lexicon: Lexicon) -> Rule:
    expansions = list(lexicon.abbreviations.values())
    # The longer pattern first: "m.b.t." before "m.". One group a pattern tells which it was.
    order = sorted(range(len(expansions)), key=lambda i: -len(list(lexicon.abbreviations)[i]))
    patterns = list(lexicon.abbreviations)
    both = re.compile(
        r"(?<![\w.])(?:" + "|".join(f"(?P<a{i}>{patterns[i]})" for i in order) + r")(?!\w)",
        re.IGNORECASE if lexicon.language in ("nl", "fy") else 0,
    )

    def expand(match: re.Match[str]) -> str:
        said = expansions[int((match.lastgroup or "a0")[1:])]
        written = match.group()
        if written[0].isupper() and not _mid_sentence(match):
            said = said[0].upper() + said[1:]
        ends = written.endswith(".") and (
            not match.string[match.end() :].strip()
            or (said in lexicon.sentence_final and re.match(_SENTENCE_FOLLOWS, match.string[match.end() :]))
        )
        return said + ("." if ends else "")

    return lambda text: both.sub(expand, text)


def _mid_sentence(match: re.Match[str]) -> bool:
    before = match.string[: match.start()].rstrip()
    return bool(before) and before[-1] not in ".!?"


# ---------------------------------------------------------------- dates and times


def _dates(lexicon: Lexicon) -> Rule:
    months = [name for _, name in lexicon.months]
    names = "|".join(f"(?P<m{i}>{pattern})" for i, (pattern, _) in enumerate(lexicon.months))
    iso = re.compile(r"(?<![\w-])(\d{4})-(\d\d)-(\d\d)(?![\w-])")
    numeric = re.compile(r"(?<![\w.,-])(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d\d)(?![\w-])(?!\.\d)")
    day = r"(?<![\w.,:])(?P<day>\d{1,2})(?:\.|e|er|ste|de|st|nd|rd|th)?(?: of)? "
    named = re.compile(rf"{day}(?:{names})(?![^\W\d_])(?:,? (?P<year>[12]\d{{3}})(?!\d|[.,:]\d))?")
    american = re.compile(rf"\b(?:{names}) (?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?![\d:.])(?:,? (?P<year>[12]\d{{3}})\b)?")

    def say(day: int, month: int, year: int | None, otherwise: str) -> str:
        if not (1 <= day <= 31 and 1 <= month <= 12):
            return otherwise
        return f" {lexicon.date(day, months[month - 1], year)} "

    def say_numeric(match: re.Match[str]) -> str:
        year = int(match[4]) + (2000 if len(match[4]) == 2 else 0)
        return say(int(match[1]), int(match[3]), year, match.group())

    def say_named(match: re.Match[str]) -> str:
        month = next(i for i in range(12) if match[f"m{i}"]) + 1
        return say(int(match["day"]), month, int(match["year"]) if match["year"] else None, match.group())

    def rule(text: str) -> str:
        text = iso.sub(lambda m: say(int(m[3]), int(m[2]), int(m[1]), m.group()), text)
        text = named.sub(say_named, numeric.sub(say_numeric, text))
        return american.sub(say_named, text) if lexicon.language == "en" else text

    return rule


_HALF_DAY = r"(?: ?(?P<half>[ap])\.?m\b\.?)"
_HOUR, _MINUTE = r"(?P<h>[01]?\d|2[0-4])", r"(?P<m>[0-5]\d)(?::[0-5]\d)?"
_NO_DIGIT_BEFORE = r"(?<![\d.,:])"


def _time_patterns(lexicon: Lexicon) -> list[re.Pattern[str]]:
    """How a time may be written, groups ``h``, ``m`` and ``half`` (am or pm), the surest first."""
    after = rf"(?: ?(?:{lexicon.clock_after})(?![^\W\d_]))"
    if lexicon.language == "en":
        after = rf"(?:{after}|{_HALF_DAY})"
    written = [
        rf"{_NO_DIGIT_BEFORE}{_HOUR}:{_MINUTE}(?![\d:]){after}?",  # 13:45, with or without a word after it
        rf"{_NO_DIGIT_BEFORE}{_HOUR}\.{_MINUTE}(?!\d){after}",  # 13.45 only with one
        rf"{_NO_DIGIT_BEFORE}{_HOUR} ?[uh] ?(?P<m>[0-5]\d)(?![\w:])",  # 13u45, 13h45
    ]
    # ... or after a word such as "om". A look-behind has one width: a pattern for each word.
    for word in lexicon.clock_before.split("|"):
        written.append(rf"(?i)(?<=\b{re.escape(word)} ){_HOUR}\.{_MINUTE}(?!\d)(?! ?(?:m|km|%|euro)\b)")
    if lexicon.language == "fr":
        written.append(rf"{_NO_DIGIT_BEFORE}{_HOUR} ?(?:h|heures?)(?!\w)")
    if lexicon.language == "en":
        written.append(rf"{_NO_DIGIT_BEFORE}(?P<h>1[0-2]|[1-9]){_HALF_DAY}")
    return [re.compile(pattern) for pattern in written]


def _times(lexicon: Lexicon) -> Rule:
    patterns = _time_patterns(lexicon)
    after = rf" ?(?:{lexicon.clock_after})(?![^\W\d_])"
    # Of "13.45-14.00 uur" and "13.45 en 14.00 uur" the first half is a time because the second is.
    first_of_two = re.compile(rf"{_NO_DIGIT_BEFORE}(\d{{1,2}})\.(\d\d)(?= ?(?:-|\w{{1,5}}) ?\d{{1,2}}\.\d\d{after})")
    hyphen = re.compile(r"(?<=\d[:.]\d\d) ?- ?(?=\d{1,2}[:.]\d\d)")

    def say(match: re.Match[str]) -> str:
        groups = match.groupdict()
        hour, minute, half = int(groups["h"]), int(groups.get("m") or 0), groups.get("half")
        if hour == 24 and minute:
            return match.group()
        if half:
            hour = hour % 12 + (12 if half == "p" else 0)
        end = "." if match.group().endswith(".") and re.match(_SENTENCE_FOLLOWS, match.string[match.end() :]) else ""
        return f" {lexicon.time(hour, minute)}{_half_day(half, hour)}{end} "

    def rule(text: str) -> str:
        text = first_of_two.sub(r"\1:\2", hyphen.sub(f" {lexicon.to} ", text))
        for pattern in patterns:
            text = pattern.sub(say, text)
        return text

    return rule


def _half_day(half: str | None, hour: int) -> str:
    if not half or hour in (0, 12):
        return ""
    return " in the morning" if half == "a" else " in the afternoon" if hour < 18 else " in the evening"


# ---------------------------------------------------------------- amounts


def _money(lexicon: Lexicon) -> Rule:
    number = number_pattern(lexicon)
    sign = re.compile(rf"(?:€|\b(?i:EUR)\b) ?(?P<n>{number})(?:,-+|,=|\.-+)?(?![\d])")
    after = re.compile(rf"(?<![\w.,])(?P<n>{number})(?:,-+|,=)? ?(?:€|(?i:euros?|eur)\b)")
    other = re.compile(rf"(?P<sign>[$£]) ?(?P<n>{number})(?!\d)")

    def say(match: re.Match[str]) -> str:
        one, many, cents_word = lexicon.euro
        whole, fraction = split_number(match["n"], lexicon)
        if fraction and len(fraction) != 2:
            return f" {say_number(match['n'], lexicon)} {many} "
        euros, cents = say_number(whole, lexicon), int(fraction or 0)
        if lexicon.language == "de" and int(whole) == 1:
            euros = "ein"
        head = f"{euros} {one if int(whole) == 1 else many}"
        if not cents:
            return f" {head} "
        if int(whole) == 0:
            return f" {lexicon.cardinal(cents)} {cents_word} "
        return f" {head} {lexicon.cardinal(cents)} "

    def say_other(match: re.Match[str]) -> str:
        return f" {say_number(match['n'], lexicon)} {lexicon.signs[match['sign']]} "

    return lambda text: other.sub(say_other, after.sub(say, sign.sub(say, text)))


def _heights(lexicon: Lexicon) -> Rule:
    """Say "1.80 m" and "1m80" as "één meter tachtig". From 1,40 to 1,99 a bare number is somebody's height."""
    units = "|".join(unit.written for unit in lexicon.units)
    height = rf"1[.,](?P<cm2>[4-9]\d)(?![\d%€]|[.,]\d)(?! ?(?:{units}|{lexicon.counted}|euro|kilo|miljoen|mln)(?!\w))"
    written = re.compile(
        r"(?<![\w.,:€$£])(?<![€$£-] )(?:"
        r"(?P<m>\d{1,3})[.,](?P<cm>\d\d) ?(?:[Mm]eters?|mtr|metres?|mètres?|m)(?!\w)(?!/)"
        rf"|{height}|(?P<m3>\d{{1,3}}) ?m ?(?P<cm3>\d\d)(?![\w.,]))"
    )

    def say(match: re.Match[str]) -> str:
        metres, rest = int(match["m"] or match["m3"] or 1), int(match["cm"] or match["cm2"] or match["cm3"])
        one, many = lexicon.metre
        head = "ein" if lexicon.language == "de" and metres == 1 else lexicon.cardinal(metres)
        return f" {head} {one if metres == 1 else many}" + (f" {lexicon.cardinal(rest)} " if rest else " ")

    return lambda text: written.sub(say, text)


def _units(lexicon: Lexicon) -> Rule:
    number = number_pattern(lexicon)
    names = "|".join(f"(?P<u{i}>{unit.written})" for i, unit in enumerate(lexicon.units))
    # "20-25 jr" too: the range gets its word here, so that it is no minus.
    written = re.compile(
        rf"(?<![\w.,])(?:(?P<from>{number}) ?(?:-|/) ?)?(?P<n>{number}) ?(?:{names})(?![\w/])(?P<stop>\.?)"
    )

    def say(match: re.Match[str]) -> str:
        unit = lexicon.units[next(i for i in range(len(lexicon.units)) if match[f"u{i}"])]
        whole = match["n"].strip("0") == "1" and not match["from"]
        head = say_number(match["n"], lexicon)
        if whole and lexicon.language == "de":
            head = "ein"
        if match["from"]:
            joint = lexicon.to if "-" in match.group() else lexicon.signs["/"]
            head = f"{say_number(match['from'], lexicon)} {joint} {head}"
        ends = match["stop"] and re.match(_SENTENCE_FOLLOWS, match.string[match.end() :])
        return f" {head} {unit.one if whole else unit.many}{'.' if ends else ' '}"

    return lambda text: written.sub(say, text)


def _ordinals(lexicon: Lexicon) -> Rule:
    written = re.compile(rf"(?<![\w.,])(\d{{1,4}})(?:{lexicon.ordinal_written})(?!\w)")

    def say(match: re.Match[str]) -> str:
        words = lexicon.ordinal(int(match[1]))
        if lexicon.language == "de" and re.search(r"\b(?:im|am|vom|zum|der|dem|den) $", match.string[: match.start()]):
            words += "n"
        return words

    return lambda text: written.sub(say, text)


# Two letters that are a word rather than the end of a postcode, where they stand apart from the digits.
_NO_POSTCODE = frozenset(words("AF AL DE DO EN ER HE IK IN IS JE ME NU OM OP TE UW WE ZE SA SD SS"))


def _postcodes(lexicon: Lexicon) -> Rule:
    """Say "1381 AB" as "dertien eenentachtig, A B". Only in Dutch and Frisian text."""
    if lexicon.language not in ("nl", "fy"):
        return lambda text: text
    written = re.compile(r"(?<![\w.,-])([1-9]\d)(\d\d)( ?)([A-Z])([A-Z])(?!\w)")

    def say(match: re.Match[str]) -> str:
        if match[3] and match[4] + match[5] in _NO_POSTCODE:
            return match.group()
        second = lexicon.cardinal(int(match[2])) if match[2][0] != "0" else say_digits(match[2], lexicon)
        return f" {lexicon.cardinal(int(match[1]))} {second}, {match[4]} {match[5]}, "

    return lambda text: written.sub(say, text)


def _digits(lexicon: Lexicon) -> Rule:
    """112, and numbers after "bel" or "code", are read digit by digit; a house number 112 is not."""
    nouns = "|".join([lexicon.counted, *(re.escape(name) for unit in lexicon.units for name in (unit.one, unit.many))])
    emergency = re.compile(rf"{_EMERGENCY}(?! (?:{nouns})\b)")
    cued = re.compile(
        rf"\b(?P<cue>{lexicon.digits_cue})(?P<gap>:? ?(?:met |nu |direct |the )?)(?P<n>\d{{2,8}})(?![\w.,]\d|\w)"
    )

    def say(match: re.Match[str]) -> str:
        if _STREET_BEFORE.search(match.string[: match.start()]):
            return match.group()
        return f" {say_digits(match.group(), lexicon)} "

    def rule(text: str) -> str:
        # "toets 10" is a key of its own; only what is dialled or keyed in one by one has three digits or more.
        text = cued.sub(
            lambda m: f"{m['cue']}{m['gap']}{say_digits(m['n'], lexicon)}" if len(m["n"]) > 2 else m.group(), text
        )
        return emergency.sub(say, text)

    return rule


def _numbers(lexicon: Lexicon) -> Rule:
    number = number_pattern(lexicon)
    ranged = re.compile(rf"(?<![\w.,/-])({number}) ?- ?({number})(?![\w/-])")
    fraction = re.compile(rf"(?<![\w.,/])(?:{'|'.join(lexicon.fractions)})(?![\w/])")
    either = re.compile(rf"(?<![\w.,/])({number}) ?/ ?({number})(?![\w/])")
    version = re.compile(r"(?<![\d.])(?!\d{1,3}(?:\.\d{3})+(?![.\d]))\d+(?:\.\d+){2,}")
    plain = re.compile(number)

    def say_range(match: re.Match[str]) -> str:
        return f"{say_number(match[1], lexicon)} {lexicon.to} {say_number(match[2], lexicon)}"

    def say_either(match: re.Match[str]) -> str:
        return f"{say_number(match[1], lexicon)} {lexicon.signs['/']} {say_number(match[2], lexicon)}"

    def say(match: re.Match[str]) -> str:
        before, after = match.string[: match.start()][-1:], match.string[match.end() :][:1]
        words = say_number(match.group(), lexicon)
        return (" " if before.isalpha() else "") + words + (" " if after.isalpha() else "")

    def rule(text: str) -> str:
        text = re.sub(r"([<>])(?= ?\d)", lambda match: f" {lexicon.signs[match[1]]} ", text)
        text = fraction.sub(lambda match: lexicon.fractions[match.group()], text)
        text = version.sub(lambda match: match.group().replace(".", f" {lexicon.dot} "), text)
        text = either.sub(say_either, ranged.sub(say_range, text))
        # "1-2-3": a pause instead of the hyphen.
        return plain.sub(say, re.sub(r"(?<=\d)-(?=\d)", ", ", text))

    return rule


# ---------------------------------------------------------------- signs and sentences


def _signs(lexicon: Lexicon) -> Rule:
    words = {sign: f" {word} " for sign, word in lexicon.signs.items() if sign not in "<>"}
    words["€"] = f" {lexicon.euro[1]} "
    words["@"] = f" {lexicon.at} "
    pauses = dict.fromkeys("()[]{}|", ", ") | {" - ": ", "}
    silent = dict.fromkeys('"#*_\\^~<>', " ")
    table = {**words, **pauses, **silent}
    pattern = re.compile("|".join(re.escape(sign) for sign in sorted(table, key=len, reverse=True)))

    def say(match: re.Match[str]) -> str:
        return table[match.group()]

    def rule(text: str) -> str:
        text = re.sub(r"([&+=@*#_~±°<>|^/\\-])\1+", r"\1", text)  # a row of them is decoration
        return pattern.sub(say, text)

    return rule


def _full_stops(text: str) -> str:
    """A full stop that ends no sentence goes: after an initial, and where a small letter follows."""
    text = re.sub(r"(?<![^\W\d_])([A-Z])\.(?=[ A-Z])", r"\1 ", text)
    text = re.sub(r"(?<=[a-zà-ÿ])\.(?=[A-Z])", ". ", text)
    text = re.sub(r"(?<=\w)\.(?=\w)", " ", text)
    return re.sub(r"\.(?=\s+[a-zà-ÿ])", " ", text)


# ---------------------------------------------------------------- links

_TOP = "nl|com|org|net|eu|be|fr|info|frl|amsterdam|gov|app|uk|at|ch|lu"
_LINK = re.compile(
    rf"(?P<mail>[\w.+-]{{1,64}}@[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,6}})"
    rf"|(?<![\w@])(?:(?:https?://|www\.)(?P<host>[\w.-]{{1,253}})|(?P<bare>(?:[\w-]{{1,63}}\.){{1,5}}(?:{_TOP})\b(?![\w@])))"
    rf"(?P<path>(?::\d+)?(?:/[^\s<>\"]*)?)"
)


def say_links(text: str, lexicon: Lexicon, shortened: list[str]) -> str:
    """Addresses on the web as a person says them: "burgernet punt n l"; where there was more, it is put on the list."""

    def say(match: re.Match[str]) -> str:
        if match["mail"]:
            user, _, host = match["mail"].rstrip(".").partition("@")
            return f" {_dots(user, lexicon)} {lexicon.at} {_host(host, lexicon)} "
        host = match["host"] or match["bare"]
        path = match["path"] or ""
        end = "." if (path or host).endswith((".", ",", "!", "?")) else ""
        if path.strip("/.,!?;:)"):
            shortened.append(match.group())
        return f" {_host(host.strip('.-'), lexicon)}{end} "

    return _LINK.sub(say, text)


def _host(host: str, lexicon: Lexicon) -> str:
    host = re.sub(r"^www\.", "", host)
    head, _, top = host.rpartition(".")
    top = " ".join(top) if len(top) == 2 and head else top  # "n l" is read as two letters
    return f"{_dots(head, lexicon)} {lexicon.dot} {top}" if head else top


def _dots(name: str, lexicon: Lexicon) -> str:
    return re.sub(r"[-_+]", " ", name).replace(".", f" {lexicon.dot} ")
