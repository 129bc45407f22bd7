"""What is said in a call, step by step, without I/O: what happened goes in, the next step comes out."""

from __future__ import annotations

from ivr.dialogue.outbound import KEYS, Act, Connect, HangUp, Listen, Outbound, Play, PlayMessage, Step

__all__ = ["KEYS", "Act", "Connect", "HangUp", "Listen", "Outbound", "Play", "PlayMessage", "Step"]
