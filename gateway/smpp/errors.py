"""What can go wrong in the protocol, and by whose hand."""

from __future__ import annotations

from gateway.domain.errors import BurgernetError


class SmppError(BurgernetError):
    """Base of the two."""


class LocalProtocolError(SmppError):
    """We asked for something that the protocol does not allow: a fault of ours."""


class RemoteProtocolError(SmppError):
    """The peer sent what the protocol does not allow.

    Attributes:
        status: the command_status to answer with.
        fatal: whether the stream can no longer be followed, so that the connection must go.
        sequence: of the PDU, where it could be read, else 0.
    """

    def __init__(self, message: str, *, status: int, fatal: bool = False, sequence: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.fatal = fatal
        self.sequence = sequence
