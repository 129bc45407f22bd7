"""What is written becomes what is said."""

from __future__ import annotations

import re
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.errors import TextError
from audio.normalise.characters import NoteKind
from audio.normalise.speech import LANGUAGES, to_speech

DUTCH = [
    # times
    ("om 13.45 uur", "om kwart voor twee"),
    ("12:45", "kwart voor één"),
    ("om 13.45", "om kwart voor twee"),
    ("12u30", "half één"),
    ("13.45-14.00 uur", "kwart voor twee tot twee uur"),
    ("tussen 13.45 en 14.00 uur", "tussen kwart voor twee en twee uur"),
    ("Tussen 10:00-11:00", "Tussen tien uur en elf uur"),
    ("binnen 24 uur", "binnen vierentwintig uur"),
    ("weg om 13.45 uur. Hij rent", "weg om kwart voor twee. Hij rent"),
    ("om 12.45 uur.", "om kwart voor één."),
    # dates
    ("13-06-2016", "dertien juni tweeduizend zestien"),
    ("2016-06-13", "dertien juni tweeduizend zestien"),
    ("13/6/16", "dertien juni tweeduizend zestien"),
    ("op 4 mei 2016", "op vier mei tweeduizend zestien"),
    ("t/m 5 mei", "tot en met vijf mei"),
    # telephone numbers, in the groups in which they are written
    ("0343-529850", "nul drie vier drie, vijf twee, negen acht, vijf nul"),
    ("0343 - 52 98 50", "nul drie vier drie, vijf twee, negen acht, vijf nul"),
    ("06-12345678", "nul zes, één twee, drie vier, vijf zes, zeven acht"),
    ("06 12 34 56 78", "nul zes, één twee, drie vier, vijf zes, zeven acht"),
    ("0612345678", "nul zes, één twee, drie vier, vijf zes, zeven acht"),
    ("(020) 5551234", "nul twee nul, vijf vijf vijf, één twee, drie vier"),
    ("+31 6 12345678", "plus drie één, zes, één twee, drie vier, vijf zes, zeven acht"),
    ("+31 (0)20 555 1234", "plus drie één, twee nul, vijf vijf vijf, één twee drie vier"),
    ("0800-0011", "nul acht nul nul, nul nul één één"),
    ("0900-8844", "nul negen nul nul, acht acht vier vier"),
    ("14 020", "één vier, nul twee nul"),
    ("116000", "één één zes, nul nul nul"),
    ("tel. 0900-8844", "telefoon nul negen nul nul, acht acht vier vier"),
    ("code 123", "code één twee drie"),
    # 112 is dialled, unless it counts something
    ("Bel 112!", "Bel één één twee!"),
    ("112 bellen", "één één twee bellen"),
    ("112 meter", "honderd twaalf meter"),
    ("112 mensen", "honderd twaalf mensen"),
    ("€ 112", "honderd twaalf euro"),
    ("Dorpsstraat 112", "Dorpsstraat honderd twaalf"),
    # number plates
    ("GK-AB 123", "Gerard Karel, Anton Bernard, één twee drie"),
    ("GK-AB123", "Gerard Karel, Anton Bernard, één twee drie"),
    ("kenteken: GK AB 123", "kenteken: Gerard Karel, Anton Bernard, één twee drie"),
    ("XX-99-XX", "Xantippe Xantippe, negen negen, Xantippe Xantippe"),
    ("12-34-AB", "één twee, drie vier, Anton Bernard"),
    ("12-abc-3", "één twee, Anton Bernard Cornelis, drie"),
    ("kenteken 12ABCD", "kenteken één twee, Anton Bernard Cornelis Dirk"),
    ("KENTEKEN XX 99 XX.", "Kenteken Xantippe Xantippe, negen negen, Xantippe Xantippe."),
    ("1-ABC-123", "één, Anton Bernard Cornelis, één twee drie"),
    ("BMW-X5", "BMW-X vijf"),
    # amounts, lengths, speeds, ages
    ("€ 12,50", "twaalf euro vijftig"),
    ("€ 1.250,-", "twaalfhonderd vijftig euro"),
    ("€ 0,50", "vijftig cent"),
    ("50 euro", "vijftig euro"),
    ("1.80 m", "één meter tachtig"),
    ("1m85", "één meter vijfentachtig"),
    ("1,85m, slank", "één meter vijfentachtig, slank"),
    ("lg 1.75, zw jack", "lang één meter vijfenzeventig, zwart jack"),
    ("180 cm", "honderd tachtig centimeter"),
    ("80 km/u", "tachtig kilometer per uur"),
    ("120 km/h.", "honderd twintig kilometer per uur."),
    ("5 jr", "vijf jaar"),
    ("jongen (5)", "jongen van vijf jaar"),
    ("25-30 jr. oud", "vijfentwintig tot dertig jaar oud"),
    ("5-jarige", "vijf-jarige"),
    ("-5°C", "min vijf graden"),
    ("50%", "vijftig procent"),
    ("1 min. later", "één minuut later"),
    ("5 m. Daarna links", "vijf meter. Daarna links"),
    # plain numbers
    ("1.600.000 deelnemers", "één miljoen zeshonderdduizend deelnemers"),
    ("1,5 km", "één komma vijf kilometer"),
    ("1½ uur", "anderhalf uur"),
    ("007", "nul nul zeven"),
    ("1234567890123", "één twee drie vier vijf zes zeven acht negen nul één twee drie"),
    ("A27 en N201", "A zevenentwintig en N tweehonderd één"),
    ("1381 AB Weesp", "dertien eenentachtig, A B, Weesp"),
    ("Kerkstraat 12a", "Kerkstraat twaalf a"),
    ("2x", "twee keer"),
    # streets
    ("3e Oosterparkstraat", "derde Oosterparkstraat"),
    ("2e Hugo de Grootstr. 3-5", "tweede Hugo de Grootstraat drie tot vijf"),
    ("Pr. Hendrikkade", "Prins Hendrikkade"),
    ("Pr. Beatrixln.", "Prinses Beatrixlaan"),
    ("hoek Stationspln. en Burg. v.d. Hoopln.", "hoek Stationsplein en Burgemeester van der Hooplaan"),
    ("St. Jansplein, Gr. Markt", "Sint Jansplein, Grote Markt"),
    ("J.F. Kennedylaan", "J F Kennedylaan"),
    # abbreviations
    ("ca. 30 jr", "ongeveer dertig jaar"),
    ("Ca. 30 jaar", "Ongeveer dertig jaar"),
    ("i.v.m. brand t.h.v. de A27", "in verband met brand ter hoogte van de A zevenentwintig"),
    ("m.b.t. de auto, o.a. rood", "over de auto, onder andere rood"),
    ("Weesp e.o. Let op", "Weesp en omgeving. Let op"),
    ("dhr. Jansen", "de heer Jansen"),
    ("Jansen B.V. meldt", "Jansen B V meldt"),
    ("Amsterdam CS", "Amsterdam centraal station"),
    ("een man/vrouw", "een man of vrouw"),
    ("+/- 30 jaar", "ongeveer dertig jaar"),
    # capitals
    ("VERMIST: JONGEN VAN 5 JAAR IN WEESP, BMW", "Vermist: jongen van vijf jaar in weesp, BMW"),
    ("GEZOCHT man", "Gezocht man"),
    ("De NS en de ANWB", "De NS en de ANWB"),
    ("AMBER Alert", "Amber Alert"),
    # links, signs, line breaks
    ("Zie www.burgernet.nl.", "Zie burgernet punt n l."),
    ("info@politie.nl", "info apenstaartje politie punt n l"),
    ("regel 1\nregel 2\r\nregel 3", "regel één. Regel twee. Regel drie"),
    ("'s avonds foto’s", "'s avonds foto's"),
    ('"rood" (groot) [[x]]', "rood, groot, x"),
    ("Gezien.Bel nu", "Gezien. Bel nu"),
    ("A&B", "A en B"),
]


