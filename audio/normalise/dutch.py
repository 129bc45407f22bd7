"""Dutch: the words, abbreviations and street names of control rooms."""

from __future__ import annotations

import re

from audio.normalise import clock, numbers
from audio.normalise.lexicon import Lexicon, Substitution, Unit, words

_PERSON = r"jongen|jongetje|meisje|peuter|kleuter|kind|baby|tiener|puber|man|heer|vrouw|dame|dader|verdachte|persoon"

ABBREVIATIONS = {
    r"a\.?u\.?b\.?": "alstublieft",
    r"a\.s\.": "aanstaande",
    r"b\.g\.g\.": "bij geen gehoor",
    r"(?-i:b\.v\.|bv\.)|bijv\.?|bijvb\.": "bijvoorbeeld",
    r"b\.d\.": "buiten dienst",
    r"ca\.?|circa": "ongeveer",
    r"c\.q\.": "of",
    r"d\.d\.": "van",
    r"d\.m\.v\.": "door middel van",
    r"d\.w\.z\.": "dat wil zeggen",
    r"dhr\.?": "de heer",
    r"e\.a\.": "en anderen",
    r"e\.d\.": "en dergelijke",
    r"e\.o\.": "en omgeving",
    r"enz\.?": "enzovoort",
    r"etc\.?": "enzovoort",
    r"evt\.?": "eventueel",
    r"excl\.": "exclusief",
    r"gekl\.?": "gekleed",
    r"gem\.": "gemeente",
    r"i\.c\.m\.": "samen met",
    r"i\.p\.v\.|ipv": "in plaats van",
    r"i\.v\.m\.|ivm": "in verband met",
    r"incl\.": "inclusief",
    r"jl\.": "laatstleden",
    r"kent\.": "kenteken",
    r"lg\.?": "lang",
    r"lft\.?|leeft\.": "leeftijd",
    r"m\.b\.t\.|mbt": "over",
    r"m\.b\.v\.|mbv": "met behulp van",
    r"m\.i\.v\.|miv": "vanaf",
    r"m\.n\.": "vooral",
    r"m\.u\.v\.|muv": "behalve",
    r"m/v": "man of vrouw",
    r"max\.": "maximaal",
    r"mr\.": "meester",
    r"drs?\.": "dokter",
    r"prof\.": "professor",
    r"ir\.|ing\.": "ingenieur",
    r"ds\.": "dominee",
    r"mevr\.?|mw\.": "mevrouw",
    r"(?<!\d )min\.": "minimaal",
    r"mnl\.?": "man",
    r"vrl\.?": "vrouw",
    r"n\.a\.v\.|nav": "naar aanleiding van",
    r"n\.v\.t\.|nvt": "niet van toepassing",
    r"nr\.?|no\.(?= ?\d)": "nummer",
    r"nrs\.?": "nummers",
    r"huisnr\.?": "huisnummer",
    r"o\.a\.|oa": "onder andere",
    r"o\.i\.d\.": "of iets dergelijks",
    r"o\.l\.v\.": "onder leiding van",
    r"omg\.": "omgeving",
    r"ong\.": "ongeveer",
    r"p\.p\.": "per persoon",
    r"pers\.": "personen",
    r"plm\.?": "ongeveer",
    r"resp\.": "respectievelijk",
    r"ri\.|richt\.": "richting",
    r"sign\.": "signalement",
    r"s\.v\.p\.|svp": "alstublieft",
    r"t\.a\.v\.": "over",
    r"t\.b\.v\.": "voor",
    r"t\.g\.v\.|tgv": "door",
    r"t\.h\.v\.|thv": "ter hoogte van",
    r"t\.o\.v\.": "ten opzichte van",
    r"t/m": "tot en met",
    r"tel\.? ?nr\.?": "telefoonnummer",
    r"tel\.|tel(?=:? ?[\d+])": "telefoon",
    r"vtg\.?|voert\.": "voertuig",
    r"v\.a\.|va\.": "vanaf",
    r"verd\.": "verdachte",
    r"vgl\.": "vergelijk",
    r"vlgs\.?": "volgens",
    r"vm\.": "voormiddag",
    r"nm\.": "namiddag",
    r"w\.o\.": "waaronder",
    r"z\.g\.n\.|zgn\.": "zogenaamde",
    r"z\.o\.z\.": "zie de andere kant",
    r"zw\.?": "zwart",
    r"z\.s\.m\.|zsm": "zo snel mogelijk",
}
"""Of police messages, SMS and Dutch in general; "m.b.t." and such get the plain word, not the official one."""

_PRINCESSES = "Beatrix|Irene|Margriet|Marijke|Christina|Juliana|Wilhelmina|Amalia|Alexia|Ariane|Marianne|Maxima|Máxima"

