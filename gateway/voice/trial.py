"""One look at an Asterisk without a reactor, for ``burgernet check``."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping

from gateway.settings import AsteriskSettings
from ivr.ami import AmiProfile, AmiReply, AmiSession, LoggedIn, LoginRefused, Replied, device_state_list
from ivr.ami.session import Ended

UNREACHABLE = frozenset({"UNAVAILABLE", "INVALID"})
"""Device states of an endpoint that does not answer, or that Asterisk does not know."""

TIMEOUT_S = 5.0


class TrunkTrialError(Exception):
    """Asterisk is not as it should be; the message says how."""


def look_at_trunks(asterisk: AsteriskSettings) -> Mapping[str, str]:
    """Log in as the daemon does and list the state of each PJSIP device, by its name.

    Raises:
        TrunkTrialError: it refuses us, or does not answer as Asterisk does.
        OSError: it cannot be reached.
    """
    until = time.monotonic() + TIMEOUT_S
    with socket.create_connection((asterisk.ami_host, asterisk.ami_port), TIMEOUT_S) as plain:
        connection = plain
        if asterisk.ami_tls:
            connection = ssl.create_default_context().wrap_socket(plain, server_hostname=asterisk.ami_host)
        profile = AmiProfile(asterisk.ami_user, asterisk.ami_secret.get_secret_value(), event_mask="off")
        session = AmiSession(profile, time.monotonic())
        while True:
            for event in session.receive_data(_receive(connection, until), time.monotonic()):
                if isinstance(event, LoggedIn):
                    session.request(device_state_list(), time.monotonic())
                elif isinstance(event, Replied):
                    return _states(event)
                elif isinstance(event, LoginRefused):
                    raise TrunkTrialError(f"the login is refused: {event.message}")
                elif isinstance(event, Ended):
                    raise TrunkTrialError(event.reason)
            connection.sendall(session.data_to_send())


def _receive(connection: socket.socket, until: float) -> bytes:
    connection.settimeout(max(0.01, until - time.monotonic()))
    data = connection.recv(65536)
    if not data:
        raise TrunkTrialError("the connection was closed")
    return data


def _states(replied: Replied) -> Mapping[str, str]:
    reply = replied.reply
    if not isinstance(reply, AmiReply) or not reply.success:
        raise TrunkTrialError(f"it does not list its devices: {getattr(reply, 'message', 'no reply')}")
    pairs = ((event.headers.get("Device", ""), event.headers.get("State", "")) for event in reply.events)
    return {device.removeprefix("PJSIP/"): state for device, state in pairs if device.startswith("PJSIP/")}
