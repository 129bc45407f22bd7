"""Hints on wording: what a control room writes under pressure, and what a citizen can read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.action import LANGUAGES
from gateway.domain.wording import hints


def found(text: str, language: str = "nl") -> list[tuple[str, str]]:
    return [(hint.found, hint.instead) for hint in hints(text, language)]


@pytest.mark.parametrize(
    "text",
    [
        # The three actions of 2016, as they should be written.
        "Burgernet Weesp: wie ziet een jongen van 5 jaar? Hij is vermist bij het Stationsplein en liep naar het"
        " centrum. Gezien? Bel gratis 0800-0011.",
        "Burgernet Amsterdam-Oost: gezocht worden een man en een vrouw, te voet gevlucht na een aanrijding bij de"
        " Platanenweg. Ziet u hen? Benader hen niet, bel 112.",
        "Burgernet Gemert-Bakel: insluiping in een woning. Gezocht wordt een auto met Duits kenteken KLE-AB 123."
        " Gezien? Bel 0800-0011.",
        "De actie is om 12.45 uur beëindigd: beide verdachten zijn aangehouden. Dank u wel voor het uitkijken!",
        "De auto (NS-fiets, A12, N201, 12-TPV-3) van de ANWB staat bij de HEMA. Zie www.burgernet.nl of politie.nl.",
        "Ed Nijpels zag om 12.30 u. twee mannen van ca. 1.80 m op wo. 4 mei",
        "",
    ],
)
def test_a_plain_message_gets_no_hint(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "VERMIST tpv Stationsplein Weesp: jongen 5jr, blond, rode jas. Gezien ri. centrum",
            [("VERMIST", "Vermist"), ("tpv", "bij"), ("jr", "jaar"), ("ri.", "richting")],
        ),
        (
            "Gezocht 2 verd. (m/v) i.v.m. aanrijding, weggerend thv Platanenln. Sign: man gekl. in zw. broek",
            [
                ("verd.", "verdachte"),
                ("m/v", "man of vrouw"),
                ("i.v.m.", "vanwege"),
                ("thv", "bij"),
                ("Platanenln", "Platanenlaan"),
                ("Sign", "signalement"),
                ("gekl.", "gekleed"),
                ("zw.", "zwart"),
            ],
        ),
        (
            "Inbraak. Gezocht vtg met Duits ktk. LET OP: NIET BENADEREN! Zie vtg?",
            [("vtg", "voertuig"), ("ktk", "kenteken"), ("LET OP: NIET BENADEREN", "Let op: niet benaderen")],
        ),
        ("bmnl in Stationsstr. 12", [("bmnl", ""), ("Stationsstr.", "Stationsstraat")]),
    ],
)
def test_messages_from_the_radio_get_readable_words(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("ivm brand", ("ivm", "vanwege")),
        ("IVM brand", ("IVM", "vanwege")),
        ("i.v.m brand", ("i.v.m", "vanwege")),
        ("wie zag het vtg.", ("vtg", "voertuig")),
        ("wie zag het vtg. Bel ons", ("vtg", "voertuig")),
        ("het vtg. met schade", ("vtg.", "voertuig")),
        ("onder andere o.a.", ("o.a.", "onder andere")),
        ("bel tel. 0800-0011", ("tel.", "telefoon")),
    ],
)
def test_stops_and_case_do_not_hide_an_abbreviation(written: str, expected: tuple[str, str]) -> None:
    assert found(written) == [expected]


@pytest.mark.parametrize("word", ["tpvx", "xtpv", "tpv-12", "12-tpv", "get", "onb", "vinden", "ordner"])
def test_a_part_of_another_word_is_no_abbreviation(word: str) -> None:
    assert found(f"een {word} hier") == []


def test_hints_stand_in_the_order_of_the_text_and_once_each() -> None:
    assert [word for word, _ in found("vtg en tpv en VTG en SPOED GEVRAAGD en vtg")] == ["vtg", "tpv", "SPOED GEVRAAGD"]


def test_what_only_the_writer_knows_is_left_to_the_writer() -> None:
    (hint,) = hints("man met gr. jas", "nl")
    assert (hint.found, hint.instead) == ("gr.", "")
    assert "several things" in hint.why


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("VERMIST: jongen", [("VERMIST", "Vermist")]),
        ("Hij is in WEESP gezien", [("WEESP", "")]),  # a name keeps its capital, a word does not
        ("Pas op. GEVAAR!", [("GEVAAR", "Gevaar")]),
        (
            "VERMIST JONGEN VAN 5 JAAR IN WEESP",
            [("VERMIST JONGEN VAN 5 JAAR IN WEESP", "Vermist jongen van 5 jaar in weesp")],
        ),
        ("BMW X5, VW, NS en KLM", []),
        ("LET OP", [("LET OP", "Let op")]),
    ],
)
def test_capitals_are_hard_to_read(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        (
            "de",
            "Kfz mit niederl. Kennz. gesucht, ggf. bewaffnet",
            [("Kfz", "Fahrzeug"), ("Kennz.", "Kennzeichen"), ("ggf.", "vielleicht")],
        ),
        ("en", "misper, male 5 yrs", [("misper", "missing person"), ("yrs", "years")]),
        ("fr", "véh. suspect, env. 30 ans", [("véh.", "véhicule"), ("env.", "environ")]),
        ("fy", "tpv it stasjon", []),
        ("xx", "tpv", []),
    ],
)
def test_other_languages_have_their_own_words(language: str, text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text, language) == expected


@given(
    st.text(st.sampled_from("aAbBvtgTPiok ./-.:!\n0123é"), max_size=80) | st.text(max_size=80),
    st.sampled_from(LANGUAGES),
)
def test_every_hint_quotes_the_text_and_any_text_is_taken(text: str, language: str) -> None:
    position = 0
    for hint in hints(text, language):
        position = text.index(hint.found, position)
        assert hint.found != hint.instead
        assert hint.why
