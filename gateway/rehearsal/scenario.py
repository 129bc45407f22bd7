"""A scenario for the simulated SMSC: who may bind, how it treats messages and links, and what happens when (TOML).

Every key has a default that makes a well-behaved carrier; docs/rehearsal.md shows them at work. A scenario is checked
whole: :func:`gateway.rehearsal.scenario_file.load_scenario` names every fault by its path (``number[1].refuse``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, StringConstraints, ValidationError

from gateway.domain.errors import Fault
from gateway.rehearsal.scenario_faults import faults_of
from gateway.settings.loading import SettingsError
from gateway.settings.values import Host, Port, Secret, Section
from gateway.smpp.pdu import Status
from gateway.smpp.text import LongMessages

# ---------------------------------------------------------------- kinds of values

Milliseconds = Annotated[float, Field(ge=0, le=86_400_000)]
Share = Annotated[float, Field(ge=0, le=1)]
"""From 0 (never) to 1 (always)."""

ANY_ACCOUNT = "*"
"""The system_id that stands for all of them."""


class FinalState(StrEnum):
    """How a message may end, in the words of a receipt's ``stat:`` (SMPP 3.4 appendix B)."""

    DELIVRD = "DELIVRD"
    EXPIRED = "EXPIRED"
    DELETED = "DELETED"
    UNDELIV = "UNDELIV"
    ACCEPTD = "ACCEPTD"
    UNKNOWN = "UNKNOWN"
    REJECTD = "REJECTD"


def read_status(value: object) -> object:
    """A command_status: ``"ESME_RTHROTTLED"``, ``"RTHROTTLED"``, ``"0x58"`` or ``88``.

    Raises:
        ValueError: it is none of these, or no refusal (0).
    """
    if isinstance(value, str):
        name = value.upper().removeprefix("ESME_")
        if f"ESME_{name}" in Status.__members__:
            value = int(Status[f"ESME_{name}"])
        elif re.fullmatch(r"0X[0-9A-F]{1,8}", name):
            value = int(name, 16)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= 0xFFFFFFFF:
        raise ValueError('must be a command_status that is not 0, like "ESME_RTHROTTLED", "0x58" or 88')
    return value


def read_weights(value: object) -> object:
    """``"DELIVRD"`` means always; a table gives each state its weight."""
    return {value: 1.0} if isinstance(value, str) else value


def read_pattern(value: object) -> object:
    """A number with ``*`` for any digits and ``?`` for one, kept without its ``+``.

    Raises:
        ValueError: it is something else.
    """
    plain = value.removeprefix("+") if isinstance(value, str) else ""
    if not re.fullmatch(r"[0-9A-Za-z*?]{1,20}", plain):
        raise ValueError('must be a number, with * for any digits and ? for one, like "31612*"')
    return plain


def read_zone(value: object) -> object:
    """A time zone of the IANA's list.

    Raises:
        ValueError: there is no such zone.
    """
    try:
        ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError('must be a time zone, like "Europe/Amsterdam"') from None
    return value


def read_number(value: object) -> object:
    """A telephone number, kept without its ``+``.

    Raises:
        ValueError: it is no such number.
    """
    plain = value.removeprefix("+") if isinstance(value, str) else ""
    if not re.fullmatch(r"[0-9]{1,20}", plain):
        raise ValueError('must be a number of digits, like "31612345678"')
    return plain


def read_congestion(value: object) -> object:
    """A congestion_state, or ``"throttle"``.

    Raises:
        ValueError: it is neither.
    """
    number = not isinstance(value, bool) and isinstance(value, int) and 0 <= value <= 100
    if not number and value != "throttle":
        raise ValueError('must be from 0 to 100, or "throttle"')
    return value


Congestion = Annotated[int | Literal["throttle"], BeforeValidator(read_congestion)]
StatusCode = Annotated[int, BeforeValidator(read_status)]
Weights = Annotated[dict[FinalState, Annotated[float, Field(ge=0)]], BeforeValidator(read_weights), Field(min_length=1)]
Pattern = Annotated[str, BeforeValidator(read_pattern)]
Number = Annotated[str, BeforeValidator(read_number)]
IdForm = Literal["decimal", "hex", "hex_upper", "padded", "hex_padded", "uuid"]
Alphabet = Literal["gsm7", "latin1", "ascii"]
BindKind = Literal["transmitter", "receiver", "transceiver"]
Mischief = Literal[
    "garbage", "truncated", "cut_off", "oversized", "unknown_pdu", "unknown_tlv", "bad_tlv", "stray_response", "nack"
]
Deed = Literal["drop", "abort", "unbind", "reset", Mischief]
"""What can be done to connections by command."""

