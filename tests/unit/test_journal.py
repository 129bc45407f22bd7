"""The wire journal: what a killed process leaves behind says what was on the wire, wherever the end was torn off."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain.delivery import make_ref
from gateway.storage import journal as module
from gateway.storage.journal import Replay, WireJournal, replay

REFS = [make_ref(1_000_000 + n, 1, 1) for n in range(8)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "wire-1.journal"


class Model:
    """What the journal was told, and how long the file was after each telling."""

    def __init__(self, journal: WireJournal) -> None:
        self.journal = journal
        self.on_wire: set[int] = set()
        self.accepted: dict[str, dict[int, str]] = {}
        self.after: list[tuple[int, set[int], dict[str, dict[int, str]]]] = [(0, set(), {})]

    def tell(self, kind: str, refs: list[int], carrier: str) -> None:
        if kind == "sent":
            self.journal.sent(refs)
            self.on_wire |= set(refs)
        elif kind == "gone":
            self.journal.gone(refs)
            self.on_wire -= set(refs)
        else:
            ids = {ref: f"id{ref}" for ref in refs}
            self.journal.accepted(carrier, ids)
            self.on_wire -= set(refs)
            self.accepted.setdefault(carrier, {}).update(ids)
        size = self.journal.path.stat().st_size
        self.after.append((size, set(self.on_wire), {name: dict(ids) for name, ids in self.accepted.items()}))


TOLD = st.lists(
    st.tuples(
        st.sampled_from(["sent", "sent", "accepted", "gone"]),
        st.lists(st.sampled_from(REFS), min_size=1, max_size=4, unique=True),
        st.sampled_from(["KPN", 'Odido "2"\n']),
    ),
    max_size=15,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TOLD, st.data())
def test_any_prefix_of_the_file_says_what_had_been_told_whole(
    path: Path, told: list[tuple[str, list[int], str]], data: st.DataObject
) -> None:
    journal = WireJournal(path)
    model = Model(journal)
    for kind, refs, carrier in told:
        model.tell(kind, refs, carrier)
    content = path.read_bytes()
    cut = data.draw(st.integers(0, len(content)), label="cut")
    torn = path.with_suffix(".torn")
    torn.write_bytes(content[:cut])
    found = replay(torn)
    _, on_wire, accepted = max((state for state in model.after if state[0] <= cut), key=lambda state: state[0])
    assert found == Replay(on_wire, accepted)
    journal.close()


def test_a_new_journal_says_nothing(path: Path) -> None:
    journal = WireJournal(path)
    assert replay(path) == Replay()
    journal.close()


def test_journal_of_a_daemon_before_is_not_added_to(path: Path) -> None:
    path.write_bytes(b'["s",[1]]\n')
    journal = WireJournal(path)
    assert replay(path) == Replay()
    journal.close()


def test_only_the_owner_may_read_it(path: Path) -> None:
    journal = WireJournal(path)
    assert path.stat().st_mode & 0o777 == 0o600
    journal.close()


def test_segment_that_is_sent_again_is_on_the_wire_again(path: Path) -> None:
    journal = WireJournal(path)
    journal.sent(REFS[:2])
    journal.gone(REFS[:1])
    journal.sent(REFS[:1])
    assert replay(path).unanswered == set(REFS[:2])
    journal.close()


def test_late_acceptance_of_what_was_given_up_is_kept(path: Path) -> None:
    journal = WireJournal(path)
    journal.sent(REFS[:1])
    journal.gone(REFS[:1])
    journal.accepted("KPN", {REFS[0]: "7"})
    assert replay(path) == Replay(set(), {"KPN": {REFS[0]: "7"}})
    journal.close()


@pytest.mark.parametrize("message_id", ['quote " and backslash \\', "\x01\x7f\xff", "", "é" * 255])
def test_any_message_id_survives(path: Path, message_id: str) -> None:
    journal = WireJournal(path)
    journal.accepted("KPN", {REFS[0]: message_id})
    journal.sent(REFS[1:2])
    assert replay(path) == Replay({REFS[1]}, {"KPN": {REFS[0]: message_id}})
    journal.close()


# ---------------------------------------------------------------- the end


def test_clean_close_removes_the_file(path: Path) -> None:
    journal = WireJournal(path)
    journal.sent(REFS[:2])
    journal.accepted("KPN", {REFS[0]: "7"})
    journal.gone(REFS[1:2])
    journal.stored(journal.mark())
    journal.close()
    assert not path.exists()


@pytest.mark.parametrize("what", ["on the wire", "not stored"])
def test_close_leaves_a_file_that_still_matters(path: Path, what: str) -> None:
    journal = WireJournal(path)
    journal.sent(REFS[:1])
    if what == "not stored":
        journal.accepted("KPN", {REFS[0]: "7"})
    journal.close()
    assert replay(path) == (Replay({REFS[0]}) if what == "on the wire" else Replay(set(), {"KPN": {REFS[0]: "7"}}))


# ---------------------------------------------------------------- compaction


def test_compaction_keeps_what_is_on_the_wire_and_what_is_not_stored(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMPACT_AT", 2000)
    journal = WireJournal(path)
    journal.sent(REFS[:3])
    for number in range(200):
        ref = make_ref(number, 1, 1)
        journal.sent([ref])
        journal.accepted("KPN", {ref: str(number)})
        journal.stored(journal.mark())
    assert path.stat().st_size < 2100
    journal.accepted("KPN", {REFS[0]: "a"})
    mark = journal.mark()
    journal.accepted("Odido", {REFS[1]: "b"})
    for number in range(200):
        journal.sent([make_ref(number, 1, 1)])
        journal.gone([make_ref(number, 1, 1)])
    journal.stored(mark)
    assert path.stat().st_size < 500
    assert replay(path) == Replay({REFS[2]}, {"Odido": {REFS[1]: "b"}})
    journal.sent(REFS[3:4])
    assert replay(path).unanswered == {REFS[2], REFS[3]}
    journal.close()
    assert list(path.parent.iterdir()) == [path]


# ---------------------------------------------------------------- a full disk


class FullDisk:
    """Takes so many more octets, then none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room: int | None = None
        self._write = os.write
        monkeypatch.setattr(os, "write", self.write)

    def write(self, fd: int, data: Any) -> int:
        if self.room is None:
            return self._write(fd, data)
        part = bytes(data)[: self.room]
        if not part:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.room -= len(part)
        return self._write(fd, part)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    return FullDisk(monkeypatch)