@pytest.mark.parametrize(("written", "said"), DUTCH)
def test_dutch_is_said_as_people_say_it(written: str, said: str) -> None:
    assert to_speech(written, "nl").text == said


OTHERS = [
    ("de", "um 13.45 Uhr", "um dreizehn Uhr fünfundvierzig"),
    ("de", "am 13. Juni 2016", "am dreizehnten Juni zweitausend sechzehn"),
    ("de", "im 3. Stock", "im dritten Stock"),
    ("de", "Bahnhofstr. 5", "Bahnhofstraße fünf"),
    ("de", "1 Mann, 1,80 m", "ein Mann, ein Meter achtzig"),
    ("de", "GK-AB 123", "Goslar Köln, Aachen Berlin, eins zwei drei"),
    ("de", "0800-0011", "null acht null null, null null eins eins"),
    ("de", "z.B. 112", "zum Beispiel eins eins zwei"),
    ("en", "at 1:45 pm", "at a quarter to two in the afternoon"),
    ("en", "June 13, 2016", "the thirteenth of June twenty sixteen"),
    ("en", "3rd Street, 5 yrs", "third Street, five years"),
    ("en", "1,250 people, 3.14", "one thousand two hundred and fifty people, three point one four"),
    ("en", "GK-AB 123", "Golf Kilo, Alpha Bravo, one two three"),
    ("en", "call 112", "call one one two"),
    ("en", "Main St. 5", "Main Street five"),
    ("fr", "à 13h45", "à treize heures quarante-cinq"),
    ("fr", "vers 21h", "vers vingt et une heures"),
    ("fr", "le 1er mai 2016", "le premier mai deux mille seize"),
    ("fr", "1m80", "un mètre quatre-vingts"),
    ("fr", "l'homme, 3e rue", "l'homme, troisième rue"),
    ("fr", "AB-123-CD", "Anatole Berthe, un deux trois, Célestin Désiré"),
    ("fr", "06.12.34.56.78", "zéro six, un deux, trois quatre, cinq six, sept huit"),
    ("fy", "om 12:45", "om kertier foar ienen"),
    ("fy", "3e strjitte, 5 jr", "tredde strjitte, fiif jier"),
    ("fy", "skilje 112", "skilje ien ien twa"),
]


