"""Texts: what they cost, how they are split, what reaches the wire and what is read from it."""

from __future__ import annotations

import unicodedata

import pytest
import smpplib.gsm
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.plan import CostlyCharacter
from gateway.smpp.errors import LocalProtocolError
from gateway.smpp.pdu import DataMessage, EsmClass, Message, Tag
from gateway.smpp.text import (
    Concatenation,
    Encoding,
    Limits,
    LongMessages,
    WirePart,
    choose_encoding,
    clusters,
    compose,
    count_units,
    decode_gsm7,
    decode_message,
    encode_gsm7,
    encode_text,
    fits,
    limits,
    prepare,
    read_concatenation,
    split,
    suggest,
    to_wire,
)

GSM_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENSION = "\f^{}\\[~]|€"
EMOJI = ["👨‍👩‍👧‍👦", "🇳🇱", "👍🏽", "❤️", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🚨", "x\u0323"]

gsm_texts = st.text(st.sampled_from(GSM_BASIC.replace("\r", "") + GSM_EXTENSION), max_size=700)
any_texts = st.lists(
    st.text(max_size=40) | st.sampled_from([*EMOJI, "Let op: ", "€", "[", " rode jas "]), max_size=40
).map("".join)
texts = gsm_texts | any_texts
alphabets = st.sampled_from([Encoding.GSM7, Encoding.LATIN1, Encoding.ASCII])
ways = st.sampled_from(list(LongMessages))


def as_received(part: WirePart) -> Message:
    return Message(short_message=part.short_message, esm_class=part.esm_class, data_coding=part.data_coding)


# ---------------------------------------------------------------- alphabets


def test_the_alphabet_has_127_characters_and_ten_pairs() -> None:
    assert len(set(GSM_BASIC)) == 127
    assert [len(encode_gsm7(character)) for character in GSM_BASIC] == [1] * 127
    assert [len(encode_gsm7(character)) for character in GSM_EXTENSION] == [2] * 10


@given(st.text(st.sampled_from(GSM_BASIC + GSM_EXTENSION)))
def test_gsm7_there_and_back(text: str) -> None:
    assert decode_gsm7(encode_gsm7(text)) == text


def test_the_table_is_that_of_smpplib_but_for_its_known_faults() -> None:
    for character in set(GSM_BASIC + GSM_EXTENSION) - set("§\f"):
        assert encode_gsm7(character) == smpplib.gsm.gsm_encode(character), character
    with pytest.raises(UnicodeError):
        smpplib.gsm.gsm_encode("§")  # ours: 0x5F
    assert smpplib.gsm.gsm_encode("`") == b"\x5f"  # a back-tick goes out as a section sign
    assert encode_gsm7("§\f") == b"\x5f\x1b\x0a"
    assert not fits("`", Encoding.GSM7)


@pytest.mark.parametrize(
    ("octets", "text"),
    [(b"\x1be", "€"), (b"\x1b", " "), (b"\x1b\x1b", " "), (b"\x1ba", "a"), (b"caf\xe9", "café"), (b"\x00\x11", "@_")],
)
def test_odd_septets_read_as_something(octets: bytes, text: str) -> None:
    assert decode_gsm7(octets) == text


@pytest.mark.parametrize(
    ("text", "alphabet", "encoding"),
    [
        ("Let op: één man", Encoding.GSM7, Encoding.GSM7),
        ("kost €5", Encoding.GSM7, Encoding.GSM7),
        ("België", Encoding.GSM7, Encoding.UCS2),
        ("België", Encoding.LATIN1, Encoding.LATIN1),
        ("kost €5", Encoding.LATIN1, Encoding.UCS2),
        ("één", Encoding.ASCII, Encoding.UCS2),
        ("een", Encoding.ASCII, Encoding.ASCII),
        ("", Encoding.GSM7, Encoding.GSM7),
    ],
)
def test_the_default_alphabet_is_used_where_the_text_fits(text: str, alphabet: Encoding, encoding: Encoding) -> None:
    assert choose_encoding(text, alphabet) is encoding


def test_what_is_not_in_the_alphabet_is_named_by_its_place() -> None:
    with pytest.raises(UnicodeEncodeError) as caught:
        encode_gsm7("België")
    assert (caught.value.start, caught.value.end) == (5, 6)


# ---------------------------------------------------------------- splitting


@pytest.mark.parametrize(
    ("text", "way", "parts", "left"),
    [
        ("a" * 160, LongMessages.UDH, [160], 0),
        ("a" * 161, LongMessages.UDH, [153, 8], 145),
        ("a" * 306, LongMessages.UDH, [153, 153], 0),
        ("a" * 307, LongMessages.UDH, [153, 153, 1], 152),
        ("a" * 161, LongMessages.UDH16, [152, 9], 143),
        ("a" * 161, LongMessages.SAR, [153, 8], 145),
        ("a" * 161, LongMessages.PAYLOAD, [153, 8], 145),
        ("€" * 80, LongMessages.UDH, [80], 0),
        ("€" * 81, LongMessages.UDH, [76, 5], 143),
        ("ë" * 70, LongMessages.UDH, [70], 0),
        ("ë" * 71, LongMessages.UDH, [67, 4], 63),
        ("ë" * 71, LongMessages.UDH16, [66, 5], 61),
        ("🚨" * 35, LongMessages.UDH, [35], 0),
        ("🚨" * 36, LongMessages.UDH, [33, 3], 61),
        ("", LongMessages.UDH, [0], 160),
    ],
)
def test_parts_are_as_long_as_they_may_be(text: str, way: LongMessages, parts: list[int], left: int) -> None:
    composed = compose(text, long_messages=way)
    assert [len(part) for part in composed.parts] == parts
    assert composed.units_left == left


@pytest.mark.parametrize(
    ("alphabet", "whole", "part", "part_16"), [(Encoding.LATIN1, 140, 134, 133), (Encoding.ASCII, 140, 134, 133)]
)
def test_eight_bit_parts(alphabet: Encoding, whole: int, part: int, part_16: int) -> None:
    assert limits(alphabet, LongMessages.UDH) == Limits(whole, part)
    assert limits(alphabet, LongMessages.UDH16) == Limits(whole, part_16)
    assert [len(p) for p in compose("a" * 141, alphabet=alphabet).parts] == [part, 141 - part]


@given(texts, alphabets, ways)
def test_parts_put_together_are_the_text_and_none_is_too_long(text: str, alphabet: Encoding, way: LongMessages) -> None:
    composed = compose(text, alphabet=alphabet, long_messages=way)
    assert "".join(composed.parts) == composed.text == prepare(text)
    encoding = Encoding(composed.encoding)
    room = limits(encoding, way)
    lengths = [count_units(part, encoding) for part in composed.parts]
    assert sum(lengths) == composed.units
    assert max(lengths) <= (room.whole if len(lengths) == 1 else room.part)
    assert composed.units_left == (room.whole if len(lengths) == 1 else room.part) - lengths[-1]
    assert len(lengths) == 1 or composed.units > room.whole
    assert len(lengths) == 1 or min(lengths) > 0


@given(texts, ways)
def test_no_part_begins_or_ends_within_a_character(text: str, way: LongMessages) -> None:
    composed = compose(text, long_messages=way)
    encoding = Encoding(composed.encoding)
    for part in composed.parts:
        octets = encode_text(part, encoding)
        if encoding is Encoding.GSM7:
            assert octets.count(0x1B) == sum(character in GSM_EXTENSION for character in part)
            assert not octets.endswith(b"\x1b")
        else:
            assert octets.decode("utf-16-be") == part


@given(st.lists(st.sampled_from([*EMOJI, "a", "ë", "ij"]), min_size=1, max_size=120))
def test_what_a_reader_sees_as_one_character_stays_together(pieces: list[str]) -> None:
    text = "".join(pieces)
    whole = set(clusters(text))
    for part in compose(text).parts:
        assert set(clusters(part)) <= whole


def test_a_character_longer_than_a_part_is_cut_between_its_marks() -> None:
    text = "e" + "\u0323" * 200
    parts = split(text, Encoding.UCS2, Limits(70, 67))
    assert [len(part) for part in parts] == [67, 67, 67]
    assert "".join(parts) == text


@pytest.mark.parametrize("emoji", EMOJI)
def test_an_emoji_is_one_character(emoji: str) -> None:
    assert list(clusters(f"a{emoji}b{emoji}{emoji}")) == ["a", emoji, "b", emoji, emoji]


def test_line_breaks_are_kept_and_normalised() -> None:
    assert compose("een\r\ntwee\rdrie\n\nvier").text == "een\ntwee\ndrie\n\nvier"


def test_a_decomposed_text_is_composed_before_it_is_measured() -> None:
    composed = compose(unicodedata.normalize("NFD", "één café"))
    assert (composed.text, composed.encoding) == ("één café", "gsm7")


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\0\0", "\0"])
def test_half_a_character_and_nul_never_reach_the_wire(text: str) -> None:
    composed = compose(text)
    assert "\0" not in composed.text
    assert to_wire(composed, LongMessages.UDH, 1)


# ---------------------------------------------------------------- what costs extra


def test_the_preview_says_what_costs_extra_and_what_to_write_instead() -> None:
    composed = compose("Gezocht: “coördinaten” – België… 🚨 ë ë’s €")
    assert composed.encoding == "ucs2"
    assert composed.costly == (
        CostlyCharacter("“", "ucs2", '"', 1),
        CostlyCharacter("”", "ucs2", '"', 1),
        CostlyCharacter("–", "ucs2", "-", 1),
        CostlyCharacter("ë", "ucs2", "e", 3),
        CostlyCharacter("…", "ucs2", "...", 1),
        CostlyCharacter("🚨", "ucs2", None, 1),
        CostlyCharacter("’", "ucs2", "'", 1),
    )


def test_escape_pairs_cost_two() -> None:
    composed = compose("kenteken [12-AB-34] €500 ~ €")
    assert composed.encoding == "gsm7"
    assert [(c.character, c.instead, c.count) for c in composed.costly] == [
        ("[", "(", 1),
        ("]", ")", 1),
        ("€", None, 2),
        ("~", "-", 1),
    ]
    assert {c.effect for c in composed.costly} == {"two"}
    assert composed.units == len("kenteken [12-AB-34] €500 ~ €") + 5


@pytest.mark.parametrize(
    "text", ["", "Let op: jongen (5), blond haar, rode jas. Bel 0800-0011!", "één café, coördinaten, à ù"]
)
def test_plain_dutch_costs_nothing_extra(text: str) -> None:
    assert compose(text).costly == ()


@pytest.mark.parametrize(
    ("character", "instead"),
    [
        *zip("ëïáíóúçêâôûËÏÁ", "eiaioucea" + "ou" + "EIA", strict=False),
        ("\u00a0", " "),
        ("\u202f", " "),
        ("\t", " "),
        ("\u200b", ""),
        ("`", "'"),
        ("½", "1/2"),
        ("²", "2"),
        ("ĳ", "ij"),
        ("œ", "oe"),
        ("ł", "l"),
        ("ş", "s"),
        ("ﬁ", "fi"),
        ("1️⃣", "1"),
        ("•", "-"),
        ("я", None),
        ("👨‍👩‍👧", None),
        ("°", None),
    ],
)
def test_suggestions_read_the_same(character: str, instead: str | None) -> None:
    assert suggest(character, Encoding.GSM7) == instead


@given(texts)
def test_what_is_suggested_always_fits(text: str) -> None:
    for costly in compose(text).costly:
        assert costly.instead is None or fits(costly.instead, Encoding.GSM7)
        assert costly.count == list(clusters(prepare(text))).count(costly.character)


def test_euro_is_written_out_where_the_alphabet_lacks_it() -> None:
    assert suggest("€", Encoding.LATIN1) == "EUR"


# ---------------------------------------------------------------- the wire


@given(texts, alphabets, ways, st.integers(0, 100_000))
def test_wire_parts_read_back_as_the_text(text: str, alphabet: Encoding, way: LongMessages, reference: int) -> None:
    composed = compose(text, alphabet=alphabet, long_messages=way)
    wire = to_wire(composed, way, reference)
    assert sum(part.segments for part in wire) == len(composed.parts)
    read = [decode_message(as_received(part), part.tlvs) for part in wire]
    assert "".join(read) == composed.text
    assert all(len(part.short_message) <= 160 for part in wire)
    places = [read_concatenation(as_received(part), part.tlvs) for part in wire]
    if len(wire) == 1:
        assert places == [None]
    else:
        mask = 0xFFFF if way is LongMessages.UDH16 else 0xFF
        assert places == [Concatenation(reference & mask, len(wire), n) for n in range(1, len(wire) + 1)]


def test_the_header_of_each_way() -> None:
    composed = compose("a" * 161)
    first, second = to_wire(composed, LongMessages.UDH, 0x1234)
    assert first.short_message[:6] == b"\x05\x00\x03\x34\x02\x01"
    assert second.short_message[:6] == b"\x05\x00\x03\x34\x02\x02"
    assert first.esm_class == second.esm_class == EsmClass.UDHI
    assert len(first.short_message) == 159
    composed = compose("a" * 161, long_messages=LongMessages.UDH16)
    first, _ = to_wire(composed, LongMessages.UDH16, 0x11234)
    assert first.short_message[:7] == b"\x06\x08\x04\x12\x34\x02\x01"
    assert len(first.short_message) == 159
    composed = compose("a" * 161, long_messages=LongMessages.SAR)
    _, second = to_wire(composed, LongMessages.SAR, 0x1234)
    assert second == WirePart(b"a" * 8, 0, 0, {0x020C: b"\0\x34", 0x020E: b"\x02", 0x020F: b"\x02"})
    composed = compose("a" * 161, long_messages=LongMessages.PAYLOAD)
    assert to_wire(composed, LongMessages.PAYLOAD, 1) == [WirePart(b"", 0, 0, {0x0424: b"a" * 161}, 2)]


@pytest.mark.parametrize("way", list(LongMessages))
def test_a_short_text_needs_no_header(way: LongMessages) -> None:
    assert to_wire(compose("Let op", long_messages=way), way, 7) == [WirePart(b"Let op", 0, 0)]


@pytest.mark.parametrize(
    ("text", "alphabet", "flash", "coding"),
    [
        ("a", Encoding.GSM7, False, 0x00),
        ("a", Encoding.ASCII, False, 0x01),
        ("a", Encoding.LATIN1, False, 0x03),
        ("ë", Encoding.GSM7, False, 0x08),
        ("a", Encoding.GSM7, True, 0x10),
        ("ë", Encoding.GSM7, True, 0x18),
    ],
)
def test_data_coding_says_the_alphabet(text: str, alphabet: Encoding, flash: bool, coding: int) -> None:
    (part,) = to_wire(compose(text, alphabet=alphabet), LongMessages.UDH, 1, flash=flash)
    assert part.data_coding == coding


def test_what_cannot_be_sent_is_refused() -> None:
    with pytest.raises(LocalProtocolError):
        to_wire(compose("a" * 153 * 256), LongMessages.UDH, 1)
    with pytest.raises(LocalProtocolError):
        to_wire(compose("a" * 65536, long_messages=LongMessages.PAYLOAD), LongMessages.PAYLOAD, 1)
    with pytest.raises(LocalProtocolError):
        to_wire(compose("a", alphabet=Encoding.LATIN1), LongMessages.UDH, 1, flash=True)


# ---------------------------------------------------------------- what citizens send


@pytest.mark.parametrize(
    ("octets", "coding", "esm_class", "text"),
    [
        (b"Ik zie hem", 0x00, 0, "Ik zie hem"),
        (b"\x00 \x1be", 0x00, 0, "@ €"),
        (b"caf\xe9", 0x03, 0, "café"),
        (b"caf\xe9", 0x01, 0, "caf\ufffd"),
        ("ë 🚨".encode("utf-16-be"), 0x08, 0, "ë 🚨"),
        ("ë".encode("utf-16-be") + b"\0", 0x08, 0, "ë\ufffd"),
        ("ë".encode("utf-16-be"), 0x18, 0, "ë"),
        ("ë".encode("utf-16-be"), 0xE0, 0, "ë"),
        (b"a", 0x10, 0, "a"),
        (b"a", 0xF0, 0, "a"),
        (b"\x0a\x1b", 0x04, 0, "[binary: 0a1b]"),
        (b"\x0a\x1b", 0xF5, 0, "[binary: 0a1b]"),
        (b"\x05\x00\x03\x34\x02\x01Hallo", 0x00, 0x40, "Hallo"),
        (b"\x05\x00", 0x00, 0x40, "é@"),
        ("да".encode("iso8859_5"), 0x06, 0, "да"),
        (b"a\0b", 0x03, 0, "ab"),
    ],
)
def test_incoming_text_is_read_by_its_coding(octets: bytes, coding: int, esm_class: int, text: str) -> None:
    assert decode_message(Message(short_message=octets, data_coding=coding, esm_class=esm_class), {}) == text


def test_the_carriers_default_alphabet_is_a_setting() -> None:
    assert decode_message(Message(short_message=b"@ caf\xe9"), {}, Encoding.LATIN1) == "@ café"


def test_a_long_reply_comes_in_message_payload() -> None:
    tlvs = {Tag.MESSAGE_PAYLOAD: b"lang bericht"}
    assert decode_message(Message(), tlvs) == "lang bericht"
    assert decode_message(DataMessage(), tlvs) == "lang bericht"


@given(
    st.binary(max_size=254),
    st.integers(0, 255),
    st.integers(0, 255),
    st.dictionaries(st.sampled_from([0x0424, 0x020C, 0x020E, 0x020F]), st.binary(max_size=20)),
    alphabets,
)
def test_nothing_that_comes_in_trips_the_reader(
    octets: bytes, coding: int, esm_class: int, tlvs: dict[int, bytes], alphabet: Encoding
) -> None:
    message = Message(short_message=octets, data_coding=coding, esm_class=esm_class)
    text = decode_message(message, tlvs, alphabet)
    assert "\0" not in text
    text.encode()  # no half characters, which a database refuses
    place = read_concatenation(message, tlvs)
    assert place is None or 1 <= place.number <= place.total
