"""The HTTP API, server-sent events and what operators see in a browser."""
