"""Numbers, times and dates in words, in five languages."""

from __future__ import annotations

import pytest

from audio.normalise import clock, numbers
from audio.normalise.speech import LEXICONS

CARDINALS = [
    ("nl", 0, "nul"),
    ("nl", 1, "één"),
    ("nl", 21, "eenentwintig"),
    ("nl", 22, "tweeëntwintig"),
    ("nl", 33, "drieëndertig"),
    ("nl", 80, "tachtig"),
    ("nl", 100, "honderd"),
    ("nl", 112, "honderd twaalf"),
    ("nl", 250, "tweehonderd vijftig"),
    ("nl", 1000, "duizend"),
    ("nl", 1001, "duizend één"),
    ("nl", 1250, "twaalfhonderd vijftig"),
    ("nl", 1985, "negentienhonderd vijfentachtig"),
    ("nl", 2016, "tweeduizend zestien"),
    ("nl", 10_000, "tienduizend"),
    ("nl", 10_100, "tienduizend honderd"),
    ("nl", 1_600_000, "één miljoen zeshonderdduizend"),
    ("de", 1, "eins"),
    ("de", 16, "sechzehn"),
    ("de", 21, "einundzwanzig"),
    ("de", 101, "hunderteins"),
    ("de", 1250, "tausend zweihundertfünfzig"),
    ("de", 21_000, "einundzwanzigtausend"),
    ("de", 101_000, "hunderteintausend"),
    ("de", 1_000_000, "eine Million"),
    ("en", 21, "twenty-one"),
    ("en", 101, "one hundred and one"),
    ("en", 1005, "one thousand and five"),
    ("en", 1250, "one thousand two hundred and fifty"),
    ("fr", 21, "vingt et un"),
    ("fr", 71, "soixante et onze"),
    ("fr", 80, "quatre-vingts"),
    ("fr", 81, "quatre-vingt-un"),
    ("fr", 91, "quatre-vingt-onze"),
    ("fr", 99, "quatre-vingt-dix-neuf"),
    ("fr", 200, "deux cents"),
    ("fr", 201, "deux cent un"),
    ("fr", 1000, "mille"),
    ("fr", 80_000, "quatre-vingt mille"),
    ("fr", 2_000_000, "deux millions"),
    ("fy", 7, "sân"),
    ("fy", 21, "ienentweintich"),
    ("fy", 250, "twahûndert fyftich"),
    ("fy", 2016, "twatûzen sechstjin"),
]


@pytest.mark.parametrize(("language", "number", "words"), CARDINALS)
def test_a_cardinal_is_said_as_people_say_it(language: str, number: int, words: str) -> None:
    assert LEXICONS[language].cardinal(number) == words


ORDINALS = [
    ("nl", 1, "eerste"),
    ("nl", 2, "tweede"),
    ("nl", 3, "derde"),
    ("nl", 8, "achtste"),
    ("nl", 12, "twaalfde"),
    ("nl", 20, "twintigste"),
    ("nl", 21, "eenentwintigste"),
    ("nl", 100, "honderdste"),
    ("nl", 101, "honderd eerste"),
    ("nl", 108, "honderd achtste"),
    ("de", 1, "erste"),
    ("de", 3, "dritte"),
    ("de", 7, "siebte"),
    ("de", 20, "zwanzigste"),
    ("de", 103, "hundertdritte"),
    ("en", 1, "first"),
    ("en", 12, "twelfth"),
    ("en", 20, "twentieth"),
    ("en", 22, "twenty-second"),
    ("en", 103, "one hundred and third"),
    ("fr", 1, "premier"),
    ("fr", 3, "troisième"),
    ("fr", 4, "quatrième"),
    ("fr", 5, "cinquième"),
    ("fr", 9, "neuvième"),
    ("fr", 21, "vingt et unième"),
    ("fr", 80, "quatre-vingtième"),
    ("fr", 200, "deux centième"),
    ("fy", 1, "earste"),
    ("fy", 3, "tredde"),
    ("fy", 5, "fyfde"),
    ("fy", 21, "ienentweintichste"),
]


@pytest.mark.parametrize(("language", "number", "words"), ORDINALS)
def test_an_ordinal_is_said_as_people_say_it(language: str, number: int, words: str) -> None:
    assert LEXICONS[language].ordinal(number) == words


TIMES = [
    ("nl", 12, 0, "twaalf uur"),
    ("nl", 12, 45, "kwart voor één"),
    ("nl", 13, 45, "kwart voor twee"),
    ("nl", 12, 5, "vijf over twaalf"),
    ("nl", 13, 20, "tien voor half twee"),
    ("nl", 13, 25, "vijf voor half twee"),
    ("nl", 23, 30, "half twaalf"),
    ("nl", 13, 35, "vijf over half twee"),
    ("nl", 14, 58, "twee uur achtenvijftig"),
    ("nl", 2, 30, "half drie 's nachts"),
    ("nl", 0, 0, "twaalf uur 's nachts"),
    ("nl", 24, 0, "twaalf uur 's nachts"),
    ("nl", 6, 0, "zes uur"),
    ("de", 13, 45, "dreizehn Uhr fünfundvierzig"),
    ("de", 1, 0, "ein Uhr"),
    ("en", 12, 45, "a quarter to one"),
    ("en", 14, 58, "two fifty-eight"),
    ("en", 13, 5, "five past one"),
    ("en", 13, 7, "one oh seven"),
    ("en", 12, 0, "noon"),
    ("en", 0, 0, "midnight"),
    ("fr", 13, 45, "treize heures quarante-cinq"),
    ("fr", 1, 1, "une heure une"),
    ("fr", 21, 0, "vingt et une heures"),
    ("fr", 0, 0, "minuit"),
    ("fy", 12, 45, "kertier foar ienen"),
    ("fy", 13, 30, "healwei twaën"),
    ("fy", 13, 0, "ien oere"),
]


@pytest.mark.parametrize(("language", "hour", "minute", "words"), TIMES)
def test_a_time_is_said_as_people_say_it(language: str, hour: int, minute: int, words: str) -> None:
    assert LEXICONS[language].time(hour, minute) == words


@pytest.mark.parametrize("language", list(LEXICONS))
def test_every_number_and_time_has_words_of_its_own_without_a_digit(language: str) -> None:
    lexicon = LEXICONS[language]
    cardinals = [lexicon.cardinal(number) for number in (*range(2200), 10_000, 999_999, numbers.LARGEST)]
    assert len(set(cardinals)) == len(cardinals)
    ordinals = [lexicon.ordinal(number) for number in range(1, 300)]
    assert len(set(ordinals)) == len(ordinals)
    times = [lexicon.time(hour, minute) for hour in range(24) for minute in range(60)]
    said = "".join([*cardinals, *ordinals, *times])
    assert not any(char.isdigit() or char == "_" for char in said)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("nl", "dertien juni tweeduizend zestien"),
        ("de", "dreizehnten Juni zweitausend sechzehn"),
        ("en", "the thirteenth of June twenty sixteen"),
        ("fr", "treize juin deux mille seize"),
        ("fy", "trettjin juny twatûzen sechstjin"),
    ],
)
def test_a_date_is_said_as_people_say_it(language: str, words: str) -> None:
    lexicon = LEXICONS[language]
    assert lexicon.date(13, lexicon.months[5][1], 2016) == words


@pytest.mark.parametrize(("year", "words"), [(1985, "nineteen eighty-five"), (2005, "two thousand and five")])
def test_an_english_year_is_said_in_pairs(year: int, words: str) -> None:
    assert clock.year_en(year) == words
