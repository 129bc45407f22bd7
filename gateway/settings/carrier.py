"""Carriers: those we connect to (``[[carrier]]``) and those that connect to us (``[smpp_listener]``).

A carrier is configured, not programmed: each key is a way in which carriers differ. Lengths are those of SMPP 3.4
section 4.1.1, the terminating NUL taken off.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema

from gateway.domain.errors import Fault
from gateway.settings.values import (
    Euro,
    Host,
    Listen,
    Location,
    Name,
    Network,
    Port,
    Prefix,
    Rate,
    Seconds,
    Secret,
    SecretSection,
    Section,
    Weight,
)

MAX_PASSWORD_LENGTH = 8

ErrorClass = Literal["slow_down", "temporary", "number", "profile", "session", "bind"]
"""What to do about a status (facts: error classes).

``slow_down``: send slower, no attempt counted. ``temporary``: try again within the action's life. ``number``: this
number is refused for good. ``profile``: our settings are wrong, stop the link. ``session``: bind again. ``bind``:
wait long before the next bind, call a human.
"""


def _check_octets(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise ValueError("must be printable ASCII")
    return value


SystemId = Annotated[str, StringConstraints(min_length=1, max_length=15), AfterValidator(_check_octets)]
Ton = Annotated[int, Field(ge=0, le=6)]
Npi = Annotated[int, Field(ge=0, le=18)]

_INTERNATIONAL = re.compile(r"\+[1-9][0-9]{6,14}")
_SHORT_CODE = re.compile(r"[0-9]{3,8}")
_ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ._&'!+-]{1,11}")


def _check_sender(value: str) -> str:
    if value and not any(kind.fullmatch(value) for kind in (_INTERNATIONAL, _SHORT_CODE, _ALPHANUMERIC)):
        raise ValueError(
            "must be an international number with its + (people can answer it), a short code of 3 to 8 digits,"
            " or at most 11 letters and digits with a letter among them"
        )
    return value


Sender = Annotated[str, AfterValidator(_check_sender)]


def _parse_receipts(value: object) -> object:
    if isinstance(value, bool):
        return int(value)
    if value in (0, 1, 2):
        return value
    raise ValueError("must be true, false, 0 (none), 1 (success and failure) or 2 (failure only)")


RegisteredDelivery = Annotated[
    Literal[0, 1, 2], BeforeValidator(_parse_receipts), WithJsonSchema({"enum": [True, False, 0, 1, 2]})
]


def _parse_status(text: str) -> int:
    if not re.fullmatch(r"0[xX][0-9A-Fa-f]{1,8}", text):
        # Lists of carriers mix 0x50 and decimal 74 for the same thing: insist on the form that cannot be misread.
        raise ValueError(f"{text!r}: write the status in hexadecimal, like 0x58")
    return int(text, 16)


def _parse_error_table(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {_parse_status(key) if isinstance(key, str) else key: meaning for key, meaning in value.items()}


ErrorTable = Annotated[Mapping[int, ErrorClass], BeforeValidator(_parse_error_table)]


def _parse_countries(value: object) -> object:
    if not isinstance(value, dict):
        return value
    found = {str(key).removeprefix("+"): price for key, price in value.items()}
    for key in found:
        if not re.fullmatch(r"[1-9][0-9]{0,2}", key):
            raise ValueError(f"{key!r}: write the calling code of a country, like 31 or +31")
    return found


Prices = Annotated[Mapping[str, Euro], BeforeValidator(_parse_countries)]


def _parse_senders(value: object) -> object:
    if not isinstance(value, dict):
        return value
    for key in value:
        if not re.fullmatch(r"\+?[1-9][0-9]{0,2}|[a-z][a-z_]{0,31}", str(key)):
            raise ValueError(f"{key!r}: write a calling code, like +32, or a domain, like amber_alert")
    return {str(key).removeprefix("+"): sender for key, sender in value.items()}


Senders = Annotated[Mapping[str, Sender], BeforeValidator(_parse_senders)]


class CarrierSettings(SecretSection):
    """An SMSC that we bind to as an ESME."""

    name: Name
    """How people, logs, metrics and the ledger call this carrier. A renamed carrier is another carrier."""
    host: Host
    """The SMSC's host name or address."""
    port: Port = 2775
    """The SMSC's TCP port (IANA: 2775 smpp; 3550 is usual with TLS)."""
    outbind: bool = False
    """The carrier connects to us ([smpp_listener]) and asks us to bind there; host and port are not used."""
    system_id: SystemId
    """The account at the carrier (SMPP 3.4 §4.1.1)."""
    password: Secret = Secret("")
    """The account's password, at most 8 characters (SMPP 3.4 §4.1.1); better kept in a file or the environment."""
    password_file: Location | None = None
    """A file that holds the password."""
    password_env: str | None = None
    """An environment variable that holds the password."""
    system_type: Annotated[str, StringConstraints(max_length=12), AfterValidator(_check_octets)] = ""
    """The system_type of the bind, where the carrier wants one."""
    service_type: Annotated[str, StringConstraints(max_length=5), AfterValidator(_check_octets)] = ""
    """The service_type of each message, where the carrier wants one."""
    address_range: Annotated[str, StringConstraints(max_length=40), AfterValidator(_check_octets)] = ""
    """The address_range of the bind: which numbers' replies come here, where the carrier wants it."""

    bind: Literal["transceiver", "transmitter+receiver"] = "transceiver"
    """One connection for both ways, or a pair of connections for carriers that know no transceiver."""
    binds: int = Field(default=1, ge=1, le=50)
    """How many such binds; carriers grant one or two unless agreed otherwise."""
    window: int = Field(default=10, ge=1, le=10_000)
    """Messages under way without an answer, per bind; 10 is what carriers grant unless agreed otherwise."""
    rate_per_s: Rate | None = None
    """Segments a second over all binds, as contracted; without it we send as fast as the carrier answers."""

    tls: bool = False
    """Connect with TLS; the certificate is always verified."""
    tls_ca_file: Location | None = None
    """The certificate authority to trust instead of the system's."""
    tls_cert_file: Location | None = None
    """Our certificate, where the carrier asks for one."""
    tls_key_file: Location | None = None
    """The key of our certificate."""
    tls_server_name: Host | None = None
    """The name in the carrier's certificate, where it is not the host."""

    sender: Sender = ""
    """What people see as sender: a +number (the only one that people can answer), a short code, or up to 11 letters."""
    senders: Senders = Field(default_factory=dict)
    """Other senders by calling code ("+32") or domain ("amber_alert"); the domain goes before the country."""
    source_ton: Ton | None = None
    """Type of number of the sender; found from the sender unless given (SMPP 3.4 §5.2.5)."""
    source_npi: Npi | None = None
    """Numbering plan of the sender; found from the sender unless given (SMPP 3.4 §5.2.6)."""
    dest_ton: Ton = 1
    """Type of number of the participants: 1, international."""
    dest_npi: Npi = 1
    """Numbering plan of the participants: 1, E.164."""

    default_alphabet: Literal["gsm7", "latin1", "ascii"] = "gsm7"
    """What data_coding 0 means to this carrier; gsm7 is sent unpacked, one character an octet."""
    long_messages: Literal["udh8", "udh16", "sar", "message_payload"] = "udh8"
    """How parts are told to belong together: header with 8- or 16-bit reference, SAR parameters, or one payload."""
    registered_delivery: RegisteredDelivery = 1
    """Receipts wanted: true or 1 (success and failure), 2 (failure only), false or 0 (none: nothing is proven)."""
    intermediate_receipts: bool = False
    """Ask for intermediate receipts too (SMPP 3.4 §5.2.17, bit 4)."""
    message_id_form: Literal["as_is", "hex_response", "hex_receipt", "learn"] = "as_is"
    """Where ids differ in form: the response's or the receipt's is hexadecimal; learn finds out from the first ones."""
    validity: Literal["absolute", "relative", "none"] = "absolute"
    """How the end of the action's life is told to the carrier (SMPP 3.4 §7.1.1); none leaves it to the carrier."""
    flash: bool = False
    """Life-safety messages appear on the screen at once (class 0) instead of in the inbox."""
    replace_types: bool = False
    """A correction replaces the first text on the handset (protocol_id 0x41 to 0x47)."""
    replace_sm: bool = False
    """The carrier heeds replace_if_present_flag: a correction replaces what it has not delivered yet."""
    cancel_sm: bool = False
    """The carrier knows cancel_sm: a stopped action cancels what it has not delivered yet."""

    prefixes: tuple[Prefix, ...] = ()
    """Which numbers this carrier takes, like ["+31", "+32"]; empty is all."""
    weight: Weight = 1
    """Share of the messages among carriers that take the same number at the same cost."""
    cost_eur: Euro = 0.0
    """Price of a segment, in euro."""
    costs_eur: Prices = Field(default_factory=dict)
    """Prices of a segment by calling code, where they differ: {"+49" = 0.11}."""

    connect_timeout_s: Seconds = 10.0
    """How long a connection may take to come about."""
    bind_timeout_s: Seconds = 10.0
    """How long the answer to a bind may take."""
    enquire_link_s: Seconds = 20.0
    """Ask after the link when it was idle this long; two misses and it is dead."""
    slow_response_s: Seconds = 4.0
    """When nothing was answered for so long, what still waits goes to another carrier until an answer comes."""
    response_timeout_s: Seconds = 60.0
    """An answer that takes longer never comes: the message is uncertain."""
    inactivity_s: Seconds = 300.0
    """Close a connection on which nothing was heard for so long."""
    reconnect_min_s: Seconds = 1.0
    """Pause before the first new try; doubled each time, with jitter."""
    reconnect_max_s: Seconds = 60.0
    """The longest pause between tries."""
    refused_bind_s: Seconds = 60.0
    """Pause after a refused bind (password, account): carriers ban who asks again too often."""

    error_table: ErrorTable = Field(default_factory=dict)
    """What to do about a status where this carrier means something else by it: {"0x45" = "number"}."""
    resend_uncertain: bool | None = None
    """Send again what left without an answer, at the risk of a second SMS; without it, as [policy] says."""

    def faults(self) -> Iterable[Fault]:
        """What is wrong between the keys."""
        length = len(self.password.get_secret_value())
        if length > MAX_PASSWORD_LENGTH:
            yield Fault("password", f"has {length} characters; a bind holds at most {MAX_PASSWORD_LENGTH}")
        if not self.password.get_secret_value().isascii() or "\0" in self.password.get_secret_value():
            yield Fault("password", "must be ASCII")
        if self.reconnect_max_s < self.reconnect_min_s:
            yield Fault("reconnect_max_s", "must not be less than reconnect_min_s")
        if self.slow_response_s > self.response_timeout_s:
            yield Fault("slow_response_s", "must not be more than response_timeout_s")
        if self.inactivity_s <= self.enquire_link_s:
            yield Fault("inactivity_s", "must be more than enquire_link_s, or every quiet link is closed")
        yield from self._tls_faults()

    def _tls_faults(self) -> Iterable[Fault]:
        given = [
            key for key in ("tls_ca_file", "tls_cert_file", "tls_key_file", "tls_server_name") if getattr(self, key)
        ]
        if given and not self.tls:
            yield Fault(given[0], "means nothing without tls = true")
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            key = "tls_key_file" if self.tls_key_file is None else "tls_cert_file"
            yield Fault(key, "is required: a certificate and its key go together")

    @property
    def registered_delivery_octet(self) -> int:
        """The registered_delivery field of a submit_sm (SMPP 3.4 §5.2.17)."""
        return self.registered_delivery | (0x10 if self.intermediate_receipts else 0)

    def source_for(self, country: int, domain: str) -> tuple[int, int, str]:
        """Type of number, numbering plan and address of the sender towards a country, for a domain's message."""
        sender = self.senders.get(domain) or self.senders.get(str(country)) or self.sender
        ton, npi, address = source_address(sender)
        return (
            ton if self.source_ton is None else self.source_ton,
            npi if self.source_npi is None else self.source_npi,
            address,
        )

    def price_of(self, number: str) -> float:
        """What a segment to that E.164 number costs, in euro."""
        if not self.costs_eur:
            return self.cost_eur
        return next((price for code, price in self.costs_eur.items() if number.startswith(code, 1)), self.cost_eur)

    def price_eur(self, country: int) -> float:
        """What a segment to that calling code costs, in euro."""
        return self.costs_eur.get(str(country), self.cost_eur)