# Before a capital: titles in street names. A name after it is what tells them from other words.
_TITLES = {
    r"Adm\.": "Admiraal",
    r"Bar\.": "Baron",
    r"Burg\.|Bgm\.": "Burgemeester",
    r"Dr\.": "Dokter",
    r"Ds\.": "Dominee",
    r"Gebr\.": "Gebroeders",
    r"Gen\.": "Generaal",
    r"Ir\.|Ing\.": "Ingenieur",
    r"Jhr\.": "Jonkheer",
    r"Joh\.": "Johan",
    r"Kard\.": "Kardinaal",
    r"Lt\.|Luit\.": "Luitenant",
    r"Mgr\.": "Monseigneur",
    r"Min\.": "Minister",
    r"Mr\.": "Meester",
    r"Nwe\.?": "Nieuwe",
    r"Past\.": "Pastoor",
    r"Pres\.": "President",
    r"Prof\.": "Professor",
    r"St\.|Sint\.": "Sint",
    r"Wethr?\.": "Wethouder",
}

# Only before a street: "N. Jansen" is a person.
_STREET_TITLES = {
    r"Alb\.": "Albert",
    r"Gr\.": "Grote",
    r"Kl\.": "Kleine",
    r"N\.": "Nieuwe",
    r"O\.": "Oude",
    r"Ver\.": "Verlengde",
}
_STREET_AHEAD = (
    r"(?=[A-Z])(?i:[A-Za-zÀ-ÿ' -]{0,30}?"
    r"(?:straat|str\b|weg|laan|plein|gracht|kade|dijk|singel|park|haven|markt|wal|brug))"
)

_STREET_ENDS = {
    "str": "straat",
    "strt": "straat",
    "ln": "laan",
    "pln": "plein",
    "wg": "weg",
    "dk": "dijk",
    "gr": "gracht",
    "kd": "kade",
    "sngl": "singel",
    "prk": "park",
    "hfd": "hoofd",
}

ACRONYMS = frozenset(
    words("AED AH AIVD ANWB AOW APK CIA DNA EHBO EU FBI GPS IC ID KPN OV RIVM SUV TV UMC UPS USB UWV VU")
)
"""Have a vowel and are spelled all the same; what has none is spelled anyway."""


def _streets() -> list[Substitution]:
    substitutions: list[Substitution] = [
        (re.compile(rf"\bPr\.? ?(?={_PRINCESSES})"), "Prinses "),
        (re.compile(r"\bPr\.? ?(?=[A-Z])"), "Prins "),
        (re.compile(rf"\bKon\.? ?(?={_PRINCESSES}|Emma|Sophie)"), "Koningin "),
        (re.compile(r"\bKon\.? ?(?=[A-Z])"), "Koning "),
        (re.compile(r"\bv\.? ?d\. ?(?=[A-Z])"), "van der "),
        (re.compile(r"\bv\. ?(?=[A-Z])"), "van "),
    ]
    for written, said in _TITLES.items():
        substitutions.append((re.compile(rf"\b(?:{written}) ?(?=[A-Z]|v\.|van )"), f"{said} "))
    for written, said in _STREET_TITLES.items():
        substitutions.append((re.compile(rf"\b(?:{written}) ?(?={_STREET_AHEAD})"), f"{said} "))
    for written, said in sorted(_STREET_ENDS.items(), key=lambda item: -len(item[0])):  # "pln" before "ln"
        # "Dorpsstr. 5" and "Dorpsstr": no Dutch word ends so. The full stop stays where a sentence may follow.
        start = r"(?<![aeou]{2})" if written == "pln" else ""  # "Kerkpln" is a plein, "Hoopln" a laan
        end = rf"{start}{written}(?:\.(?= ?(?:[a-z0-9,;:)]|$))|(?=[^\w']|$))"
        substitutions.append((re.compile(rf"\b([A-Za-zÀ-ÿ][A-Za-zÀ-ÿ'-]{{2,39}}?){end}"), rf"\1{said}"))
    substitutions.append((re.compile(r"\b[Ss]tr\.(?= |$)"), "straat"))
    return substitutions


SPECIAL: list[Substitution] = [
    (re.compile(rf"\b({_PERSON}) ?\((\d{{1,3}})\)", re.IGNORECASE), r"\1 van \2 jaar"),
    (re.compile(r"\+/-|±|(?<!\w)~(?= ?\d)"), " ongeveer "),
    (re.compile(r"\b1 +1/2\b"), "anderhalf"),
    (re.compile(r"\b(\d{1,4}) +1/2\b"), r"\1 en een half"),
    (re.compile(r"\b24/7\b"), "dag en nacht"),
    (re.compile(r"\b([Tt]ussen \d{1,2}(?:[.:]\d\d)?(?: uur)?) ?- ?(?=\d)"), r"\1 en "),
    (re.compile(r"\bP ?\+ ?R\b"), "P en R"),
    (re.compile(r"\b(?<=[a-z] )CS\b"), "centraal station"),
    (re.compile(r"(?<=\d)x(?=\d)"), " bij "),
    (re.compile(r"(?<=\d) ?x\b"), " keer"),
    *_streets(),
]

