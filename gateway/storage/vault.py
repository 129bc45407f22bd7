"""Numbers at rest: sealed so that only a holder of the key reads them, indexed so that they are found unread.

Sealed is AES-256-GCM with a nonce of its own, so equal numbers look different; the index is a keyed digest
(HMAC-SHA256, cut to 16 bytes), so equal numbers compare equal and nobody without the key can try all of them.
Both keys come from one secret in a file (HKDF, RFC 5869). Losing the file is losing every number: keep a copy of it
apart from the database.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.domain.errors import BurgernetError

SEALED_BYTES = 44
BLIND_BYTES = 16
_NONCE_BYTES = 12
_PADDED_BYTES = 16  # a plus and fifteen digits: the longest number of ITU-T E.164
_SECRET_BYTES = 32


class VaultError(BurgernetError):
    """The key file cannot be used, or does not fit what was sealed."""


class Vault:
    """Seals, opens and indexes numbers.

    Args:
        seal_key: 32 bytes.
        index_key: 32 bytes, another secret.
    """

    def __init__(self, seal_key: bytes, index_key: bytes) -> None:
        if len(seal_key) != _SECRET_BYTES or len(index_key) != _SECRET_BYTES:
            raise VaultError(f"keys have {_SECRET_BYTES} bytes")
        self._aead = AESGCM(seal_key)
        # HMAC (RFC 2104) with the key absorbed once: 1.0 microsecond a number where hmac.digest takes 2.8.
        block = index_key.ljust(sha256().block_size, b"\0")
        self._inner = sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = sha256(bytes(byte ^ 0x5C for byte in block))

    @classmethod
    def from_secret(cls, secret: bytes) -> Vault:
        """Both keys from one secret of 32 bytes."""
        if len(secret) != _SECRET_BYTES:
            raise VaultError(f"the secret has {_SECRET_BYTES} bytes")

        def derive(purpose: bytes) -> bytes:
            return HKDF(SHA256(), _SECRET_BYTES, salt=None, info=b"burgernet/" + purpose).derive(secret)

        return cls(derive(b"seal"), derive(b"index"))

    @classmethod
    def from_key_file(cls, path: str | Path, *, create: bool = True) -> Vault:
        """The vault of a key file: 32 random bytes in base64, readable by its owner only.

        Args:
            path: where the file is, or is to be; its folder is made as well.
            create: make the file where there is none. Of several processes that do so at once one wins, and all get
                its key.

        Raises:
            VaultError: the file is missing, unreadable, readable by others, or holds no key.
        """
        path = Path(path)
        try:
            return cls.from_secret(_read_secret(path))
        except FileNotFoundError:
            if not create:
                raise VaultError(f"{path}: there is no key file") from None
        except OSError as error:
            raise VaultError(f"{path}: {error.strerror}") from error
        try:
            _create_secret(path)
            return cls.from_secret(_read_secret(path))
        except OSError as error:
            raise VaultError(f"{path}: {error.strerror}") from error

    def seal(self, e164: str) -> bytes:
        """Encrypt: nonce, sealed number, tag; 44 bytes, different each time."""
        plain = e164.encode("ascii")
        if not 0 < len(plain) <= _PADDED_BYTES:
            raise ValueError("an E.164 number has at most 15 digits")
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, plain.ljust(_PADDED_BYTES, b"\0"), None)

    def open(self, sealed: bytes) -> str:
        """Decrypt.

        Raises:
            VaultError: sealed with another key, or damaged.
        """
        return self.open_many(sealed)[0]

    def open_many(self, sealed: bytes) -> list[str]:
        """Decrypt a row of sealed numbers of 44 bytes each, in their order. Raises VaultError as :meth:`open` does."""
        if len(sealed) % SEALED_BYTES or not sealed:
            raise VaultError(f"sealed numbers have {SEALED_BYTES} bytes each")
        decrypt = self._aead.decrypt
        try:
            return [
                decrypt(sealed[at : at + _NONCE_BYTES], sealed[at + _NONCE_BYTES : at + SEALED_BYTES], None)
                .rstrip(b"\0")
                .decode("ascii")
                for at in range(0, len(sealed), SEALED_BYTES)
            ]
        except InvalidTag:
            raise VaultError("a number was sealed with another key, or is damaged") from None

    def blind(self, e164: str) -> bytes:
        """The number's index entry: 16 bytes, the same each time."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(e164.encode("ascii"))
        outer.update(inner.digest())
        return outer.digest()[:BLIND_BYTES]


def _read_secret(path: Path) -> bytes:
    """The secret in a file, judged on the very file that is read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise VaultError(f"{path}: is not a file")
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise VaultError(f"{path}: others than its owner may use it; chmod 600 it")
        content = file.read(200)
    try:
        secret = base64.b64decode(content.strip(), validate=True)
    except binascii.Error:
        secret = b""
    if len(secret) != _SECRET_BYTES:
        raise VaultError(f"{path}: holds no key ({_SECRET_BYTES} bytes in base64)")
    return secret


def _create_secret(path: Path) -> None:
    """Make a key file that is whole from the moment that it has its name; leave one that is there alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(_SECRET_BYTES)) + b"\n")
            file.flush()
            os.fsync(descriptor)
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)  # numbers sealed with a key whose name a power cut takes away are lost
        finally:
            os.close(folder)
    finally:
        draft.unlink()
