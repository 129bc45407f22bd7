"""What can go wrong in the two protocols, and by whose hand."""

from __future__ import annotations


class IvrError(Exception):
    """Base of all of them. Their words may be logged: they hold no number, no text and no secret."""


class LocalProtocolError(IvrError):
    """We asked for something that the protocol does not allow: a fault of ours."""


class RemoteProtocolError(IvrError):
    """The peer sent what the protocol does not allow; the stream can no longer be followed."""


class AmiLocalProtocolError(LocalProtocolError):
    """A request that may not be sent to the manager interface, or not now."""


class AmiRemoteProtocolError(RemoteProtocolError):
    """What came is not, or not any more, Asterisk's manager interface."""


class AgiLocalProtocolError(LocalProtocolError):
    """A command that may not be sent to Asterisk, or not now."""


class AgiRemoteProtocolError(RemoteProtocolError):
    """What came is not, or not any more, Asterisk's side of AGI."""


class CallError(LocalProtocolError):
    """The call book was asked for something that cannot be: a ChannelId twice, one call too many."""


class DialogueError(LocalProtocolError):
    """A dialogue was given an input that its state does not take: a fault of whoever drives it."""
