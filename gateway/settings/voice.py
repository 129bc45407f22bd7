"""The telephone: Asterisk, trunks, the numbers that we answer, control rooms and speech."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gateway.domain.errors import Fault
from gateway.settings.values import (
    Euro,
    Host,
    Line,
    Listen,
    Location,
    Name,
    Network,
    Phone,
    Port,
    PortRange,
    Ports,
    Prefix,
    Rate,
    Seconds,
    Secret,
    SecretSection,
    Section,
    Weight,
    default_address,
    is_loopback,
    matching,
)

Identifier = Annotated[str, matching(r"[A-Za-z0-9_-]{1,40}", "at most 40 letters, digits, dashes and underscores")]
"""A name that stands in Asterisk's configuration."""

Language = Literal["nl", "de", "en", "fr", "fy"]
"""As in ``gateway.domain.action.LANGUAGES``."""


class AsteriskSettings(SecretSection):
    """The Asterisk beside us: how we reach it and how it reaches us. In use once there is a [[trunk]]."""

    ami_host: Host = "127.0.0.1"
    """Where Asterisk's manager interface listens."""
    ami_port: Port = 5038
    """Its port."""
    ami_tls: bool = False
    """Connect to it with TLS."""
    ami_user: Identifier = "burgernet"
    """The manager user, with the rights that config/asterisk gives it."""
    ami_secret: Secret = Secret("")
    """The manager user's secret."""
    ami_secret_file: Location | None = None
    """A file that holds the secret."""
    ami_secret_env: str | None = None
    """An environment variable that holds the secret."""
    agi_listen: Listen = default_address("127.0.0.1:4573")
    """Where we listen for FastAGI."""
    agi_allow: tuple[Network, ...] = ()
    """Addresses of the Asterisks, where they are on other machines: FastAGI knows no password."""
    sip_listen: Listen = default_address("127.0.0.1:5060")
    """Where Asterisk listens for SIP."""
    rtp_ports: Ports = Field(default=PortRange(10_000, 20_000), json_schema_extra={"default": "10000-20000"})
    """UDP ports of the sound."""
    sounds: Location | None = None
    """The folder of our sounds, shared with Asterisk; without it a folder in the state folder."""

    @classmethod
    def secret_key(cls) -> str:
        """The secret's own key."""
        return "ami_secret"

    def faults(self) -> Iterable[Fault]:
        """What is wrong between the keys."""
        if not is_loopback(self.ami_host) and not self.ami_tls:
            yield Fault("ami_tls", "must be true: the manager interface of another machine is reached with TLS only")
        if not self.agi_listen.is_loopback and not self.agi_allow:
            yield Fault("agi_allow", "is required: FastAGI knows no password, so name the Asterisks that may connect")


