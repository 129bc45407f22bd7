"""The port ``Speech`` on ``audio``: rendered in threads of its own, each message once however many calls want it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from audio.engines.recording import Recording
from audio.errors import AudioError, EngineError, TextError
from audio.render import Rendered, Renderer
from gateway.domain.delivery import Purpose
from gateway.domain.errors import InvalidRequestError, NotFoundError, UnavailableError
from gateway.domain.speech import NoSpeechError, Sound, SpokenMessage

THREADS = 2
"""A voice wants a processor; more threads would only make each wait longer."""

REMEMBERED = 2000
"""Sounds that need not be looked up again."""

_PROLOGUES = {Purpose.CORRECTION: ("intro.correction",), Purpose.CLOSING: ("intro.closing",)}
_KEY = re.compile(r"[0-9a-f]{40}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)

T = TypeVar("T")
_Wanted = SpokenMessage | tuple[str, str, tuple[tuple[str, str], ...]]


class Speaker:
    """Implements :class:`gateway.ports.Speech`.

    Args:
        renderer: makes the sounds; safe in threads.
        recordings: the folder of uploaded recordings.
        reactor: runs the callbacks.
    """

    _log = Logger()

    def __init__(self, renderer: Renderer, recordings: Path, reactor: IReactorFromThreads) -> None:
        self._renderer = renderer
        self._recordings = recordings
        self._reactor = reactor
        self._pool = ThreadPool(minthreads=0, maxthreads=THREADS, name="speech")
        self._known: dict[_Wanted, Sound] = {}
        self._waiting: dict[_Wanted, list[Deferred[Sound]]] = {}

    def start(self) -> None:
        """Start the threads."""
        self._pool.start()

    def stop(self) -> None:
        """End the threads; what is being rendered is finished first."""
        self._pool.stop()

    # ------------------------------------------------------------ the port

    def complaint(self, message: SpokenMessage) -> str | None:
        """See the port."""
        if message.recording is not None:
            return None
        try:
            self._renderer.preview(message.words, message.language)
        except TextError as error:
            return str(error)
        return None

    def as_spoken(self, message: SpokenMessage) -> str:
        """See the port."""
        try:
            return self._renderer.preview(message.words, message.language).text
        except TextError:
            return ""

    async def render(self, message: SpokenMessage) -> Sound:
        """See the port."""
        sound = await self._once(message, lambda: self._message(message, third_party=False))
        if self._renderer.chain.has_third_party and message.recording is None:
            # The calls start with the voice of the house; the better one takes over when it is there.
            better = deferToThreadPool(self._reactor, self._pool, lambda: self._message(message, third_party=True))
            better.addCallbacks(lambda made: self._remember(message, made), self._ignore)
        return sound

    async def prompt(self, prompt: str, language: str, **values: object) -> Sound:
        """See the port."""
        given = tuple(sorted((name, str(value)) for name, value in values.items()))
        wanted = (prompt, language, given)
        return await self._once(wanted, lambda: _sound(self._renderer.prompt(prompt, language, **dict(given))))

    async def keep_recording(self, path: str, data: bytes, language: str) -> str:
        """See the port."""
        return await deferToThreadPool(self._reactor, self._pool, self._keep, path, data, language)

    async def wav(self, key: str) -> bytes | None:
        """See the port."""
        if not _KEY.fullmatch(key):
            raise NotFoundError("there is no such sound")
        return await deferToThreadPool(self._reactor, self._pool, self._renderer.wav, key)

    # ------------------------------------------------------------ inside

    async def _once(self, wanted: _Wanted, make: Callable[[], Sound]) -> Sound:
        """The sound; of several who want it at once, one makes it."""
        known = self._known.get(wanted)
        if known is not None:
            return known
        waiting = self._waiting.get(wanted)
        if waiting is not None:
            mine: Deferred[Sound] = Deferred()
            waiting.append(mine)
            return await mine
        self._waiting[wanted] = []
        try:
            sound = await deferToThreadPool(self._reactor, self._pool, make)
        except BaseException as error:
            told = error if isinstance(error, NoSpeechError) else NoSpeechError(_words(error))
            for other in self._waiting.pop(wanted):
                other.errback(told)
            raise told from error
        self._remember(wanted, sound)
        for other in self._waiting.pop(wanted):
            other.callback(sound)
        return sound

    def _remember(self, wanted: _Wanted, sound: Sound) -> None:
        self._known[wanted] = sound
        while len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        if sound.fallbacks:
            self._log.warn(
                "speech fell back to {engine}: {fallbacks}", engine=sound.engine, fallbacks="; ".join(sound.fallbacks)
            )

    def _ignore(self, failure: object) -> None:
        """The better voice did not come; the calls have the other one."""

    def _message(self, message: SpokenMessage, *, third_party: bool) -> Sound:
        recording, lost = self._recording(message)
        rendered = self._renderer.message(
            message.words,
            message.language,
            message.domain,
            place=message.place,
            prologue=_PROLOGUES.get(message.purpose, ()),
            recording=recording,
            third_party=third_party,
        )
        return _sound(rendered, lost)

    def _recording(self, message: SpokenMessage) -> tuple[Recording | None, tuple[str, ...]]:
        """The recording of a message, and what is to be told where it is lost: then the words are spoken."""
        if message.recording is None or not _DIGEST.fullmatch(message.recording):
            return None, ()
        try:
            data = (self._recordings / message.recording).read_bytes()
        except OSError as error:
            return None, (f"recording: {error.strerror}",)
        return Recording(data, message.language), ()

    def _keep(self, path: str, data: bytes, language: str) -> str:
        try:
            Recording(data, language).synthesise("", language, self._renderer.chain.deadline_s)
        except EngineError as error:
            raise InvalidRequestError.at(path, f"cannot be played: {error}") from None
        digest = hashlib.sha256(data).hexdigest()
        try:
            self._recordings.mkdir(parents=True, exist_ok=True, mode=0o700)
            beside = self._recordings / f".{digest}.tmp"
            beside.write_bytes(data)
            beside.replace(self._recordings / digest)
        except OSError as error:
            raise UnavailableError(f"the recording cannot be kept: {error.strerror}") from None
        return digest


def _sound(rendered: Rendered, lost: tuple[str, ...] = ()) -> Sound:
    return Sound(
        path=str(rendered.path),
        seconds=rendered.seconds,
        message_start_s=rendered.message_start_s,
        key=rendered.key,
        engine=rendered.engine,
        fallbacks=(*lost, *(str(failure) for failure in rendered.failures)),
    )


def _words(error: BaseException) -> str:
    return str(error) if isinstance(error, AudioError) else type(error).__name__