@pytest.mark.parametrize(("language", "written", "said"), OTHERS)
def test_other_languages_say_times_numbers_and_telephones(language: str, written: str, said: str) -> None:
    assert to_speech(written, language).text == said


def test_sentences_are_split_where_a_voice_should_pause() -> None:
    text = "Vermist: jongen (5). Laatst gezien ca. 12.30 uur bij dhr. de Vries! Bel 112."
    assert to_speech(text, "nl").sentences == (
        "Vermist: jongen van vijf jaar.",
        "Laatst gezien ongeveer half één bij de heer de Vries!",
        "Bel één één twee.",
    )


def test_what_no_voice_can_read_is_taken_out_and_told() -> None:
    speech = to_speech("🚗 rode auto, Привет, https://www.burgernet.nl/actie/12?x=1", "nl")
    assert speech.text == "rode auto, burgernet punt n l"
    assert [(note.kind, note.found) for note in speech.notes] == [
        (NoteKind.SYMBOL_REMOVED, "🚗"),
        (NoteKind.SCRIPT_REMOVED, "Привет"),
        (NoteKind.LINK_SHORTENED, "https://www.burgernet.nl/actie/12?x=1"),
    ]


@pytest.mark.parametrize("text", ["", "   ", "😀😀", "...", "Привет", "\x00\x1b\u200d", "—", "'", "()"])
def test_a_text_without_anything_to_say_gives_nothing(text: str) -> None:
    assert to_speech(text, "nl").text == ""
    assert to_speech(text, "nl").sentences == ()


def test_names_in_other_latin_alphabets_keep_their_letters() -> None:
    assert to_speech("Şahin Łukasz Đorđe Müller Ærø", "nl").text == "Sahin Lukasz Dorde Müller Ærø"


def test_digits_of_other_scripts_are_digits() -> None:
    assert to_speech("١١٢", "nl").text == "één één twee"


def test_engine_markup_never_gets_through() -> None:
    said = to_speech("[[h@'loU]] <speak>ja</speak> \\n {x} |y| `z`", "nl").text
    assert not set(said) & set("[]<>{}|\\`")


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(TextError, match="xx"):
        to_speech("hallo", "xx")


SPEAKABLE = re.compile(r"[A-Za-zÀ-ÖØ-öø-ÿœŒ ,.?!:;'-]*")
WRITTEN = """12.30 uur|12:45|24:59|€ 1.250,50|0343-529850|+31 6 12345678|GK-AB 123|AB-12-CD|ca. |http://x.nl/a|a@b.nl|
1,80 m|1m85|-5°C|20-25 jr|3e |112|[[|]]|😀|Пр|é|1/2|1.2.3|½|km/u|€|%|...|?!|'s |B.V.|DE |1381 AB|31-12-2099|99-99-99|²|
A|'|-|--|0|00|Dorpsstr.|Pr. |kenteken |tel."""
FRAGMENTS = st.sampled_from([*WRITTEN.split("|"), "\n"])


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(st.text(max_size=80), st.lists(st.one_of(FRAGMENTS, st.text(max_size=4)), max_size=12).map(" ".join)),
    st.sampled_from(LANGUAGES),
)
def test_any_text_becomes_speakable_and_never_vanishes(text: str, language: str) -> None:
    speech = to_speech(text, language)
    assert SPEAKABLE.fullmatch(speech.text)
    assert speech.text == " ".join(speech.text.split())
    if re.search("[A-Za-z0-9]", text):
        assert speech.text
    assert " ".join(speech.sentences) == speech.text


@pytest.mark.parametrize(
    "bite",
    ["1", ". ", "1.000", "a", "A ", "1-", "12:", "0 ", "@.", "a.b@", "€", "www.", "-", "AB-12-", "v. ", "'", "x.nl"],
)
def test_no_text_takes_long(bite: str) -> None:
    text = (bite * 3000)[:3000]
    started = perf_counter()
    to_speech(text, "nl")
    assert perf_counter() - started < 5  # usual: 0.1 s; a pattern that explodes takes minutes