# ---------------------------------------------------------------- sections


class Account(Section):
    """Somebody who may bind."""

    system_id: Annotated[str, StringConstraints(min_length=1, max_length=15)]
    password: Secret = Secret("")
    max_binds: Annotated[int, Field(ge=1, le=1000)] = 10
    """One more bind than this is answered with ESME_RALYBND."""
    kinds: tuple[BindKind, ...] = ("transmitter", "receiver", "transceiver")
    """Any other kind is answered with ESME_RBINDFAIL."""

    def faults(self) -> Iterable[Fault]:
        """The password must fit its field (SMPP 3.4 section 4.1.1); ``*`` accepts any."""
        if len(self.password.get_secret_value()) > 8:
            yield Fault("password", "must have at most 8 characters")


class MessageKnobs(Section):
    """How messages are treated: in ``[messages]`` for every number, in ``[[number]]`` for some."""

    latency_ms: Milliseconds = 0.0
    """From a submit to its response."""
    latency_jitter_ms: Milliseconds = 0.0
    """Up to so much is added, a message."""
    out_of_order: bool = False
    """With jitter: responses overtake each other. Otherwise they keep the order of the submits, whatever they cost."""
    throttle_per_s: Annotated[float, Field(gt=0)] | None = None
    """Submits accepted a second (a token bucket); the others get ``throttle_status``.

    A ``[[number]]`` that gives it has a bucket of its own, for all its numbers together."""
    throttle_burst: Annotated[float, Field(ge=1)] | None = None
    """Size of the bucket; a tenth of a second's worth unless given, and at least 1."""
    throttle_status: StatusCode = int(Status.ESME_RTHROTTLED)
    queue_limit: Annotated[int, Field(ge=0)] | None = None
    """Messages on their way to one number; one more gets ESME_RMSGQFUL."""
    refuse: StatusCode | None = None
    """The status that ``refuse_share`` of the submits get, or the first ``refuse_times`` to each number."""
    refuse_share: Share = 1.0
    refuse_times: Annotated[int, Field(ge=1)] | None = None
    swallow_share: Share = 0.0
    """Accepted and delivered, but the response is never sent."""
    lose_share: Share = 0.0
    """Neither accepted nor answered."""
    congestion: Congestion | None = None
    """The congestion_state TLV on responses; ``"throttle"``: how empty the throttle's bucket is."""
    id_form: IdForm = "decimal"
    """The message id in responses."""
    receipt_id_form: Literal["same", IdForm] = "same"
    """The message id in receipts."""
    alphabet: Alphabet = "gsm7"
    """What data_coding 0 means here."""
    delivery_ms: Milliseconds = 0.0
    """From acceptance to the final state; meanwhile the message can be queried, replaced and cancelled."""
    delivery_jitter_ms: Milliseconds = 0.0
    final: Weights = Field(default_factory=lambda: {FinalState.DELIVRD: 1.0})
    """One state, or states by weight; a number keeps its fate while the seed is the same."""
    error: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z]{1,8}$")] | None = None
    """``err:`` of receipts; 000 for DELIVRD and 001 for the rest unless given."""
    receipts: Literal["asked", "always", "never"] = "asked"
    receipt_form: Literal["text", "tlv", "both"] = "both"
    receipt_esm_class: bool = True
    """Whether receipts say in esm_class that they are receipts."""
    receipt_nul: bool = True
    """Whether receipted_message_id ends in the NUL that it should end in."""
    receipt_seconds: bool = False
    """Receipts' dates with seconds (12 digits)."""
    receipt_delay_ms: Milliseconds = 0.0
    """From the final state to its receipt."""
    intermediate: Literal["never", "asked", "always"] = "asked"
    """An ENROUTE receipt upon acceptance; asked for by bit 4 of registered_delivery."""
    receipt_before_response: bool = False
    """Delivered and reported at once, before the submit is answered."""
    receipt_bind: Literal["any", "same", "other"] = "any"
    """Which of the account's receiving binds gets the receipt: the submitting one or another, where there is one."""
    duplicate_receipt_share: Share = 0.0
    lose_receipt_share: Share = 0.0
    unknown_receipt_share: Share = 0.0
    """An extra receipt for a message that nobody sent."""

    def faults(self) -> Iterable[Fault]:
        """Keys that contradict each other."""
        if self.out_of_order and not self.latency_jitter_ms:
            yield Fault("out_of_order", "needs latency_jitter_ms: without it all responses take the same time")
        if not sum(self.final.values()):
            yield Fault("final", "must give at least one state a weight above 0")
        if self.congestion == "throttle" and self.throttle_per_s is None:
            yield Fault("congestion", 'needs throttle_per_s when it is "throttle"')
        if "uuid" in (self.id_form, self.receipt_id_form) and self.receipt_id_form not in ("same", self.id_form):
            yield Fault("receipt_id_form", "cannot differ from id_form where one of them is uuid")
        if self.refuse_times is not None and self.refuse is None:
            yield Fault("refuse_times", "needs refuse")


