"""What every section of the settings is made of: the base class, and types that check themselves."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Self

import pydantic
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from gateway.domain.errors import Fault

MAX_SECRET_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the settings are read.

    Attributes:
        folder: relative paths count from here.
        environ: for ``password_env`` and its like.
    """

    folder: Path = field(default_factory=Path)
    environ: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, info: ValidationInfo) -> Surroundings:
        """The surroundings that ``load`` gave along; the current folder and no environment where there are none."""
        return info.context if isinstance(info.context, Surroundings) else cls()


class SectionFaultsError(ValueError):
    """Faults of a section that concern more than one of its keys; their paths count from the section."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(map(str, self.faults)))


class Section(BaseModel):
    """A table of the settings file: frozen, every key known, the docstring below a key its one line of meaning."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    def faults(self) -> Iterable[Fault]:
        """What is wrong between the keys of this section, each of which is right by itself."""
        return ()

    @field_validator("*", mode="before")
    @classmethod
    def _no_number(cls, value: Any, info: ValidationInfo) -> Any:
        # Python counts true as 1; people who write window = true mean something else.
        if isinstance(value, bool) and cls.model_fields[str(info.field_name)].annotation in (int, float):
            raise ValueError("must be a number")
        return value

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        found = tuple(self.faults())
        if found:
            raise SectionFaultsError(found)
        return self


# ---------------------------------------------------------------- secrets


class Secret(pydantic.Secret[str]):
    """A text that prints ``***`` in ``repr``, ``str`` and JSON; ``get_secret_value()`` gives the text itself."""

    def _display(self) -> str:
        return "***" if self else ""

    def __bool__(self) -> bool:
        return bool(self.get_secret_value())


class SecretSection(Section):
    """A section with one secret, which may also stand in a file or in an environment variable.

    ``NAME``, ``NAME_file`` and ``NAME_env`` exclude each other. The secret is read once, when the settings are
    loaded; a file's last line break does not belong to it.
    """

    @classmethod
    def secret_key(cls) -> str:
        """The secret's own key."""
        return "password"

    @model_validator(mode="before")
    @classmethod
    def _fetch_secret(cls, data: Any, info: ValidationInfo) -> Any:
        if not isinstance(data, dict):
            return data
        key = cls.secret_key()
        given = [name for name in (key, f"{key}_file", f"{key}_env") if data.get(name) is not None]
        if len(given) > 1:
            raise SectionFaultsError([Fault(given[-1], f"give only one of {', '.join(given)}")])
        source = given[0] if given else key
        if source == key or not isinstance(data[source], str | Path):
            return data
        try:
            text = _secret_from(source, str(data[source]), Surroundings.of(info))
        except ValueError as error:
            raise SectionFaultsError([Fault(source, str(error))]) from None
        return {**data, key: text}


def _secret_from(source: str, value: str, surroundings: Surroundings) -> str:
    if source.endswith("_env"):
        text = surroundings.environ.get(value)
        if text is None:
            raise ValueError(f"there is no environment variable {value}")
        return text
    try:
        with (surroundings.folder / value).open("rb") as file:
            raw = file.read(MAX_SECRET_BYTES + 1)
        if len(raw) > MAX_SECRET_BYTES:
            raise ValueError(f"is larger than {MAX_SECRET_BYTES} bytes; that is no password")
        return raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None


# ---------------------------------------------------------------- names and paths


