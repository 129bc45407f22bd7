from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.numbers import (
    AREA_CODES,
    NumberError,
    NumberKind,
    PhoneNumber,
    _by_library,
    _dutch,
    mask,
    may_be_dialled,
    may_be_texted,
    parse_number,
)

K = NumberKind


@pytest.mark.parametrize(
    ("written", "e164"),
    [
        ("0612345678", "+31612345678"),
        ("06-12345678", "+31612345678"),
        ("06 12 34 56 78", "+31612345678"),
        ("06.1234.5678", "+31612345678"),
        ("(06) 12345678", "+31612345678"),
        ("+31612345678", "+31612345678"),
        ("+31 6 12345678", "+31612345678"),
        ("+31 (0)6 12345678", "+31612345678"),
        ("+31(0)612345678", "+31612345678"),
        ("+31 06 12345678", "+31612345678"),
        ("0031 6 12345678", "+31612345678"),
        ("0031 (0)6 12345678", "+31612345678"),
        ("31612345678", "+31612345678"),
        ("612345678", "+31612345678"),  # a spreadsheet took the zero
        ("06\u00a01234\u202f5678", "+31612345678"),
        ("\u202a+31 6 12345678\u202c", "+31612345678"),  # copied from a contact list
        ("06–12345678", "+31612345678"),
        ("＋３１６１２３４５６７８", "+31612345678"),
        ("０６１２３４５６７８", "+31612345678"),
        ("020-1234567", "+31201234567"),
        ("(0294) 123456", "+31294123456"),
        ("0294/123456", "+31294123456"),
        ("+49 151 12345678", "+4915112345678"),
        ("0049 (0)151 12345678", "+4915112345678"),
        ("+49 2451 2345", "+4924512345"),
        ("+32 470 12 34 56", "+32470123456"),
        ("0032 470 12 34 56", "+32470123456"),
        ("+32 (0)2 234 56 78", "+3222345678"),
        ("+39 06 698 12345", "+390669812345"),  # Italy keeps its zero
    ],
)
def test_a_number_is_read_in_every_form_that_people_write(written: str, e164: str) -> None:
    assert parse_number(written).e164 == e164


@pytest.mark.parametrize(
    ("written", "kind", "texted", "dialled"),
    [
        ("0612345678", K.MOBILE, True, False),
        ("0681234567", K.MOBILE, True, False),
        ("+4915112345678", K.MOBILE, True, False),
        ("+32470123456", K.MOBILE, True, False),
        ("0343529850", K.FIXED, False, True),
        ("0201234567", K.FIXED, False, True),
        ("+4924512345", K.FIXED, False, True),
        ("0851234567", K.VOIP, False, True),
        ("0911234567", K.VOIP, False, True),
        ("0881234567", K.COMPANY, False, False),
        ("0840123456", K.PERSONAL, False, False),
        ("0870123456", K.PERSONAL, False, False),
        ("0660123456", K.PAGER, False, False),
        ("097012345678", K.MACHINE, False, False),
        ("08000011", K.TOLL_FREE, False, False),
        ("0800 0123456", K.TOLL_FREE, False, False),
        ("0900-8844", K.PREMIUM, False, False),
        ("0906 1234", K.PREMIUM, False, False),
        ("0909 1234567", K.PREMIUM, False, False),
        ("+3114020", K.SHORT, False, False),
        ("+870773111632", K.SATELLITE, False, False),
        ("+881612345678", K.SATELLITE, False, False),
        ("+883510012345", K.VOIP, False, False),
        ("+12125551234", K.UNKNOWN, False, False),
        ("+447911123456", K.MOBILE, True, False),
        ("+447012345678", K.PERSONAL, False, False),
        ("+212612345678", K.MOBILE, False, False),  # a far country: not ours to pay
        ("+97317001234", K.FIXED, False, False),
        ("+4970012345678", K.PERSONAL, False, False),
        ("+49180512345", K.SHARED_COST, False, False),
    ],
)
def test_only_mobiles_are_texted_and_only_home_lines_are_dialled(
    written: str, kind: NumberKind, texted: bool, dialled: bool
) -> None:
    number = parse_number(written)
    assert (number.kind, may_be_texted(number), may_be_dialled(number)) == (kind, texted, dialled)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("", "no digits"),
        ("   ", "no digits"),
        ("+", "no digits"),
        ("112", "short number"),
        ("144", "short number"),
        ("1888", "short number"),
        ("14020", "short number"),
        ("116000", "short number"),
        ("+31112", "plan of +31"),
        ("0601234567", "plan of +31"),
        ("0670123456", "plan of +31"),
        ("0820123456", "plan of +31"),
        ("0119123456", "plan of +31"),
        ("061234567", "plan of +31"),
        ("06123456789", "plan of +31"),
        ("+3247012345678", "plan of +32"),
        ("+999123456789", "not a telephone number"),
        ("+0612345678", "not a telephone number"),
        ("0612345678 0687654321", "not a telephone number"),
        ("06123456x8", "characters"),
        ("0612345678#", "characters"),
        ("0612345678;ext=5", "characters"),
        ("0800 BURGER", "characters"),
        ("tel:0612345678", "characters"),
        ("06+12345678", "characters"),
        ("++31612345678", "characters"),
        ("06\r\n12345678", "characters"),
        ("06\x0012345678", "characters"),
        ("²612345678", "characters"),
        ("6,12346E+08", "characters"),
        ("612345678.0", "spreadsheet"),
        ("+4924512345.0", "spreadsheet"),
        ("0" * 41, "too long"),
        ("9" * 10_000, "too long"),
    ],
)
def test_what_is_no_number_is_refused_with_a_reason_that_does_not_quote_it(written: str, says: str) -> None:
    with pytest.raises(NumberError) as refusal:
        parse_number(written)
    assert says in str(refusal.value)
    assert "12345678" not in str(refusal.value)


