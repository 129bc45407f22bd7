"""Asterisk's manager interface (AMI) without I/O.

``message`` is the format, ``requests`` what we ask, ``session`` the talk.
"""

from __future__ import annotations

from ivr.ami.message import AmiEvent, AmiReply, AmiRequest, Headers, NoReply
from ivr.ami.requests import (
    CallerId,
    bridge,
    confbridge_kick,
    confbridge_list,
    confbridge_mute,
    core_settings,
    core_show_channels,
    core_status,
    device_state_list,
    hangup,
    originate,
    ping,
    redirect,
    registrations,
    set_var,
)
from ivr.ami.session import AmiProfile, AmiSession, Ended, LoggedIn, LoginRefused, Noticed, Replied, SessionEvent

__all__ = [
    "AmiEvent",
    "AmiProfile",
    "AmiReply",
    "AmiRequest",
    "AmiSession",
    "CallerId",
    "Ended",
    "Headers",
    "LoggedIn",
    "LoginRefused",
    "NoReply",
    "Noticed",
    "Replied",
    "SessionEvent",
    "bridge",
    "confbridge_kick",
    "confbridge_list",
    "confbridge_mute",
    "core_settings",
    "core_show_channels",
    "core_status",
    "device_state_list",
    "hangup",
    "originate",
    "ping",
    "redirect",
    "registrations",
    "set_var",
]