def matching(pattern: str, wanted: str) -> AfterValidator:
    """A validator of texts that match a pattern wholly; ``wanted`` tells people what that is."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(f"must be {wanted}")
        return value

    return AfterValidator(check)


Name = Annotated[str, matching(r"[^\W_][\w .-]{0,79}", "a name: at most 80 letters, digits, blanks, dots and dashes")]
"""How people call a carrier, a trunk or a room; it stands in logs, metrics and the ledger."""


def _locate(path: Path, info: ValidationInfo) -> Path:
    return Surroundings.of(info).folder / path.expanduser()


def _some(value: object) -> object:
    if value == "":
        raise ValueError("is empty; leave the key out instead")
    return value


Location = Annotated[Path, BeforeValidator(_some), AfterValidator(_locate)]
"""A file or folder. A relative path counts from the folder of the settings file."""

# ---------------------------------------------------------------- addresses

_LABEL = re.compile(r"^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)$")


def check_host(host: str) -> str:
    """A host name or an IP address (IPv6 without brackets), as it is.

    Raises:
        ValueError: it is neither (RFC 1123 section 2.1).
    """
    try:
        ipaddress.ip_address(host)
    except ValueError:
        labels = host.removesuffix(".").split(".")
        named = len(host) <= 253 and all(map(_LABEL.match, labels)) and not labels[-1].isdigit()
        if not named:
            raise ValueError("must be a host name or an IP address") from None
    return host


Host = Annotated[str, AfterValidator(check_host)]
Port = Annotated[int, Field(ge=1, le=65535)]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host. A name other than localhost counts as reachable."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.casefold() == "localhost"


@dataclass(frozen=True, slots=True)
class Address:
    """Where something listens. Port 0 lets the system choose."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return is_loopback(self.host)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(value: object) -> Address:
    """``127.0.0.1:8080``, ``localhost:8080`` or ``[::1]:8080``.

    Raises:
        ValueError: it is no such text.
    """
    if isinstance(value, Address):
        return value
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:]+)):([0-9]{1,5})", value if isinstance(value, str) else "")
    if not found or int(found[3]) > 65535:
        raise ValueError("must be an address with a port, like 127.0.0.1:8080 or [::1]:8080")
    return Address(check_host(found[1] or found[2]), int(found[3]))


def default_address(address: str) -> Any:
    """A field that listens there unless told otherwise."""
    return Field(default=parse_address(address), json_schema_extra={"default": address})


Listen = Annotated[
    Address,
    BeforeValidator(parse_address),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "format": "host:port"}),
]


@dataclass(frozen=True, slots=True)
class PortRange:
    """UDP ports from ``first`` to ``last``, both included."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


def parse_port_range(value: object) -> PortRange:
    """``10000-20000``.

    Raises:
        ValueError: it is no range of unprivileged ports.
    """
    if isinstance(value, PortRange):
        return value
    found = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", value if isinstance(value, str) else "")
    if not found or not 1024 <= int(found[1]) < int(found[2]) <= 65535:
        raise ValueError("must be two ports from 1024 to 65535, the lower first, like 10000-20000")
    return PortRange(int(found[1]), int(found[2]))


Ports = Annotated[
    PortRange,
    BeforeValidator(parse_port_range),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "format": "first-last"}),
]


def _check_network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError as error:
        raise ValueError(f"must be an address or a network like 192.0.2.0/28 ({error})") from None


Network = Annotated[str, AfterValidator(_check_network)]

# ---------------------------------------------------------------- telephone numbers


Prefix = Annotated[
    str,
    matching(
        r"\+?[1-9][0-9]{0,14}", "the beginning of an international number, like +31 or 316, without leading zeros"
    ),
    AfterValidator(lambda prefix: prefix.removeprefix("+")),
]
"""The beginning of an E.164 number, kept without its ``+``."""


def _check_phone(value: str) -> str:
    plain = re.sub(r"[ ().-]", "", value)
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}|0[0-9]{4,11}", plain):
        raise ValueError("must be a telephone number, like +31343529850, 0343-529850 or 0800-0011")
    return plain


Phone = Annotated[str, AfterValidator(_check_phone)]
"""A number of our own, national or international, kept as digits (and ``+``) only."""


def no_control_characters(value: str) -> str:
    """A text that may go into a protocol field or a configuration line, as it is.

    Raises:
        ValueError: it holds a line break or another control character.
    """
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise ValueError("must not hold control characters")
    return value


Line = Annotated[str, AfterValidator(no_control_characters)]

# ---------------------------------------------------------------- numbers with units

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Euro = Annotated[float, Field(ge=0, le=100)]
Weight = Annotated[int, Field(ge=1, le=1000)]
Rate = Annotated[float, Field(gt=0, le=1_000_000)]
