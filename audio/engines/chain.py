"""Engines in order of preference; the first that speaks is heard, and what the others said is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from time import monotonic

from audio.engines.engine import Engine
from audio.engines.espeak import Espeak
from audio.errors import EngineError, Failure, NoVoiceError
from audio.pcm import Pcm

_REMEMBERED = 64
_REMEMBERED_CHARS = 100


@dataclass(frozen=True, slots=True)
class Spoken:
    """What an engine said.

    Attributes:
        parts: a sound per sentence, or one for all where the engine wanted the whole text.
        engine: who spoke.
        identity: its identity, for the key of the store.
        failures: why those before it did not.
    """

    parts: tuple[Pcm, ...]
    engine: str
    identity: str
    failures: tuple[EngineError, ...] = ()


class Chain:
    """Engines, the best first. The last one is always espeak-ng: added where it is missing, moved where it is not last.

    Args:
        engines: tried in this order.
        deadline_s: what each engine gets for one text.
    """

    def __init__(self, engines: Sequence[Engine] = (), deadline_s: float = 10.0) -> None:
        fallback = next((engine for engine in engines if isinstance(engine, Espeak)), Espeak())
        self.engines: tuple[Engine, ...] = (*(engine for engine in engines if engine is not fallback), fallback)
        self.deadline_s = deadline_s
        self._remembered: dict[tuple[str, str], Pcm] = {}
        self._lock = Lock()

    @property
    def has_third_party(self) -> bool:
        """Whether an engine may send texts away, so that a second, slower rendition is worth asking for."""
        return any(engine.third_party for engine in self.engines)

    def identities(self, language: str) -> Iterator[tuple[Engine, str]]:
        """The engines that could speak the language now, with their identities, the best first."""
        for engine in self.engines:
            if language in engine.languages:
                try:
                    yield engine, engine.identity(language)
                except EngineError:
                    continue

    def speak(self, sentences: Sequence[str], language: str, *, third_party: bool = True) -> Spoken:
        """Have the sentences spoken, all of them by the same voice.

        Args:
            sentences: normalised, at least one.
            language: ISO 639-1.
            third_party: also by engines that send the text away.

        Raises:
            NoVoiceError: nobody could.
        """
        failures: list[EngineError] = []
        for engine in self.engines:
            if engine.third_party and not third_party:
                continue
            try:
                identity = engine.identity(language)
                parts = self._all(engine, identity, sentences, language)
                return Spoken(parts, engine.name, identity, tuple(failures))
            except EngineError as error:
                failures.append(error)
        raise NoVoiceError(failures)

    def _all(self, engine: Engine, identity: str, sentences: Sequence[str], language: str) -> tuple[Pcm, ...]:
        until = monotonic() + self.deadline_s

        def one(sentence: str) -> Pcm:
            # "Dit is Burgernet." opens every call: short sentences are not spoken anew.
            known = self._remembered.get((identity, sentence))
            if known is not None:
                return known
            left = until - monotonic()
            if left <= 0:
                raise EngineError(engine.name, Failure.TIMEOUT, f"not done in {self.deadline_s:.1f} s")
            return self._remember(identity, sentence, engine.synthesise(sentence, language, left))

        if engine.whole_text or len(sentences) == 1:
            return (one(" ".join(sentences)),)
        # Two programs at a time: they want a processor, we only wait for them.
        with ThreadPoolExecutor(max_workers=2, thread_name_prefix="speech") as pool:
            return tuple(pool.map(one, sentences))

    def _remember(self, identity: str, sentence: str, pcm: Pcm) -> Pcm:
        if len(sentence) <= _REMEMBERED_CHARS:
            with self._lock:
                self._remembered[identity, sentence] = pcm
                while len(self._remembered) > _REMEMBERED:
                    del self._remembered[next(iter(self._remembered))]  # the oldest
        return pcm


def check_engine(engine: Engine, language: str, deadline_s: float = 10.0) -> EngineError | None:
    """Whether an engine speaks, tried with one short sentence; a third party's is only asked whether it is allowed."""
    try:
        engine.identity(language)
        if not engine.third_party:
            engine.synthesise("Burgernet", language, deadline_s)
    except EngineError as error:
        return error
    return None