class NumberKnobs(MessageKnobs):
    """What is different for the numbers of a pattern; the first ``[[number]]`` that fits counts."""

    pattern: Pattern

    def faults(self) -> Iterable[Fault]:
        """None here: only together with ``[messages]`` can the keys contradict each other."""
        return ()


class LinkKnobs(Section):
    """How connections are treated."""

    bind_ms: Milliseconds = 0.0
    """From a bind to its response."""
    refuse_binds: Annotated[int, Field(ge=0)] = 0
    """So many binds are refused with ``refuse_binds_status`` before the next one is looked at."""
    refuse_binds_status: StatusCode = int(Status.ESME_RBINDFAIL)
    binds_per_minute: Annotated[float, Field(gt=0)] | None = None
    """More binds than this get ESME_RTHROTTLED."""
    ghost_s: Annotated[float, Field(ge=0, le=3600)] = 0.0
    """How long a connection that ended without unbind still counts as a bind of its account."""
    session_init_s: Annotated[float, Field(gt=0)] = 30.0
    """A connection that has not bound by then is closed (session_init_timer, SMPP 3.4 section 7.2)."""
    enquire_link_s: Annotated[float, Field(gt=0)] | None = None
    """Silence after which the simulator asks; two unanswered enquiries end the connection."""
    answer_enquire_link: bool = True
    answer_unbind: bool = True
    deliver_window: Annotated[int, Field(ge=1, le=100_000)] = 100
    """deliver_sm without an answer, a connection."""
    deliver_timeout_s: Annotated[float, Field(gt=0)] = 60.0
    """A deliver_sm that is not answered by then is delivered again."""
    redeliver_s: Annotated[float, Field(gt=0)] = 5.0
    """How long after a temporary refusal or a timeout."""
    redeliver_times: Annotated[int, Field(ge=0)] = 3
    drop_after_submits: Annotated[int, Field(ge=1)] | None = None
    """The connection closes upon its so manieth submit, which is accepted and not answered."""
    drop_times: Annotated[int, Field(ge=1)] | None = None
    """How many connections that happens to; all unless given."""
    read_bytes_per_s: Annotated[int, Field(ge=1)] | None = None
    """Reads no faster than this, so that the sender's buffers fill."""
    max_pdu: Annotated[int, Field(ge=16, le=1_000_000)] = 70_000
    reply_long: LongMessages = LongMessages.UDH
    """How citizens' messages of more than one part are sent."""


class Reply(Section):
    """A citizen who answers by SMS."""

    sender: Number
    text: Annotated[str, StringConstraints(min_length=1, max_length=1600)]
    after_s: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    """After the message arrived on the handset; with ``unasked`` after the start."""
    contains: str = ""
    """Only a message with these words is answered."""
    times: Annotated[int, Field(ge=1)] = 1
    to: Number | None = None
    """Where to; the sender of the message unless given."""
    account: str = ANY_ACCOUNT
    """Whose receiver gets it; with ``unasked`` any that is bound unless given, else the one that sent the message."""
    unasked: bool = False

    def faults(self) -> Iterable[Fault]:
        """Who writes without being asked must say to whom."""
        if self.unasked and self.to is None:
            yield Fault("to", "must be given for a message that answers nothing")


class Change(Section):
    """New values for some keys; the others stay as they are."""

    messages: dict[str, Any] = Field(default_factory=dict)
    links: dict[str, Any] = Field(default_factory=dict)
    number: tuple[dict[str, Any], ...] = ()
    """Rules that come before those there are."""


class Event(Section):
    """Something that happens at a time, or at a count of submits."""

    after_s: Annotated[float, Field(ge=0, le=86_400)] | None = None
    after_submits: Annotated[int, Field(ge=1)] | None = None
    every_s: Annotated[float, Field(ge=0.01, le=86_400)] | None = None
    """With ``after_s``: again and again."""
    do: Literal["outbind", Deed] | None = None
    set: Change | None = None
    """Keys of ``messages`` and ``links`` that change."""
    host: Host = "127.0.0.1"
    port: Port | None = None
    """Where an outbind connects to."""
    account: str = ANY_ACCOUNT
    """Whose connections; all unless given."""

    def faults(self) -> Iterable[Fault]:
        """When, and what."""
        if (self.after_s is None) == (self.after_submits is None):
            yield Fault("after_s", "give either after_s or after_submits")
        if self.every_s is not None and self.after_s is None:
            yield Fault("every_s", "needs after_s")
        if (self.do is None) == (self.set is None):
            yield Fault("do", "give either do or set")
        if self.do == "outbind" and (self.port is None or self.account == ANY_ACCOUNT):
            yield Fault("do", "an outbind needs port and account")


