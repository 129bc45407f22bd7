"""The gateway itself: database, HTTP, policy, privacy, command line and log."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationInfo, field_validator

from gateway.domain.action import Policy, Urgency
from gateway.domain.calling import CallPolicy
from gateway.domain.delivery import Lane, Reason
from gateway.domain.errors import Fault
from gateway.settings.values import Line, Listen, Location, Secret, Section, Surroundings, default_address, matching

_SQLITE = "sqlite:///"
_POSTGRESQL = re.compile(r"postgresql(\+psycopg)?://\S*")


def _beside(checked: dict[str, Any]) -> Path:
    """The folder of the SQLite file; for PostgreSQL none, which is the folder of the settings."""
    url = checked["url"].get_secret_value() if "url" in checked else ""
    return Path(url.removeprefix(_SQLITE).partition("?")[0]).parent if url.startswith(_SQLITE) else Path()


class DatabaseSettings(Section):
    """Where the ledger is."""

    url: Secret = Field(
        default=Secret("sqlite:///burgernet.db"),
        validate_default=True,
        json_schema_extra={"default": "sqlite:///burgernet.db"},
    )
    """sqlite:///FILE, or postgresql+psycopg://USER:PASSWORD@HOST/NAME once more than one daemon shares the work."""
    state_dir: Path = Field(default_factory=_beside, validate_default=True)
    """The folder of the journal, the key and the sounds; beside an SQLite file, else beside the settings file."""
    node: Annotated[Line, StringConstraints(max_length=80)] = ""
    """This machine's name among the daemons; the host's name unless given. Never two daemons with one name."""

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: Secret, info: ValidationInfo) -> Secret:
        url = value.get_secret_value()
        if _POSTGRESQL.fullmatch(url):
            return value
        if not url.startswith(_SQLITE) or not (name := url.removeprefix(_SQLITE).partition("?")[0]):
            raise ValueError("must be sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME")
        if name == ":memory:":
            raise ValueError("must be a file: a ledger in memory proves nothing afterwards")
        # Relative to the settings, not to where a command happens to be started: one file, one ledger.
        query = url.partition("?")[1:]
        return Secret(_SQLITE + str((Surroundings.of(info).folder / name).absolute()) + "".join(query))

    @field_validator("state_dir", mode="after")
    @classmethod
    def _locate(cls, value: Path, info: ValidationInfo) -> Path:
        return (Surroundings.of(info).folder / value.expanduser()).absolute()

    @property
    def shown_url(self) -> str:
        """The URL without its password, for people."""
        return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", self.url.get_secret_value())


class HttpSettings(Section):
    """The HTTP API and console."""

    listen: Listen = default_address("127.0.0.1:8080")
    """Where we listen. Beyond this machine only with TLS or behind a proxy."""
    tls_cert_file: Location | None = None
    """Our certificate with its chain, PEM."""
    tls_key_file: Location | None = None
    """The key of our certificate, PEM."""
    behind_proxy: bool = False
    """A reverse proxy adds TLS; its X-Forwarded-For is believed."""
    max_body_kb: int = Field(default=1024, ge=16, le=102_400)
    """The largest request, in kilobytes; the import of participants is streamed and not counted."""

    def faults(self) -> Iterable[Fault]:
        """What is wrong between the keys."""
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            key = "tls_key_file" if self.tls_key_file is None else "tls_cert_file"
            yield Fault(key, "is required: a certificate and its key go together")
        elif not self.listen.is_loopback and self.tls_cert_file is None and not self.behind_proxy:
            yield Fault(
                "listen",
                f"{self.listen} is open to other machines without TLS: give tls_cert_file and tls_key_file,"
                " or behind_proxy = true where a proxy adds TLS, or listen on 127.0.0.1",
            )


Lanes = Annotated[tuple[Literal["sms", "voice"], ...], Field(min_length=1)]


class LaneSettings(Section):
    """Which lanes an action uses, by its urgency."""

    life_safety: Lanes = ("sms", "voice")
    """Fire, calamity."""
    immediate: Lanes = ("sms", "voice")
    """A missing person, caught in the act, burglary, robbery."""
    routine: Lanes = ("sms", "voice")
    """Information."""

    def of(self, urgency: Urgency) -> frozenset[Lane]:
        """The lanes of an urgency, as the domain knows them."""
        words: Lanes = getattr(self, urgency.word)
        return frozenset(Lane[word.upper()] for word in words)


