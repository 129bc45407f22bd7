"""The participants' file: what is taken, what falls out and why, what a second import changes; on both databases."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from gateway.domain.errors import InvalidRequestError
from gateway.domain.participant import FaultyRow
from gateway.storage.database import Database
from gateway.storage.repositories.participant_import import ImportResult, import_csv
from gateway.storage.repositories.participants import get_participant
from gateway.storage.tables import number, person, place
from gateway.storage.vault import Vault

NOW = datetime(2026, 5, 4, 10, 30, tzinfo=UTC)
LATER = datetime(2026, 6, 4, 10, 30, tzinfo=UTC)
HEADER = "ref,mobile,landline,lat,lon,municipality,language,lanes,quiet_from,quiet_to,quiet_strict,label\n"
KEY = b"k" * 32


class Desk:
    """Where files are brought in."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.vault = Vault.from_secret(KEY)
        self.faults: list[FaultyRow] = []

    def bring(self, text: str | bytes, now: datetime = NOW) -> ImportResult:
        self.faults = []
        content = text.encode() if isinstance(text, str) else text
        return import_csv(self.database, self.vault, io.BytesIO(content), now, faults=self.faults.append)

    def bring_rows(self, *rows: str, now: datetime = NOW) -> ImportResult:
        return self.bring(HEADER + "".join(f"{row}\n" for row in rows), now)

    def get(self, ref: str) -> dict[str, Any]:
        return self.database.read_now(get_participant, self.vault, ref)

    def count(self, table: Any) -> int:
        return self.database.read_now(lambda c: int(c.execute(select(func.count()).select_from(table)).scalar_one()))

    def reasons(self) -> list[tuple[int, Sequence[str]]]:
        return [(row.line, [fault.path for fault in row.faults]) for row in self.faults]


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def test_only_ref_a_number_and_a_place_are_required(desk: Desk) -> None:
    result = desk.bring("ref,mobile,lat,lon\np1,0612345678,52.3,5.04\n")
    assert (result.rows, result.added, result.faulty) == (1, 1, 0)
    found = desk.get("p1")
    assert found["mobile"] == "+31612345678"
    assert found["language"] == "nl"
    assert found["lanes"] == []
    assert found["places"][0]["lat"] == 52.3


@pytest.mark.parametrize(
    ("written", "e164"),
    [
        ("0612345678", "+31612345678"),
        ("06-12 34 56 78", "+31612345678"),
        ("+31612345678", "+31612345678"),
        ("0031612345678", "+31612345678"),
        ("+4915112345678", "+4915112345678"),
        ("004915112345678", "+4915112345678"),
        ("+32470123456", "+32470123456"),
    ],
)
def test_mobile_is_kept_as_e164_however_it_is_written(desk: Desk, written: str, e164: str) -> None:
    assert desk.bring_rows(f"p1,{written},,52.3,5.04,Weesp,,,,,,").added == 1
    assert desk.get("p1")["mobile"] == e164


@pytest.mark.parametrize(
    "never", ["0900-8844", "097012345678", "0841234567", "0871234567", "+870772001234", "112", "116000", "1234"]
)
@pytest.mark.parametrize("column", ["mobile", "landline"])
def test_number_that_is_never_called_nor_texted_falls_out(desk: Desk, never: str, column: str) -> None:
    numbers = f"{never}," if column == "mobile" else f",{never}"
    result = desk.bring_rows(f"p1,{numbers},52.3,5.04,Weesp,,,,,,", "p2,0612345678,,52.3,5.04,Weesp,,,,,,")
    assert (result.added, result.faulty) == (1, 1)
    assert desk.reasons() == [(2, [column])]
    digits = never.replace("-", "")
    assert len(digits) <= 6 or digits not in desk.faults[0].reason, "a fault is logged; it shows no number"


