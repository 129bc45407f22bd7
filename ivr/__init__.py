"""Asterisk without I/O: FastAGI, the manager interface, calls and dialogues."""