class _RuleList(Section):
    """For the paths of faults in a change's rules."""

    number: tuple[NumberKnobs, ...]


class Limits(Section):
    """What the simulator keeps at most, so that it can run for days."""

    connections: Annotated[int, Field(ge=1, le=10_000)] = 200
    pending: Annotated[int, Field(ge=1)] = 500_000
    """Messages on their way; one more gets ESME_RMSGQFUL."""
    kept: Annotated[int, Field(ge=1)] = 500_000
    """Messages that can be queried after their end."""
    numbers: Annotated[int, Field(ge=1)] = 2_000_000
    """Handsets."""
    inbox: Annotated[int, Field(ge=1)] = 100
    """Messages on a handset; older ones go."""
    deliveries: Annotated[int, Field(ge=1)] = 500_000
    """Receipts and replies that wait for a receiver, an account."""


class Scenario(Section):
    """Everything that the simulated SMSC is told before it starts."""

    seed: int = 1
    """Shares and jitter are drawn from it: the same scenario plays the same way."""
    system_id: Annotated[str, StringConstraints(max_length=15)] = "rehearsal"
    """How the SMSC calls itself in bind responses."""
    time_zone: Annotated[str, BeforeValidator(read_zone)] = "UTC"
    """Of the dates in receipts."""
    first_id: Annotated[int, Field(ge=1)] | None = None
    """The first message id; the microseconds since 1970 unless given, so that ids are new after a restart."""
    account: tuple[Account, ...] = (Account(system_id=ANY_ACCOUNT),)
    """Anybody with any password unless given."""
    messages: MessageKnobs = MessageKnobs()
    number: tuple[NumberKnobs, ...] = ()
    links: LinkKnobs = LinkKnobs()
    reply: tuple[Reply, ...] = ()
    event: tuple[Event, ...] = ()
    limits: Limits = Limits()

    def faults(self) -> Iterable[Fault]:
        """Names that must be unique or known."""
        names = [account.system_id for account in self.account]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield Fault(f"account[{index}].system_id", "is there twice")
        users = [(f"reply[{index}]", entry.account) for index, entry in enumerate(self.reply)]
        users += [(f"event[{index}]", event.account) for index, event in enumerate(self.event)]
        for path, account in users:
            if ANY_ACCOUNT not in (account, *names) and account not in names:
                yield Fault(f"{path}.account", f"there is no account {account}")
        for index, rule in enumerate(self.number):
            try:
                self.knobs_for(rule)
            except ValidationError as error:
                yield from faults_of(error, f"number[{index}]")
        for index, event in enumerate(self.event):
            try:
                self.changed(event.set or Change())
            except SettingsError as error:
                yield from (Fault(f"event[{index}].set.{fault.path}", fault.message) for fault in error.faults)

    def knobs_for(self, rule: NumberKnobs) -> MessageKnobs:
        """``[messages]`` with what a ``[[number]]`` says otherwise.

        Raises:
            ValidationError: the two contradict each other.
        """
        own = {name: getattr(rule, name) for name in rule.model_fields_set if name != "pattern"}
        return MessageKnobs(**{**_given(self.messages), **own})

    def changed(self, change: Change) -> Self:
        """A scenario with these changes.

        Raises:
            SettingsError: a key or a value is wrong; nothing has changed.
        """
        try:
            messages = MessageKnobs(**{**_given(self.messages), **change.messages})
        except ValidationError as error:
            raise SettingsError(list(faults_of(error, "messages"))) from None
        try:
            links = LinkKnobs(**{**_given(self.links), **change.links})
        except ValidationError as error:
            raise SettingsError(list(faults_of(error, "links"))) from None
        parts: dict[str, Any] = {**_given(self), "messages": messages, "links": links, "event": ()}
        try:
            rules = _RuleList(number=change.number).number  # type: ignore[arg-type]  # checked here
            changed = type(self)(**{**parts, "number": (*rules, *self.number)})
        except ValidationError as error:
            raise SettingsError(list(faults_of(error))) from None
        return changed.model_copy(update={"event": self.event})


def _given(section: Section) -> dict[str, Any]:
    return {name: getattr(section, name) for name in section.model_fields_set}