@pytest.mark.parametrize(
    ("row", "path"),
    [
        (",0612345678,,52.3,5.04,Weesp,,,,,,", "ref"),
        ("p1,,,52.3,5.04,Weesp,,,,,,", "mobile"),
        ("p1,0612345678,,95,5.04,Weesp,,,,,,", "lat"),
        ("p1,0612345678,,52.3,,Weesp,,,,,,", "lon"),
        ("p1,0612345678,,52.3,nan,Weesp,,,,,,", "lon"),
        ("p1,0612345678,,52.3,5.04,Weesp,xx,,,,,", "language"),
        ("p1,0612345678,,52.3,5.04,Weesp,,fax,,,,", "lanes"),
        ("p1,0612345678,,52.3,5.04,Weesp,,,25:00,07:00,,", "quiet_from"),
        ("p1,0612345678,,52.3,5.04,Weesp,,,22:00,,,", "quiet_to"),
        ("p1,0612345678,,52.3,5.04,Weesp,,,22:00,07:00,perhaps,", "quiet_strict"),
        ("p1,0201234567,,52.3,5.04,Weesp,,,,,,", "mobile"),
        ("p1,,0612345678,52.3,5.04,Weesp,,,,,,", "landline"),
    ],
)
def test_faulty_field_is_named_with_its_line_and_the_others_load(desk: Desk, row: str, path: str) -> None:
    result = desk.bring_rows("p0,0687654321,,52.3,5.04,Weesp,,,,,,", row, "p9,0687654329,,52.3,5.04,Weesp,,,,,,")
    assert (result.rows, result.added, result.faulty) == (3, 2, 1)
    (fault,) = desk.faults
    assert fault.line == 3
    assert path in [one.path for one in fault.faults]


def test_rows_of_one_ref_are_one_person_with_several_places(desk: Desk) -> None:
    rows = ("p1,0612345678,,52.3,5.04,Weesp,,,,,,thuis", "p2,0687654321,,52.3,5.04,Weesp,,,,,,")
    result = desk.bring_rows(*rows, "p1,0612345678,,51.5,5.68,Gemert-Bakel,,,22:30,07:00,yes,oma")
    assert (result.rows, result.added, result.faulty) == (3, 2, 0)
    places = desk.get("p1")["places"]
    assert [one["label"] for one in places] == ["thuis", "oma"]
    assert (places[1]["quiet_from"], places[1]["quiet_to"], places[1]["quiet_strict"]) == ("22:30", "07:00", True)


def test_second_import_of_the_same_file_changes_nothing(desk: Desk) -> None:
    rows = [f"p{i},06{10_000_000 + i},,52.3,5.04,Weesp,,,,,," for i in range(50)]
    rows += [f"f{i},,020{1_000_000 + i},52.3,5.04,Weesp,de,voice,,,," for i in range(50)]
    assert desk.bring_rows(*rows).added == 100
    before = desk.database.read_now(lambda c: c.execute(select(person).order_by(person.c.id)).all())
    again = desk.bring_rows(*rows, now=LATER)
    assert (again.added, again.changed, again.unchanged, again.faulty) == (0, 0, 100, 0)
    assert desk.database.read_now(lambda c: c.execute(select(person).order_by(person.c.id)).all()) == before


def test_changed_row_updates_that_person_only(desk: Desk) -> None:
    rows = [f"p{i},06{10_000_000 + i},,52.3,5.04,Weesp,,,,,," for i in range(3)]
    desk.bring_rows(*rows)
    rows[1] = "p1,0687654321,,52.4,5.05,Muiden,en,,,,,"
    result = desk.bring_rows(*rows, now=LATER)
    assert (result.added, result.changed, result.unchanged) == (0, 1, 2)
    found = desk.get("p1")
    assert (found["mobile"], found["language"]) == ("+31687654321", "en")
    assert [one["municipality"] for one in found["places"]] == ["Muiden"]
    assert desk.count(number) == 3, "the number that nobody has any more is gone"
    assert desk.count(place) == 3


def test_person_who_is_not_in_the_file_stays(desk: Desk) -> None:
    desk.bring_rows("p1,0612345678,,52.3,5.04,Weesp,,,,,,")
    desk.bring_rows("p2,0687654321,,52.3,5.04,Weesp,,,,,,")
    assert desk.get("p1")["mobile"] == "+31612345678"