@given(st.text(max_size=60))
def test_any_text_is_a_number_or_a_number_error(text: str) -> None:
    try:
        number = parse_number(text)
    except NumberError:
        return
    assert number.e164.startswith(f"+{number.country}")
    assert number.e164[1:].isascii()
    assert number.e164[1:].isdigit()
    assert parse_number(number.e164) == number


national = st.one_of(
    st.from_regex(r"[0-9]{9}", fullmatch=True),
    st.from_regex(r"[689][0-9]{8}", fullmatch=True),
    st.from_regex(r"[0-9]{5,12}", fullmatch=True),
    st.sampled_from(AREA_CODES).flatmap(lambda code: st.from_regex(rf"{code}[0-9]{{{9 - len(code)}}}", fullmatch=True)),
)


@given(st.sampled_from(["0", "+31", "0031", "+310", "00310"]), national)
def test_what_is_read_without_the_library_is_what_the_library_reads(prefix: str, rest: str) -> None:
    ours = _dutch(prefix + rest)
    if ours is not None:
        assert ours == _by_library(prefix + rest, "NL")


@given(
    st.sampled_from(["0", "+31", "0031"]), st.from_regex(r"(6[1-58]|[1-57][0-9]|8[4578]|91|66)[0-9]{7}", fullmatch=True)
)
def test_the_library_is_not_asked_about_a_number_that_dutch_people_have(prefix: str, rest: str) -> None:
    try:
        expected = _by_library(prefix + rest, "NL")
    except NumberError:
        expected = None
    assert _dutch(prefix + rest) == expected


def test_the_area_codes_are_those_of_the_library() -> None:
    def geographic(prefix: str) -> bool:
        number = phonenumbers.parse("+31" + prefix.ljust(9, "1"))
        return phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.FIXED_LINE

    assert len(AREA_CODES) == len(set(AREA_CODES)) == 141
    for prefix in map(str, range(100, 1000)):
        assert geographic(prefix) == (prefix in AREA_CODES or prefix[:2] in AREA_CODES), prefix


def test_the_region_says_whose_national_form_it_is() -> None:
    assert parse_number("0151 12345678", "DE").e164 == "+4915112345678"
    assert parse_number("0470 12 34 56", "BE").e164 == "+32470123456"
    assert parse_number("+31612345678", "DE").e164 == "+31612345678"


@pytest.mark.parametrize(
    ("e164", "masked"),
    [
        ("+31612345678", "+31*****678"),
        ("+4915112345678", "+49*****678"),
        ("+352621123456", "+352*****456"),
        ("+12125551234", "+1*****234"),
        ("+3114020", "+31*****"),
        ("0612345678", "*****"),
        ("+31612345678\n", "*****"),
        ("", "*****"),
    ],
)
def test_a_masked_number_shows_its_country_and_three_digits(e164: str, masked: str) -> None:
    assert mask(e164) == masked


def test_a_number_that_slips_into_a_log_is_masked() -> None:
    assert "12345" not in f"{PhoneNumber('+31612345678', 31, K.MOBILE)!r}"