def source_address(sender: str) -> tuple[int, int, str]:
    """Type of number, numbering plan and address of a sender (SMPP 3.4 §5.2.5, §5.2.6).

    A number is international ISDN (1, 1) without its ``+``; letters are alphanumeric (5, 0); a short code is network
    specific (3, 0); nothing is unknown (0, 0), and the carrier puts its own.
    """
    if not sender:
        return 0, 0, ""
    if _INTERNATIONAL.fullmatch(sender):
        return 1, 1, sender[1:]
    if sender.isdigit():
        return 3, 0, sender
    return 5, 0, sender


class PeerSettings(SecretSection):
    """A carrier's system that connects to us."""

    system_id: SystemId
    """The name with which it binds."""
    password: Secret = Secret("")
    """The password with which it binds."""
    password_file: Location | None = None
    """A file that holds the password."""
    password_env: str | None = None
    """An environment variable that holds the password."""
    carrier: Name | None = None
    """The [[carrier]] whose receipts and replies it brings, and which is bound after an outbind."""
    allow: tuple[Network, ...] = ()
    """Addresses and networks from which it may connect; empty is any, on a loopback or TLS listener only."""
    max_binds: int = Field(default=2, ge=1, le=50)
    """How many connections it may hold."""
    rate_per_s: Rate = 200.0
    """PDUs a second that we take; what comes faster is throttled."""

    def faults(self) -> Iterable[Fault]:
        """What is wrong between the keys."""
        if not self.password:
            yield Fault("password", "is required (or password_file, or password_env)")


class SmppListenerSettings(Section):
    """Carriers that connect to us: outbind, or a bind of their own to bring receipts and replies."""

    listen: Listen | None = None
    """Where we listen for carriers; without it we do not."""
    tls_cert_file: Location | None = None
    """Our certificate; with it every connection is TLS."""
    tls_key_file: Location | None = None
    """The key of our certificate."""
    init_timeout_s: Seconds = 10.0
    """How long a connection may be open before it asks for anything."""
    inactivity_s: Seconds = 300.0
    """How long a bound carrier may be silent, our enquire_link included."""
    max_connections: int = Field(default=50, ge=1, le=10_000)
    """Connections at once, over all peers."""
    peer: tuple[PeerSettings, ...] = ()
    """Who may bind; everybody else is refused."""

    def faults(self) -> Iterable[Fault]:
        """What is wrong between the keys."""
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            key = "tls_key_file" if self.tls_key_file is None else "tls_cert_file"
            yield Fault(key, "is required: a certificate and its key go together")
        if self.listen is None or self.listen.is_loopback or self.tls_cert_file is not None:
            return
        for index, peer in enumerate(self.peer):
            if not peer.allow:
                yield Fault(f"peer[{index}].allow", "is required: the listener is open to others and has no TLS")
