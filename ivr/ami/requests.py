"""The requests that we make. What is built here cannot carry anything from outside where it does not belong.

Rights: ``write = originate,call,reporting`` is enough for all of them; ``system``, ``command`` and ``config`` stay off.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ivr.ami.message import AmiRequest
from ivr.errors import AmiLocalProtocolError

_CHANNEL = re.compile(r"(?:PJSIP|Local)/[A-Za-z0-9_.+@:/-]{1,150}", re.ASCII)  # what Originate dials
_CHANNEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+@:/;-]{0,149}", re.ASCII)  # a channel that is up, or its id
_WORD = re.compile(r"[A-Za-z0-9_.+-]{1,79}", re.ASCII)
_VARIABLE = re.compile(r"_{0,2}[A-Za-z][A-Za-z0-9_]{0,79}", re.ASCII)
_NUMBER = re.compile(r"\+?[0-9*#]{1,30}", re.ASCII)
_CODEC = re.compile(r"[a-z0-9]{1,20}", re.ASCII)

# Asterisk takes a Variable header apart at commas, and eats quotes and backslashes on the way (tried on 22.10).
_EATEN = re.compile(r'[,"\\]')

MAX_CAUSE = 127  # Q.850


@dataclass(frozen=True, slots=True)
class CallerId:
    """Who calls, as the called person's telephone shows it. The number must be one that they can call back."""

    number: str
    name: str = ""

    def __str__(self) -> str:
        if not _NUMBER.fullmatch(self.number):
            raise AmiLocalProtocolError("a caller id that is no number")
        if re.search(r'["<>\\]', self.name):
            raise AmiLocalProtocolError("a quote, bracket or backslash in a caller's name")
        return f'"{self.name}" <{self.number}>'


def originate(
    channel: str,
    *,
    context: str,
    exten: str,
    channel_id: str,
    priority: int = 1,
    caller_id: CallerId | None = None,
    timeout_s: float = 30.0,
    variables: Mapping[str, str] | None = None,
    codecs: Sequence[str] = (),
    account: str = "",
) -> AmiRequest:
    """Place a call, and have the dialplan take it when it is answered.

    Always ``Async`` (a call without it blocks the whole connection) and always to the dialplan: Originate with an
    Application would want the right ``system`` (main/manager.c).

    Args:
        channel: what to dial, ``PJSIP/+31343529850@trunk``.
        context: where the dialplan takes the call.
        exten: likewise.
        priority: likewise.
        caller_id: whom the called person sees.
        channel_id: ours, used once for ever: Asterisk refuses it a second time while the first is up, and events are
            matched by it.
        timeout_s: how long it may ring.
        variables: channel variables. A value may not hold a comma, a quote or a backslash: Asterisk would change it.
        codecs: of the leg, ``("alaw",)``; empty is what the endpoint allows.
        account: account code, for Asterisk's own records.

    Raises:
        AmiLocalProtocolError: a value that does not belong in its place.
    """
    headers = [
        ("Channel", _checked(_CHANNEL, channel, "Channel")),
        ("Context", _checked(_WORD, context, "Context")),
        ("Exten", _checked(_WORD, exten, "Exten")),
        ("Priority", str(priority)),
        ("Timeout", str(round(timeout_s * 1000))),
        ("Async", "true"),
        ("ChannelId", _checked(_WORD, channel_id, "ChannelId")),
    ]
    if caller_id is not None:
        headers.append(("CallerID", str(caller_id)))
    if codecs:
        headers.append(("Codecs", ",".join(_checked(_CODEC, codec, "Codecs") for codec in codecs)))
    if account:
        headers.append(("Account", _checked(_WORD, account, "Account")))
    headers += [("Variable", _assignment(name, value)) for name, value in (variables or {}).items()]
    return AmiRequest("Originate", tuple(headers))


