"""One bind, made and undone: does this carrier take us? For commands that have no reactor; the session is the same."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Sequence

from gateway.carriers.link import profile_of, refusal
from gateway.domain.errors import BurgernetError
from gateway.settings import CarrierSettings
from gateway.smpp.pdu import Command
from gateway.smpp.session import BindRefused, Bound, Ended, Event, Session


class TrialError(BurgernetError):
    """The carrier did not take us; says why."""


def bind_once(settings: CarrierSettings) -> str:
    """Connect, bind, unbind; returns how the carrier calls itself.

    Raises:
        TrialError: it refused the bind, did not answer it, or closed the connection.
        OSError: no connection came about, or TLS failed.
    """
    command = Command.BIND_TRANSCEIVER if settings.bind == "transceiver" else Command.BIND_TRANSMITTER
    session: Session[None] = Session(profile_of(settings, command))
    with _connect(settings) as connection:
        session.bind(time.monotonic())
        while True:
            for event in _turn(session, connection, settings.bind_timeout_s):
                match event:
                    case Bound(peer):
                        session.unbind(time.monotonic())
                        connection.sendall(session.data_to_send())
                        return peer
                    case BindRefused(status):
                        raise TrialError(refusal(status))
                    case Ended(reason):
                        raise TrialError(reason)


def _turn(session: Session[None], connection: socket.socket, timeout_s: float) -> Sequence[Event[None]]:
    """Write what is to be written, wait for what comes."""
    connection.sendall(session.data_to_send())
    connection.settimeout(timeout_s)
    try:
        data = connection.recv(65536)
    except TimeoutError:
        return [BindRefused(None)]
    if not data:
        raise TrialError("the carrier closed the connection")
    return session.receive_data(data, time.monotonic())


def _connect(settings: CarrierSettings) -> socket.socket:
    plain = socket.create_connection((settings.host, settings.port), settings.connect_timeout_s)
    if not settings.tls:
        return plain
    context = ssl.create_default_context(cafile=settings.tls_ca_file)
    if settings.tls_cert_file is not None:
        context.load_cert_chain(settings.tls_cert_file, settings.tls_key_file)
    return context.wrap_socket(plain, server_hostname=settings.tls_server_name or settings.host)