CallReason = Literal["busy", "no_answer", "call_rejected", "network_timeout", "interworking", "absent", "out_of_order"]
"""Ends of a call after which another one may do better (gateway.domain.calling)."""


class PolicySettings(Section):
    """What the municipality decided once, for every action."""

    lanes: LaneSettings = Field(default_factory=LaneSettings)
    """Which lanes an action uses, by its urgency."""
    life_minutes: int = Field(default=30, ge=1, le=1440)
    """How long an action lives unless it says otherwise."""
    max_life_hours: int = Field(default=24, ge=1, le=168)
    """The longest life that an action may ask for."""
    max_parts: int = Field(default=5, ge=1, le=10)
    """An SMS of more parts is refused unless the request allows it."""
    max_speech_chars: int = Field(default=2000, ge=100, le=3000)
    """A longer spoken text is refused."""
    max_radius_km: float = Field(default=100.0, gt=0, le=500)
    """A larger circle is refused."""
    retry_delays_s: tuple[Annotated[int, Field(ge=1, le=3600)], ...] = (10, 30, 60)
    """How long after the first, second, ... temporary refusal an SMS is tried again; then it has failed."""
    call_retries_s: Mapping[CallReason, tuple[Annotated[int, Field(ge=1, le=3600)], ...]] = Field(default_factory=dict)
    """How long after the first, second, ... end of that kind somebody is called again: { busy = [45, 45] }."""
    ring_s: int = Field(default=30, ge=5, le=120)
    """How long a telephone rings."""
    sms_instead: bool = True
    """Send an SMS to the mobile, where there is one, after a dead number or the last try."""
    resend_uncertain: bool = False
    """Send again what left without an answer, at the risk of a second SMS; a [[carrier]] may differ."""
    confirm_above: int = Field(default=10_000, ge=1)
    """People ask for confirmation before an action that reaches more participants than this."""

    def faults(self) -> Iterable[Fault]:
        """What is wrong between the keys."""
        if self.life_minutes > self.max_life_hours * 60:
            yield Fault("life_minutes", "must not be more than max_life_hours")

    def to_domain(self, rooms: Sequence[str] = ()) -> Policy:
        """The policy as the flows know it; ``rooms`` are the names of the control rooms."""
        return Policy(
            lanes={urgency: self.lanes.of(urgency) for urgency in Urgency},
            life=timedelta(minutes=self.life_minutes),
            max_life=timedelta(hours=self.max_life_hours),
            max_parts=self.max_parts,
            max_speech_chars=self.max_speech_chars,
            max_radius_m=self.max_radius_km * 1000.0,
            retry_delays=tuple(timedelta(seconds=delay) for delay in self.retry_delays_s),
            resend_uncertain=self.resend_uncertain,
            rooms=tuple(rooms),
        )

    def to_calls(self) -> CallPolicy:
        """What was decided about calls, as the flows know it."""
        retries = {
            Reason(word): tuple(timedelta(seconds=delay) for delay in delays)
            for word, delays in self.call_retries_s.items()
        }
        return CallPolicy(
            retries={**CallPolicy().retries, **retries},
            ring=timedelta(seconds=self.ring_s),
            sms_instead=self.sms_instead,
        )


class PrivacySettings(Section):
    """What is kept, how long, and the key under which numbers are sealed."""

    key_file: Location | None = None
    """The key of the numbers, made where there is none, for its owner only; burgernet.key in the state folder."""
    contact_days: int = Field(default=30, ge=1, le=3650)
    """How long it is kept who was contacted, after the action ended; counts stay."""
    audio_days: int = Field(default=7, ge=1, le=365)
    """How long recordings of callers are kept."""


class CliSettings(Section):
    """How the commands reach the daemon."""

    url: Annotated[str, matching(r"https?://[^\s/]+/?", "http:// or https:// and a host")] | None = None
    """The daemon's address, like https://burgernet.example:8443; found from [http] unless given."""
    key_file: Location | None = None
    """A file that holds an API key; the environment variable BURGERNET_KEY goes before it."""
    ca_file: Location | None = None
    """The certificate authority to trust instead of the system's."""


class LogSettings(Section):
    """What the daemon writes to standard error."""

    format: Literal["auto", "json", "human"] = "auto"
    """json: an object a line; human: for eyes; auto: human on a terminal, else json."""
    level: Literal["debug", "info", "warn", "error", "critical"] = "info"
    """The least that is written."""
