"""The voice lane: calls through Asterisk."""