def test_broken_row_does_not_take_a_persons_other_place_away(desk: Desk) -> None:
    rows = ("p1,0612345678,,52.3,5.04,Weesp,,,,,,thuis", "p1,0612345678,,51.5,5.68,Gemert-Bakel,,,,,,oma")
    desk.bring_rows(*rows)
    result = desk.bring_rows(rows[0], rows[1].replace("51.5", "151.5"), now=LATER)
    assert result.faulty == 1
    assert {one["label"] for one in desk.get("p1")["places"]} == {"thuis", "oma"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty line"),
        (b"ref,mobile,lat,lon,shoe_size\n", "shoe_size"),
        (b"ref,mobile,lat,lon,lat\n", "lat is there twice"),
        (b"mobile,lat,lon\n", "ref is missing"),
        (b"ref,lat,lon\n", "neither a column mobile nor a column landline"),
        (b"ref;mobile;lat;lon\n", "semicolons"),
        ("ref,mobile,lat,lon\n".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04zip", "spreadsheet"),
    ],
)
def test_file_that_is_no_participants_file_is_refused_with_the_reason(desk: Desk, content: bytes, words: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        desk.bring(content)
    assert words in "; ".join(f"{fault.path} {fault.message}" for fault in refused.value.faults)
    assert desk.count(person) == 0


def test_byte_order_mark_windows_line_ends_and_quotation_marks_are_read(desk: Desk) -> None:
    row = 'p1,0612345678,,52.3,5.04,"Bergen, Noord-Holland",,,,,,"bij ""oma"""'
    text = f"\ufeff{HEADER}{row}\n\n".replace("\n", "\r\n")
    assert desk.bring(text).added == 1
    (found,) = desk.get("p1")["places"]
    assert found["municipality"] == "Bergen, Noord-Holland"
    assert found["label"] == 'bij "oma"'


def test_what_no_parser_likes_costs_its_own_line_only(desk: Desk) -> None:
    good = [f"p{i},06{10_000_000 + i},,52.3,5.04,Weesp,,,,,,\n".encode() for i in range(4)]
    lines = [HEADER.encode(), good[0], b'p7,"0612345678,,52.3\n', good[1], b"p8,\xff\xfe,,1,1,,,,,,,\n", good[2]]
    lines += [b"x" * 100_000 + b"\n", b"p9,\0,,1,1,,,,,,,\n", b"p10,too,few\n", good[3].rstrip(b"\n")]
    result = desk.bring(b"".join(lines))
    assert (result.added, result.faulty) == (4, 5)
    assert [row.line for row in desk.faults] == [3, 5, 7, 8, 9]


def test_number_stands_nowhere_in_the_database(desk: Desk, tmp_path: Path, backend: str) -> None:
    desk.bring_rows("p1,0612345678,0294123456,52.3,5.04,Weesp,,,,,,")
    rows = desk.database.read_now(lambda c: c.execute(select(number)).all())
    assert len(rows) == 2
    shown = repr(rows) + repr([bytes(row.sealed) for row in rows]) + repr([bytes(row.blind) for row in rows])
    assert "612345678" not in shown
    assert "294123456" not in shown
    if backend == "sqlite":
        name = desk.database.engine.url.database
        assert name is not None
        files = [Path(name), Path(name + "-wal")]
        content = b"".join(file.read_bytes() for file in files if file.exists())
        assert b"p1" in content
        assert b"612345678" not in content


def test_ten_thousand_faulty_rows_are_each_told_of(desk: Desk) -> None:
    rows = [f"p{i},nonsense,,52.3,5.04,Weesp,,,,,," for i in range(10_000)]
    result = desk.bring_rows(*rows, "good,0612345678,,52.3,5.04,Weesp,,,,,,")
    assert (result.added, result.faulty) == (1, 10_000)
    assert len(desk.faults) == 10_000
