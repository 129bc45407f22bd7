"""The store: complete files or none, safe names, never silence, within its size."""

from __future__ import annotations

import json
import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from audio.encode import to_alaw, to_segment
from audio.errors import StoreError, StoreFullError
from audio.pcm import Pcm
from audio.store import KEPT_S, Store, key_of

KEY = key_of("a")


def sound(seconds: float = 1.0, frequency: float = 440.0) -> bytes:
    t = np.arange(int(8000 * seconds)) / 8000
    return to_alaw(to_segment(Pcm(8000, (8000 * np.sin(2 * np.pi * frequency * t)).astype(np.int16))))


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """As a full disk: the operating system refuses every byte beyond so many of a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_was_put_is_found_again_with_what_is_known_of_it(tmp_path: Path) -> None:
    Store(tmp_path / "sounds").put(KEY, sound(), {"engine": "espeak-ng"})
    entry = Store(tmp_path / "sounds").get(KEY)
    assert entry is not None
    assert entry.seconds == 1.0
    assert entry.about == {"engine": "espeak-ng"}
    assert entry.path == tmp_path / "sounds" / KEY
    assert entry.path.with_suffix(".alaw").read_bytes() == sound()
    assert files(tmp_path / "sounds") == [f"{KEY}.alaw", f"{KEY}.json"]


def test_files_are_not_for_everybody(tmp_path: Path) -> None:
    entry = Store(tmp_path / "sounds").put(KEY, sound(), {})
    assert entry.path.with_suffix(".alaw").stat().st_mode & 0o777 == 0o640


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    assert Store(tmp_path).get(KEY) is None


@pytest.mark.parametrize(
    "key",
    ["", "..", "../../etc/passwd", KEY + "/", KEY[:-1], KEY + "0", KEY.upper(), "/" + KEY[1:], KEY + "\n", "\x00" * 40],
)
def test_nothing_but_a_key_becomes_a_file_name(tmp_path: Path, key: str) -> None:
    store = Store(tmp_path)
    for call in (store.get, store.path, store.remove, lambda name: store.put(name, sound(), {})):
        with pytest.raises(StoreError, match="not a key"):
            call(key)
    assert files(tmp_path) == []


def test_keys_tell_parts_apart() -> None:
    keys = {
        key_of("ab", "c"),
        key_of("a", "bc"),
        key_of("abc"),
        key_of("abc", ""),
        key_of("c", "ab"),
        key_of(1),
        key_of("\ud800"),
    }
    assert len(keys) == 7
    assert key_of("1") == key_of(1)


@pytest.mark.parametrize("data", [b"", b"\xd5" * 8000, b"\x55" * 80_000])
def test_silence_is_never_stored(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(StoreError, match="silence"):
        Store(tmp_path).put(KEY, data, {})
    assert files(tmp_path) == []


@pytest.mark.parametrize("limit", [0, 20, 4096])
def test_a_full_disk_is_told_and_leaves_no_half_file(tmp_path: Path, limit: int) -> None:
    store = Store(tmp_path)
    with no_file_above(limit), pytest.raises(StoreFullError, match="no room"):
        store.put(KEY, sound(), {})
    assert files(tmp_path) == []
    assert store.get(KEY) is None
    assert store.put(KEY, sound(), {}).samples == 8000


@pytest.mark.parametrize("damage", ["cut", "empty", "zeros", "facts gone", "facts bad", "facts of another kind"])
def test_a_damaged_entry_is_noticed_and_made_again(tmp_path: Path, damage: str) -> None:
    store = Store(tmp_path)
    path = store.put(KEY, sound(), {}).path
    alaw, facts = path.with_suffix(".alaw"), path.with_suffix(".json")
    match damage:
        case "cut":
            alaw.write_bytes(sound()[:4000])
        case "empty":
            alaw.write_bytes(b"")
        case "zeros":
            alaw.write_bytes(b"\xd5" * 8000)
        case "facts gone":
            facts.unlink()
        case "facts bad":
            facts.write_bytes(b'{"sha')
        case "facts of another kind":
            facts.write_text(json.dumps([1, 2]))
    assert store.get(KEY) is None
    assert store.put(KEY, sound(), {}).samples == 8000
    assert store.get(KEY) is not None


def test_the_first_of_two_renderings_stays(tmp_path: Path) -> None:
    """A call may be playing it; a neural voice never says it twice in the same way."""
    store = Store(tmp_path)
    store.put(KEY, sound(1.0, 440), {"n": 1})
    again = store.put(KEY, sound(2.0, 880), {"n": 2})
    assert again.about == {"n": 1}
    assert again.path.with_suffix(".alaw").read_bytes() == sound(1.0, 440)


def test_many_writers_at_once_leave_one_good_entry(tmp_path: Path) -> None:
    def write(number: int) -> None:
        Store(tmp_path).put(KEY, sound(0.5 + number / 10), {"number": number})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entry = Store(tmp_path).get(KEY)
    assert entry is not None
    assert entry.samples == 4000 + 800 * int(str(entry.about["number"]))
    assert files(tmp_path) == [f"{KEY}.alaw", f"{KEY}.json"]


def aged(store: Store, name: str, age_s: float) -> str:
    key = key_of(name)
    entry = store.put(key, sound(), {})
    now = os.stat(entry.path.with_suffix(".alaw")).st_mtime
    os.utime(entry.path.with_suffix(".alaw"), (now - age_s, now - age_s))
    return key


def test_the_oldest_go_when_it_grows_too_large_but_nothing_of_today(tmp_path: Path) -> None:
    store = Store(tmp_path, max_bytes=20_000)
    oldest, old = aged(store, "oldest", 3 * KEPT_S), aged(store, "old", 2 * KEPT_S)
    today = [aged(store, name, 60.0) for name in "abc"]
    assert store.get(oldest) is None
    assert store.get(old) is None
    assert all(store.get(key) for key in today)  # above the limit, and still there


def test_what_is_used_counts_as_young(tmp_path: Path) -> None:
    store = Store(tmp_path, max_bytes=16_000)
    used, unused = aged(store, "used", 3 * KEPT_S), aged(store, "unused", 2 * KEPT_S)
    assert store.get(used) is not None
    store.put(key_of("new"), sound(), {})
    assert store.get(used) is not None
    assert store.get(unused) is None


def test_what_was_not_used_for_long_goes_by_age(tmp_path: Path) -> None:
    store = Store(tmp_path)
    old, young = aged(store, "old", 8 * KEPT_S), aged(store, "young", 6 * KEPT_S)
    now = os.stat(tmp_path).st_mtime
    (tmp_path / f".{old}.alaw.0123456789abcdef.tmp").write_bytes(b"half")
    os.utime(tmp_path / f".{old}.alaw.0123456789abcdef.tmp", (1.0, 1.0))
    assert store.prune(now, older_than_s=7 * KEPT_S) == 1
    assert store.get(young) is not None
    assert files(tmp_path) == [f"{young}.alaw", f"{young}.json"]


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "beep.alaw").write_bytes(b"not ours")
    store = Store(tmp_path, max_bytes=1)
    aged(store, "old", 2 * KEPT_S)
    store.prune(os.stat(tmp_path).st_mtime, older_than_s=0.0)
    assert files(tmp_path) == ["beep.alaw"]


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot use"):
        Store(tmp_path / "file")
