"""Rendered sound, found again by what it was made of, in a folder that Asterisk reads too.

``KEY.alaw`` is the sound, ``KEY.json`` what is known of it. Both are complete before they get their names, and the
sound comes last: a sound that has its name can be played. No text is stored, only its hash.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from audio.encode import from_alaw
from audio.engines.engine import is_silent
from audio.errors import StoreError, StoreFullError
from audio.level import RATE

MAX_BYTES = 1024**3
"""Some thirty hours of speech."""

KEPT_S = 86_400.0
"""Younger entries are never pruned: a call that is being set up counts on its file."""

_KEY = re.compile(r"[0-9a-f]{40}")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class Entry:
    """A sound in the store.

    Attributes:
        path: without extension: what Asterisk's ``STREAM FILE`` takes.
        samples: its length at 8 kHz.
        about: what whoever put it there wants to know again (JSON values).
    """

    key: str
    path: Path
    samples: int
    about: Mapping[str, object]

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.samples / RATE


def key_of(*parts: object) -> str:
    """A name for what is made of these parts: 40 of the digits 0-9a-f. The order counts, and where a part ends."""
    digest = hashlib.blake2b(digest_size=20)
    for part in parts:
        data = str(part).encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


class Store:
    """A folder of rendered sound. Several processes may share it; all methods may be called from any thread.

    Args:
        folder: made where it is missing.
        max_bytes: above this the oldest entries go, as far as they are older than :data:`KEPT_S`.
        mode: of the files; Asterisk must be able to read them, others need not: they speak of people.

    Raises:
        StoreError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES, mode: int = 0o640) -> None:
        self.folder = folder.absolute()
        self._max_bytes = max_bytes
        self._mode = mode
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        except OSError as error:
            raise _store_error(error, self.folder) from error
        self._bytes = sum(size for _, _, size in self._entries())

    def path(self, key: str) -> Path:
        """Where an entry is or will be, without extension.

        Raises:
            StoreError: that is no key; nothing else ever becomes a file name.
        """
        if not _KEY.fullmatch(key):
            raise StoreError("not a key of this store")
        return self.folder / key

    def get(self, key: str) -> Entry | None:
        """The entry, read and verified, or ``None``. One that fails its check is removed, so that it is made again."""
        path = self.path(key)
        try:
            sound = path.with_suffix(".alaw").read_bytes()
            facts = json.loads(path.with_suffix(".json").read_bytes())
            good = facts["sha256"] == hashlib.sha256(sound).hexdigest() and _audible(sound)
            about = dict(facts["about"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            good, about = False, {}
        except OSError as error:
            raise _store_error(error, path) from error
        if not good:
            self.remove(key)
            return None
        _touch(path.with_suffix(".alaw"))
        return Entry(key, path, len(sound), about)

    def put(self, key: str, sound: bytes, about: Mapping[str, object]) -> Entry:
        """Store A-law sound under a key; a good entry that is there already stays and is given back.

        Raises:
            StoreFullError: no room; nothing of it is left.
            StoreError: it is silent or empty, or the folder refuses it.
        """
        self.path(key)
        if not _audible(sound):
            raise StoreError("refusing to store silence")
        with self._locked():
            # Another process may have rendered the same a moment ago, a little differently: the first one stays,
            # because a call may be playing it.
            return self.get(key) or self._put(key, sound, about)

    def _put(self, key: str, sound: bytes, about: Mapping[str, object]) -> Entry:
        path = self.path(key)
        facts = {"sha256": hashlib.sha256(sound).hexdigest(), "about": dict(about)}
        self._write(path.with_suffix(".json"), json.dumps(facts).encode())
        try:
            self._write(path.with_suffix(".alaw"), sound)
        except StoreError:
            path.with_suffix(".json").unlink(missing_ok=True)
            raise
        self._bytes += len(sound)
        if self._bytes > self._max_bytes:
            self.prune(now_s=path.with_suffix(".alaw").stat().st_mtime)
        return Entry(key, path, len(sound), dict(about))

    def remove(self, key: str) -> None:
        """Forget an entry. A call that has its file open hears it to the end."""
        path = self.path(key)
        for suffix in (".alaw", ".json"):
            path.with_suffix(suffix).unlink(missing_ok=True)

    def prune(self, now_s: float, older_than_s: float | None = None) -> int:
        """Remove the entries that were used longest ago until the store is within its size.

        Args:
            now_s: the time, in seconds since the epoch, by the clock of the file system.
            older_than_s: where given, all entries not used for so long go, whatever the size (retention).

        Returns:
            How many were removed.
        """
        entries = sorted(self._entries())
        total, removed = sum(size for _, _, size in entries), 0
        for used_at, key, size in entries:
            age = now_s - used_at
            outdated = older_than_s is not None and age > older_than_s
            if outdated or (total > self._max_bytes and age > KEPT_S):
                self.remove(key)
                total -= size
                removed += 1
        self._bytes = total
        self._sweep(now_s)
        return removed

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time among all processes and threads that share the folder."""
        try:
            with open(self.folder / ".lock", "ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise _store_error(error, self.folder) from error

    def _entries(self) -> list[tuple[float, str, int]]:
        """(last used, key, bytes) of every sound."""
        found = []
        with os.scandir(self.folder) as files:
            for file in files:
                stem, _, suffix = file.name.partition(".")
                if suffix == "alaw" and _KEY.fullmatch(stem):
                    try:
                        status = file.stat()
                    except FileNotFoundError:
                        continue
                    found.append((status.st_mtime, stem, status.st_size))
        return found

    def _sweep(self, now_s: float) -> None:
        """Remove what killed processes left half written."""
        for file in self.folder.glob(".*.tmp"):
            try:
                if now_s - file.stat().st_mtime > KEPT_S:
                    file.unlink(missing_ok=True)
            except FileNotFoundError:
                continue

    def _write(self, path: Path, data: bytes) -> None:
        """Written beside its place, flushed to the disk, then renamed: complete or not there at all."""
        beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
        try:
            try:
                with open(beside, "xb", buffering=0) as file:
                    os.fchmod(file.fileno(), self._mode)
                    left = memoryview(data)
                    while left:
                        left = left[file.write(left) :]
                    os.fsync(file.fileno())
                os.replace(beside, path)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise _store_error(error, path) from error


def _audible(sound: bytes) -> bool:
    return len(sound) > 0 and not is_silent(from_alaw(sound))


def _touch(path: Path) -> None:
    try:
        os.utime(path)
    except OSError:
        pass  # a folder that we may only read: pruning is somebody else's


def _store_error(error: OSError, path: Path) -> StoreError:
    if error.errno in _FULL:
        return StoreFullError(f"no room for speech in {path.parent}: {error.strerror}")
    return StoreError(f"cannot use {path}: {error.strerror}")