MONTHS = [
    (r"jan(?:uari|\.)?", "januari"),
    (r"feb(?:ruari|\.)?", "februari"),
    (r"maart|mrt\.?", "maart"),
    (r"apr(?:il|\.)?", "april"),
    (r"mei", "mei"),
    (r"juni|jun\.?", "juni"),
    (r"juli|jul\.?", "juli"),
    (r"aug(?:ustus|\.)?", "augustus"),
    (r"sept?(?:ember|\.)?", "september"),
    (r"okt(?:ober|\.)?", "oktober"),
    (r"nov(?:ember|\.)?", "november"),
    (r"dec(?:ember|\.)?", "december"),
]

UNITS = [
    Unit(r"km ?[/p]\.? ?[uh]|kmu|kmh|km per uur", "kilometer per uur", "kilometer per uur"),
    Unit(r"m/s", "meter per seconde", "meter per seconde"),
    Unit(r"km", "kilometer", "kilometer"),
    Unit(r"m2|m\^2", "vierkante meter", "vierkante meter"),
    Unit(r"m3|m\^3", "kubieke meter", "kubieke meter"),
    Unit(r"cm", "centimeter", "centimeter"),
    Unit(r"mm", "millimeter", "millimeter"),
    Unit(r"mtr|m", "meter", "meter"),
    Unit(r"kg", "kilo", "kilo"),
    Unit(r"gr|g", "gram", "gram"),
    Unit(r"ltr|l", "liter", "liter"),
    Unit(r"min", "minuut", "minuten"),
    Unit(r"sec", "seconde", "seconden"),
    Unit(r"jrs?|jr", "jaar", "jaar"),
    Unit(r"mndn?", "maand", "maanden"),
    Unit(r"wkn?", "week", "weken"),
    Unit(r"dgn?", "dag", "dagen"),
    Unit(r"u", "uur", "uur"),
    Unit(r"pers", "persoon", "personen"),
    Unit(r"° ?C|°", "graad", "graden"),
    Unit(r"%", "procent", "procent"),
    Unit(r"pk", "pk", "pk"),
]

DUTCH = Lexicon(
    language="nl",
    cardinal=numbers.cardinal_nl,
    ordinal=numbers.ordinal_nl,
    ordinal_written=r"e|ste|de",
    time=clock.time_nl,
    date=clock.date_nl,
    clock_after=r"uur|u\.?|h\.?|hr",
    clock_before=r"om|rond|omstreeks|vanaf|tot|tussen|sinds|tegen|klokke",
    months=MONTHS,
    decimal=",",
    thousands=r"\.",
    fraction_as_number=True,
    point="komma",
    minus="min",
    to="tot",
    euro=("euro", "euro", "cent"),
    metre=("meter", "meter"),
    units=UNITS,
    alphabet=words(
        "Anton Bernard Cornelis Dirk Eduard Ferdinand Gerard Hendrik Izaak Johan Karel Lodewijk Maria Nico Otto Pieter "
        "Quotiënt Richard Simon Theodoor Utrecht Victor Willem Xantippe Ypsilon Zaandam"
    ),
    plate_cue=r"[Kk]enteken(?:nummer|plaat)?|KENTEKEN|[Kk]ent",
    digits_cue=r"bel|belt|bellen|nummer|code|actiecode|toets|telefoon|telefoonnummer",
    signs={
        "&": "en",
        "+": "plus",
        "%": "procent",
        "=": "is",
        "/": "of",
        "°": "graden",
        "±": "ongeveer",
        ">": "meer dan",
        "<": "minder dan",
        "£": "pond",
        "$": "dollar",
    },
    fractions={"1/2": "een half", "1/4": "een kwart", "3/4": "driekwart"},
    counted=r"mensen|deelnemers|bewoners|woningen|huizen|adressen|uur|jaar|maanden|weken|dagen|keer|stuks|auto's",
    dot="punt",
    at="apenstaartje",
    abbreviations=ABBREVIATIONS,
    sentence_final=frozenset({"enzovoort", "en omgeving", "en anderen", "en dergelijke", "alstublieft", "laatstleden"}),
    special=SPECIAL,
    acronyms=ACRONYMS,
)