class TrunkSettings(SecretSection):
    """A SIP trunk to a telephone company."""

    name: Identifier
    """How people, logs, metrics and Asterisk call this trunk."""
    host: Host
    """The company's SIP server."""
    port: Port = 5060
    """Its port (5061 is usual with TLS)."""
    transport: Literal["udp", "tcp", "tls"] = "udp"
    """How SIP travels."""
    srtp: bool = False
    """Encrypt the sound."""
    registration: bool = False
    """Register with the company, where it does not know us by our address."""
    username: Annotated[Line, StringConstraints(max_length=80)] = ""
    """The account, where the company wants one."""
    password: Secret = Secret("")
    """The account's password."""
    password_file: Location | None = None
    """A file that holds the password."""
    password_env: str | None = None
    """An environment variable that holds the password."""
    channels: int = Field(default=30, ge=1, le=10_000)
    """Calls at once, both ways, as contracted."""
    calls_per_s: Rate = 5.0
    """New calls a second, as contracted."""
    reserve_inbound: int = Field(default=5, ge=0, le=10_000)
    """Channels that outbound calls never take, kept for citizens who call."""
    caller_id: Phone | None = None
    """The number that people see and can call back; a Burgernet number that this trunk owns."""
    caller_ids: Mapping[Prefix, Phone] = Field(default_factory=dict)
    """Others by the beginning of the called number, like {"+49" = "+31343529850"}: 0800 ends at the border."""
    calls_per_hour: int = Field(default=20_000, ge=1, le=10_000_000)
    """Never more calls than this in an hour, whatever happens: the dam against somebody else's bill."""
    prefixes: tuple[Prefix, ...] = ()
    """Which numbers this trunk takes, like ["+31"]; empty is all."""
    weight: Weight = 1
    """Share of the calls among trunks that take the same number."""
    cost_eur_per_minute: Euro = 0.0
    """Price of a minute, in euro."""

    def faults(self) -> Iterable[Fault]:
        """What is wrong between the keys."""
        if self.reserve_inbound >= self.channels:
            yield Fault("reserve_inbound", "must be less than channels, or no call goes out")
        if self.registration and not self.username:
            yield Fault("username", "is required to register")
        if self.srtp and self.transport != "tls":
            yield Fault("srtp", 'needs transport = "tls", or the key of the sound travels in the open')

    def shown_to(self, e164: str) -> str | None:
        """The number that whoever has this number sees; the longest beginning decides."""
        digits = e164.removeprefix("+")
        fitting = [prefix for prefix in self.caller_ids if digits.startswith(prefix)]
        return self.caller_ids[max(fitting, key=len)] if fitting else self.caller_id

    def match(self, e164: str) -> int:
        """Digits of the longest prefix that fits; 0 where it takes every number, -1 where it does not take this."""
        if not self.prefixes:
            return 0
        digits = e164.removeprefix("+")
        return max((len(prefix) for prefix in self.prefixes if digits.startswith(prefix)), default=-1)


class NumberSettings(Section):
    """A Burgernet number that we answer."""

    number: Phone
    """The number as it is dialled: 0800-0011, or +31… where trunks deliver it so."""
    control_room: Name | None = None
    """The [[control_room]] of callers that belong to no action."""
    language: Language = "nl"
    """In which language we answer."""
    label: Annotated[Line, StringConstraints(max_length=80)] = ""
    """What operators see."""


# It goes into a dial string: nothing but what is needed.
Operator = Annotated[
    str,
    matching(
        r"PJSIP/[A-Za-z0-9_.-]{1,40}|\+[1-9][0-9]{6,14}|0[0-9]{8,11}",
        "an Asterisk endpoint, like PJSIP/desk1, or a telephone number without blanks",
    ),
]


class ControlRoomSettings(Section):
    """A control room (meldkamer) and the operators who take its calls."""

    name: Name
    """How actions and people call this room."""
    operators: tuple[Operator, ...] = ()
    """Where its operators are: PJSIP endpoints, or numbers that a trunk dials."""
    overflow: Name | None = None
    """The room that takes the calls when nobody here answers."""
    overflow_after_s: Seconds = 30.0
    """After how long."""


class SpeechSettings(Section):
    """How text becomes sound."""

    engines: Annotated[tuple[Literal["espeak-ng", "gtts", "piper"], ...], Field(min_length=1)] = ("espeak-ng",)
    """Engines in the order of preference. gtts sends the text to Google: never alone, never the only copy."""
    gtts_timeout_s: Seconds = 3.0
    """How long gtts may take before the next engine speaks."""
    voices: Mapping[Language, Annotated[Line, StringConstraints(min_length=1, max_length=80)]] = Field(
        default_factory=dict
    )
    """espeak-ng voices by language, where it is not the language's own: {en = "en-gb"}."""
    piper_voices: Mapping[Language, Location] = Field(default_factory=dict)
    """Voice files of piper by language."""
    words_per_minute: int = Field(default=150, ge=80, le=300)
    """How fast espeak-ng speaks."""

    def faults(self) -> Iterable[Fault]:
        """What is wrong between the keys."""
        if "espeak-ng" not in self.engines:
            yield Fault("engines", "must hold espeak-ng: it is the engine that always answers")
        if len(set(self.engines)) != len(self.engines):
            yield Fault("engines", "must name each engine once")
        if "piper" in self.engines and not self.piper_voices:
            yield Fault("piper_voices", "is required: piper speaks with a voice file that you give")