@pytest.mark.parametrize("room", [0, 1, 10])
def test_what_could_not_be_journaled_is_refused_and_what_follows_is_not_torn(
    path: Path, disk: FullDisk, room: int
) -> None:
    journal = WireJournal(path)
    journal.sent(REFS[:1])
    disk.room = room
    with pytest.raises(OSError, match="No space"):
        journal.sent(REFS[1:2])
    assert replay(path) == Replay({REFS[0]})
    with pytest.raises(OSError, match="No space"):
        journal.sent(REFS[1:2])
    disk.room = None
    journal.sent(REFS[2:3])
    journal.sent(REFS[3:4])
    # Had the torn line swallowed these, they would be sent twice after a crash.
    assert replay(path) == Replay({REFS[0], REFS[2], REFS[3]})
    journal.close()
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("room", [0, 1, 10])
def test_answers_are_taken_on_a_full_disk_and_written_once_there_is_room(path: Path, disk: FullDisk, room: int) -> None:
    journal = WireJournal(path)
    journal.sent(REFS[:4])
    disk.room = room
    journal.accepted("KPN", {REFS[0]: "7"})
    journal.gone(REFS[1:2])
    # Pessimistic, and never the other way: after a crash now all four are uncertain.
    assert replay(path).unanswered == set(REFS[:4])
    disk.room = None
    journal.gone(REFS[2:3])
    journal.sent(REFS[4:5])
    assert replay(path) == Replay({REFS[3], REFS[4]}, {"KPN": {REFS[0]: "7"}})
    journal.close()


@pytest.mark.parametrize("room", [0, 5])
def test_failed_compaction_goes_on_in_the_old_file(
    path: Path, disk: FullDisk, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMPACT_AT", 100)
    journal = WireJournal(path)
    for number in range(20):
        journal.sent([make_ref(number, 1, 1)])
        journal.gone([make_ref(number, 1, 1)])
    journal.sent(REFS[:1])
    disk.room = room
    journal.stored(journal.mark())
    disk.room = None
    journal.sent(REFS[1:2])
    assert replay(path) == Replay(set(REFS[:2]))
    journal.stored(journal.mark())
    assert path.stat().st_size < 100
    assert replay(path) == Replay(set(REFS[:2]))
    journal.close()
    assert list(path.parent.iterdir()) == [path]
