"""gTTS: Google Translate's voices. Off unless somebody allows that the text goes to a third party; never alone."""

from __future__ import annotations

import base64
import binascii
import logging
import re
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from time import monotonic
from typing import Any

import requests
from gtts import gTTS
from gtts.tts import gTTSError

from audio.engines.decode import decode_mp3
from audio.engines.engine import check_sound
from audio.errors import EngineError, Failure
from audio.pcm import Pcm

logging.getLogger("gtts").setLevel(logging.WARNING)  # it logs every text that it speaks, at debug level

LANGUAGES = frozenset({"nl", "de", "en", "fr"})
"""Ours that it speaks; it has no Frisian."""

Sender = Callable[[Any, float], Any]
"""Sends a prepared request under a time-out in seconds and gives the response."""


def send_verified(request: Any, timeout_s: float) -> Any:
    """Send with the server's certificate checked; gTTS 2.5.4 itself sends with ``verify=False``."""
    with requests.Session() as session:
        return session.send(request, verify=True, proxies=urllib.request.getproxies(), timeout=timeout_s)


class _Speech(gTTS):  # type: ignore[misc]  # gTTS carries no types
    """gTTS with a certificate check and one deadline over all of its requests (one per 100 characters)."""

    def __init__(self, text: str, language: str, until: float, send: Sender) -> None:
        super().__init__(text=text, lang=language)
        self._until = until
        self._send = send

    def stream(self) -> Iterator[bytes]:
        """The MP3, a part per request. Raises what requests raises, and gTTSError where there is no sound in it."""
        for request in self._prepare_requests():
            response = self._send(request, max(0.1, self._until - monotonic()))
            response.raise_for_status()
            found = re.search(r'jQ1olc","\[\\"([A-Za-z0-9+/=]*)\\"]', response.text)
            if found is None:
                raise gTTSError("no sound in the response")
            yield base64.b64decode(found.group(1))


@dataclass(frozen=True)
class Google:
    """gTTS.

    Attributes:
        allow_third_party: the operator's word that message texts may be sent to Google. Without it this engine
            refuses every text.
        timeout_s: how long it may take for a text, where the caller would wait longer.
        send: how a request leaves; a test puts its own here.
    """

    allow_third_party: bool = False
    timeout_s: float = 10.0
    ffmpeg: str = "ffmpeg"
    send: Sender = send_verified
    name: str = "gtts"
    third_party: bool = True
    whole_text: bool = True

    @property
    def languages(self) -> frozenset[str]:
        """See :data:`LANGUAGES`."""
        return LANGUAGES

    def identity(self, language: str) -> str:
        """See :class:`audio.engines.engine.Engine`."""
        self._require(language)
        return f"{self.name} {version('gTTS')} {language}"

    def synthesise(self, text: str, language: str, deadline_s: float) -> Pcm:
        """See :class:`audio.engines.engine.Engine`.

        The requests run in a thread of their own: a server that sends a byte a second passes every time-out of
        ``requests``, but not this deadline. A thread left behind ends at its own socket's time-out.
        """
        self._require(language)
        deadline_s = min(deadline_s, self.timeout_s)
        until = monotonic() + deadline_s
        parts: list[bytes] = []
        failures: list[Exception] = []

        def fetch() -> None:
            try:
                parts.extend(_Speech(text, language, until, self.send).stream())
            except Exception as error:  # its message may hold the text: only its kind is told
                failures.append(error)

        thread = threading.Thread(target=fetch, name="gtts", daemon=True)
        thread.start()
        thread.join(max(0.0, until - monotonic()))
        if thread.is_alive():
            raise EngineError(self.name, Failure.TIMEOUT, f"not done in {deadline_s:.1f} s")
        if failures:
            raise EngineError(self.name, _kind(failures[0]), type(failures[0]).__name__)
        return check_sound(decode_mp3(self.name, b"".join(parts), until - monotonic(), self.ffmpeg), self.name)

    def _require(self, language: str) -> None:
        if not self.allow_third_party:
            raise EngineError(self.name, Failure.NOT_ALLOWED, "sends the text to a third party; not switched on")
        if language not in LANGUAGES:
            raise EngineError(self.name, Failure.LANGUAGE, language)


def _kind(error: Exception) -> Failure:
    if isinstance(error, requests.Timeout):
        return Failure.TIMEOUT
    if isinstance(error, requests.ConnectionError):
        return Failure.MISSING
    if isinstance(error, (gTTSError, binascii.Error)):
        return Failure.CORRUPT
    return Failure.FAILED
