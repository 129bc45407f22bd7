"""The time as people say it, and dates."""

from __future__ import annotations

from audio.normalise import numbers
from audio.normalise.lexicon import words

_FY_HOURS = words("tolven ienen twaën trijen fjouweren fiven seizen sânen achten njoggenen tsienen alven tolven")


def time_nl(hour: int, minute: int) -> str:
    """12:45 is "kwart voor één", 13:20 "tien voor half twee", 12:43 "twaalf uur drieënveertig".

    On the five minutes as people say it, else as it is written. What may be taken for the other half of the day
    at night gets "'s nachts" (0 to 6), where nobody is about and a mistake is likely.
    """
    night = " 's nachts" if hour % 24 < 6 else ""
    return _time_nl(hour, minute) + night


def _time_nl(hour: int, minute: int) -> str:
    this, following = _twelve(hour), _twelve(hour + 1)
    if minute == 0:
        return f"{numbers.cardinal_nl(this)} uur"
    if minute % 5:
        return f"{numbers.cardinal_nl(this)} uur {numbers.cardinal_nl(minute)}"
    near = numbers.cardinal_nl(following)
    words = {
        5: f"vijf over {numbers.cardinal_nl(this)}",
        10: f"tien over {numbers.cardinal_nl(this)}",
        15: f"kwart over {numbers.cardinal_nl(this)}",
        20: f"tien voor half {near}",
        25: f"vijf voor half {near}",
        30: f"half {near}",
        35: f"vijf over half {near}",
        40: f"tien over half {near}",
        45: f"kwart voor {near}",
        50: f"tien voor {near}",
        55: f"vijf voor {near}",
    }
    return words[minute]


def time_fy(hour: int, minute: int) -> str:
    """12:45 is "kertier foar ienen", 12:30 "healwei ienen", 13:00 "ien oere"."""
    this, following = _FY_HOURS[_twelve(hour)], _FY_HOURS[_twelve(hour + 1)]
    if minute == 0:
        return f"{numbers.cardinal_fy(_twelve(hour))} oere"
    if minute % 5:
        return f"{numbers.cardinal_fy(_twelve(hour))} oere {numbers.cardinal_fy(minute)}"
    words = {
        5: f"fiif oer {this}",
        10: f"tsien oer {this}",
        15: f"kertier oer {this}",
        20: f"tsien foar healwei {following}",
        25: f"fiif foar healwei {following}",
        30: f"healwei {following}",
        35: f"fiif oer healwei {following}",
        40: f"tsien oer healwei {following}",
        45: f"kertier foar {following}",
        50: f"tsien foar {following}",
        55: f"fiif foar {following}",
    }
    return words[minute]


def time_de(hour: int, minute: int) -> str:
    """13:45 is "dreizehn Uhr fünfundvierzig": understood everywhere, unlike "Viertel vor" and "drei viertel"."""
    head = "ein" if hour == 1 else numbers.cardinal_de(hour)
    return f"{head} Uhr" + (f" {numbers.cardinal_de(minute)}" if minute else "")


def time_en(hour: int, minute: int) -> str:
    """12:45 is "a quarter to one", 14:58 "two fifty-eight", 13:05 "five past one"."""
    this, following = numbers.cardinal_en(_twelve(hour)), numbers.cardinal_en(_twelve(hour + 1))
    if minute == 0:
        return {0: "midnight", 12: "noon", 24: "midnight"}.get(hour, f"{this} o'clock")
    if minute in (5, 10, 20, 25):
        return f"{numbers.cardinal_en(minute)} past {this}"
    if minute in (35, 40, 50, 55):
        return f"{numbers.cardinal_en(60 - minute)} to {following}"
    if minute in (15, 30, 45):
        return {15: f"a quarter past {this}", 30: f"half past {this}", 45: f"a quarter to {following}"}[minute]
    return f"{this} " + (f"oh {numbers.cardinal_en(minute)}" if minute < 10 else numbers.cardinal_en(minute))


def time_fr(hour: int, minute: int) -> str:
    """13:45 is "treize heures quarante-cinq"."""
    if hour in (0, 24) and not minute:
        return "minuit"
    head = "une" if hour == 1 else numbers.cardinal_fr(hour).removesuffix("un") + ("une" if hour == 21 else "")
    return f"{head} heure{'' if hour < 2 else 's'}" + (f" {_feminine_fr(minute)}" if minute else "")


def date_nl(day: int, month: str, year: int | None) -> str:
    """13-06-2016 is "dertien juni tweeduizend zestien"."""
    return " ".join(
        filter(None, (numbers.cardinal_nl(day), month, numbers.cardinal_nl(year) if year is not None else ""))
    )


def date_fy(day: int, month: str, year: int | None) -> str:
    """13-06-2016 is "trettjin juny twatûzen sechstjin"."""
    return " ".join(
        filter(None, (numbers.cardinal_fy(day), month, numbers.cardinal_fy(year) if year is not None else ""))
    )


def date_de(day: int, month: str, year: int | None) -> str:
    """Say "dreizehnten Juni zweitausend sechzehn": the form after "am", "vom" and "bis zum", where dates mostly are."""
    return " ".join(filter(None, (numbers.ordinal_de(day) + "n", month, year_de(year) if year is not None else "")))


def date_en(day: int, month: str, year: int | None) -> str:
    """13 June 2016 is "the thirteenth of June twenty sixteen"."""
    return f"the {numbers.ordinal_en(day)} of {month}" + (f" {year_en(year)}" if year is not None else "")


def date_fr(day: int, month: str, year: int | None) -> str:
    """1 mai 2016 is "premier mai deux mille seize"."""
    head = "premier" if day == 1 else numbers.cardinal_fr(day)
    return " ".join(filter(None, (head, month, numbers.cardinal_fr(year) if year is not None else "")))


def year_de(year: int) -> str:
    """1985 is "neunzehnhundertfünfundachtzig"."""
    if 1100 <= year < 2000:
        rest = year % 100
        return numbers.cardinal_de(year // 100) + "hundert" + (numbers.cardinal_de(rest) if rest else "")
    return numbers.cardinal_de(year)


def year_en(year: int) -> str:
    """1985 is "nineteen eighty-five", 2016 "twenty sixteen", 2005 "two thousand and five"."""
    century, rest = divmod(year, 100)
    if 10 < century < 100 and rest >= 10:
        return f"{numbers.cardinal_en(century)} {numbers.cardinal_en(rest)}"
    return numbers.cardinal_en(year)


def _twelve(hour: int) -> int:
    return (hour - 1) % 12 + 1


def _feminine_fr(n: int) -> str:
    words = numbers.cardinal_fr(n)
    return words + "e" if words.endswith("un") else words