def hangup(channel: str, cause: int | None = None) -> AmiRequest:
    """End a call, by the name of its channel or by its id.

    Args:
        channel: its name or its ChannelId.
        cause: Q.850, what the far end is told; ``None`` is normal clearing.
    """
    headers = [("Channel", _channel(channel))]
    if cause is not None:
        if not 0 < cause <= MAX_CAUSE:
            raise AmiLocalProtocolError(f"{cause} is no cause of Q.850")
        headers.append(("Cause", str(cause)))
    return AmiRequest("Hangup", tuple(headers))


def core_show_channels() -> AmiRequest:
    """List every channel that is up; the reply's events are its items (``CoreShowChannel``)."""
    return AmiRequest("CoreShowChannels")


def device_state_list() -> AmiRequest:
    """List the state of every device; a trunk is ``PJSIP/name`` there, ``UNAVAILABLE`` when nobody answers."""
    return AmiRequest("DeviceStateList")


def registrations() -> AmiRequest:
    """List our registrations with telephone companies (``OutboundRegistrationDetail``)."""
    return AmiRequest("PJSIPShowRegistrationsOutbound")


def core_settings() -> AmiRequest:
    """Ask for Asterisk's version and limits."""
    return AmiRequest("CoreSettings")


def core_status() -> AmiRequest:
    """Ask since when Asterisk runs: a new start means that every call before it is gone."""
    return AmiRequest("CoreStatus")


def ping() -> AmiRequest:
    """Ask for a sign of life."""
    return AmiRequest("Ping")


def set_var(channel: str, name: str, value: str) -> AmiRequest:
    """Set a variable of a channel. Unlike in :func:`originate` the value may hold anything but line breaks."""
    if not _VARIABLE.fullmatch(name):
        raise AmiLocalProtocolError("a variable's name")
    return AmiRequest("Setvar", (("Channel", _channel(channel)), ("Variable", name), ("Value", value)))


def redirect(channel: str, *, context: str, exten: str, priority: int = 1) -> AmiRequest:
    """Have a channel go on elsewhere in the dialplan."""
    return AmiRequest(
        "Redirect",
        (
            ("Channel", _channel(channel)),
            ("Context", _checked(_WORD, context, "Context")),
            ("Exten", _checked(_WORD, exten, "Exten")),
            ("Priority", str(priority)),
        ),
    )


def bridge(channel1: str, channel2: str, *, tone: bool = False) -> AmiRequest:
    """Connect two channels that are up with each other."""
    headers = (("Channel1", _channel(channel1)), ("Channel2", _channel(channel2)))
    return AmiRequest("Bridge", (*headers, ("Tone", "Both" if tone else "no")))


def confbridge_list(conference: str | None = None) -> AmiRequest:
    """List the participants of a conference, or every conference where none is named."""
    if conference is None:
        return AmiRequest("ConfbridgeListRooms")
    return AmiRequest("ConfbridgeList", (_conference(conference),))


def confbridge_kick(conference: str, channel: str) -> AmiRequest:
    """Send somebody out of a conference."""
    return AmiRequest("ConfbridgeKick", (_conference(conference), ("Channel", _channel(channel))))


def confbridge_mute(conference: str, channel: str, *, muted: bool = True) -> AmiRequest:
    """Silence somebody in a conference, or give the voice back."""
    name = "ConfbridgeMute" if muted else "ConfbridgeUnmute"
    return AmiRequest(name, (_conference(conference), ("Channel", _channel(channel))))


def _conference(conference: str) -> tuple[str, str]:
    return ("Conference", _checked(_WORD, conference, "Conference"))


def _channel(channel: str) -> str:
    # A name that begins with a slash would be a regular expression to Hangup: every call at once.
    return _checked(_CHANNEL_NAME, channel, "Channel")


def _checked(pattern: re.Pattern[str], value: str, what: str) -> str:
    if not pattern.fullmatch(value):
        raise AmiLocalProtocolError(f"{what} holds what does not belong there")
    return value


def _assignment(name: str, value: str) -> str:
    if not _VARIABLE.fullmatch(name):
        raise AmiLocalProtocolError(f"{name!r} is no variable")
    if _EATEN.search(value) or value != value.strip():
        raise AmiLocalProtocolError(f"{name}: Asterisk would change a comma, quote, backslash or outer blank")
    return f"{name}={value}"
