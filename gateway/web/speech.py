"""Rendered speech, to listen to before and after it is played to people."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from gateway.domain.access import Right
from gateway.domain.errors import NotFoundError
from gateway.ports import Speech
from gateway.web.routes import Call, Reply, Route
from gateway.web.schemas import Nothing

WAV = "audio/wav"

_FILE = re.compile(r"([0-9a-f]{40})\.wav", re.ASCII)


class SpeechPages:
    """``/speech/{file}``."""

    def __init__(self, speech: Speech) -> None:
        self._speech = speech

    def routes(self) -> Sequence[Route[Any, Any]]:
        """The table."""
        return (
            Route(
                "GET",
                "/api/v1/speech/{file}",
                self.listen,
                "A rendered message as WAV, by the name that a preview gave",
                Right.READ,
                gives={200: None},
                gives_media=(WAV,),
                problems=(404,),
            ),
        )

    async def listen(self, call: Call[Nothing, Nothing]) -> Reply:
        """``GET /speech/{file}``. Only what looks like a name of ours ever becomes part of a path."""
        named = _FILE.fullmatch(call.path["file"])
        sound = None if named is None else await self._speech.wav(named[1])
        if sound is None:
            raise NotFoundError("there is no such sound; it may have been cleared away since")
        return Reply(sound, media=WAV)
