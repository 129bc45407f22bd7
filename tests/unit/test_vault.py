from __future__ import annotations

import base64
import hmac
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.storage.vault import Vault, VaultError

VAULT = Vault(b"s" * 32, b"i" * 32)
E164 = st.from_regex(r"\+[1-9][0-9]{3,14}", fullmatch=True)


@given(E164)
def test_what_is_sealed_opens_to_the_same_number(e164: str) -> None:
    sealed = VAULT.seal(e164)
    assert len(sealed) == 44
    assert VAULT.open(sealed) == e164


@given(st.lists(E164, min_size=1, max_size=20))
def test_many_open_in_their_order(numbers: list[str]) -> None:
    assert VAULT.open_many(b"".join(map(VAULT.seal, numbers))) == numbers


def test_equal_numbers_look_different_sealed_and_equal_in_the_index() -> None:
    assert VAULT.seal("+31612345678") != VAULT.seal("+31612345678")
    assert VAULT.blind("+31612345678") == VAULT.blind("+31612345678")
    assert VAULT.blind("+31612345678") != VAULT.blind("+31612345679")
    assert len(VAULT.blind("+31612345678")) == 16


@given(st.binary(min_size=32, max_size=32), E164)
def test_the_index_is_hmac_sha256_cut_to_16_bytes(key: bytes, e164: str) -> None:
    assert Vault(b"s" * 32, key).blind(e164) == hmac.digest(key, e164.encode(), "sha256")[:16]


def test_the_length_of_a_number_does_not_show() -> None:
    assert len(VAULT.seal("+3114020")) == len(VAULT.seal("+491511234567890"))


def test_another_key_opens_nothing_and_finds_nothing() -> None:
    other = Vault(b"o" * 32, b"p" * 32)
    with pytest.raises(VaultError, match="another key"):
        other.open(VAULT.seal("+31612345678"))
    assert other.blind("+31612345678") != VAULT.blind("+31612345678")


@pytest.mark.parametrize("at", [0, 11, 12, 27, 28, 43])
def test_a_damaged_seal_does_not_open(at: int) -> None:
    sealed = bytearray(VAULT.seal("+31612345678"))
    sealed[at] ^= 1
    with pytest.raises(VaultError, match="damaged"):
        VAULT.open(bytes(sealed))


@pytest.mark.parametrize("sealed", [b"", b"x" * 43, b"x" * 45])
def test_what_is_no_seal_is_refused(sealed: bytes) -> None:
    with pytest.raises(VaultError, match="44 bytes"):
        VAULT.open_many(sealed)


@pytest.mark.parametrize("e164", ["", "+" + "1" * 16])
def test_what_is_no_number_is_not_sealed(e164: str) -> None:
    with pytest.raises(ValueError, match="15 digits"):
        VAULT.seal(e164)


def test_keys_of_another_length_are_refused() -> None:
    with pytest.raises(VaultError):
        Vault(b"short", b"i" * 32)
    with pytest.raises(VaultError):
        Vault.from_secret(b"short")


def test_the_key_file_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "numbers.key"
    first = Vault.from_key_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["numbers.key"]
    again = Vault.from_key_file(path, create=False)
    assert again.open(first.seal("+31612345678")) == "+31612345678"
    assert again.blind("+31612345678") == first.blind("+31612345678")


def test_processes_that_make_the_key_file_at_once_share_one_key(tmp_path: Path) -> None:
    path = tmp_path / "numbers.key"
    barrier = threading.Barrier(8)
    blinds = []

    def open_vault() -> None:
        barrier.wait()
        blinds.append(Vault.from_key_file(path).blind("+31612345678"))

    threads = [threading.Thread(target=open_vault) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(blinds) == 8
    assert len(set(blinds)) == 1
    assert os.listdir(tmp_path) == ["numbers.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o610])
def test_a_key_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "numbers.key"
    Vault.from_key_file(path)
    path.chmod(mode)
    with pytest.raises(VaultError, match="chmod 600"):
        Vault.from_key_file(path)


def test_a_key_file_that_only_its_owner_may_read_will_do(tmp_path: Path) -> None:
    path = tmp_path / "numbers.key"
    Vault.from_key_file(path)
    path.chmod(0o400)
    Vault.from_key_file(path)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"hello", base64.b64encode(b"x" * 31), b"!" * 44, b"x" * 1000, b"\xff" * 44]
)
def test_a_file_that_holds_no_key_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "numbers.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(VaultError, match="holds no key"):
        Vault.from_key_file(path)
    assert path.read_bytes() == content


def test_a_missing_key_file_is_not_made_where_that_is_not_wanted(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="no key file"):
        Vault.from_key_file(tmp_path / "numbers.key", create=False)
    assert os.listdir(tmp_path) == []


def test_a_folder_or_a_pipe_is_no_key_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(VaultError, match="not a file"):
        Vault.from_key_file(tmp_path / "pipe")
    with pytest.raises(VaultError, match="directory"):
        Vault.from_key_file(tmp_path)
