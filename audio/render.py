"""Renders what a call plays: silence, jingle, who is calling, the message; once per text, language and voice.

``Renderer(store, chain).message("Vermist: …", "nl", "burgernet")`` gives the path that Asterisk plays. The same words
again give the same file without any engine. All methods are plain and may be called from several threads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydub import AudioSegment

from audio import jingle as jingles
from audio.catalogue import fixed_prompt_ids, prompt_text
from audio.encode import from_alaw, to_alaw, to_segment, to_wav
from audio.engines.chain import Chain
from audio.engines.recording import Recording
from audio.errors import AudioError, EngineError, Failure, TextError
from audio.level import RATE, to_telephone
from audio.normalise import speech as spoken_form
from audio.normalise.characters import Note
from audio.normalise.speech import SpeechText, to_speech
from audio.pcm import Pcm
from audio.store import Entry, Store, key_of

VERSION = 1
"""Part of the key in the store: raise it when the same speech would sound otherwise (pauses, levels, filters)."""

LEAD_IN_S = 0.3
"""Silence before the first sound of a call: whoever answers has the telephone still on its way to the ear."""

PROMPT_LEAD_IN_S = 0.05
AFTER_JINGLE_S = 0.25
BETWEEN_SENTENCES_S = 0.5
BEFORE_MESSAGE_S = 0.6
BEFORE_REPEAT_S = 1.2
AT_END_S = 0.2

MAX_CHARS = 2000
"""A longer text takes more than two minutes to say: nobody holds the line for that."""

MAX_PLACE_CHARS = 100


@dataclass(frozen=True, slots=True)
class Rendered:
    """A sound file that is ready to be played.

    Attributes:
        path: without extension, absolute: what ``STREAM FILE`` takes. ``path.with_suffix(".alaw")`` is the file.
        seconds: its length.
        message_start_s: where the message proper begins, after jingle and introduction.
        engine: who speaks.
        key: its name in the store.
        notes: what was left out of the text.
        failures: engines that should have spoken and did not, and why. Empty when the sound was in the store.
        from_store: it was there already.
    """

    path: Path
    seconds: float
    message_start_s: float
    engine: str
    key: str
    notes: tuple[Note, ...] = ()
    failures: tuple[EngineError, ...] = ()
    from_store: bool = False


@dataclass(frozen=True, slots=True)
class _Score:
    """What is to be heard, before anybody speaks it."""

    language: str
    lead_in_s: float
    domain: str | None  # of the jingle
    introduction: tuple[str, ...]
    sentences: tuple[str, ...]
    repeat: int
    notes: tuple[Note, ...]

    def key(self, identity: str) -> str:
        versions = (VERSION, spoken_form.VERSION, jingles.VERSION if self.domain else 0)
        music = (self.lead_in_s, self.domain, self.repeat)
        words = (self.language, len(self.introduction), *self.introduction, *self.sentences)
        return key_of(*versions, *music, identity, *words)


class Renderer:
    """Makes sound files of texts, prompts and recordings.

    Args:
        store: where they are kept.
        chain: the voices.
        max_chars: a longer text is refused.
    """

    def __init__(self, store: Store, chain: Chain | None = None, max_chars: int = MAX_CHARS) -> None:
        self.store = store
        self.chain = chain or Chain()
        self._max_chars = max_chars

    def preview(self, text: str, language: str) -> SpeechText:
        """The text as it would be spoken, with notes on what is left out.

        Raises:
            TextError: too long, nothing in it that a voice can read, or an unknown language.
        """
        if len(text) > self._max_chars:
            raise TextError(f"{len(text)} characters to speak; at most {self._max_chars}")
        speech = to_speech(text, language)
        if not speech.text:
            raise TextError("there is nothing in this text that a voice can read")
        return speech

    def message(
        self,
        text: str,
        language: str = "nl",
        domain: str = "burgernet",
        *,
        place: str | None = None,
        prologue: Sequence[str] = (),
        recording: Recording | None = None,
        repeat: int = 1,
        third_party: bool = False,
    ) -> Rendered:
        """A whole message: silence, the domain's jingle, who is calling, and the words.

        Args:
            text: as written, at most ``max_chars``.
            language: ISO 639-1, one of ``audio.normalise.speech.LANGUAGES``.
            domain: whose jingle and introduction; Burgernet's where it has none of its own.
            place: named in the introduction ("Dit is Burgernet Weesp").
            prologue: ids of further prompts between the introduction and the message (``intro.correction``).
            recording: is played instead of the words; they are spoken after all where it cannot be.
            repeat: how often the message proper is heard.
            third_party: also try the engines that send the text away, and wait for them. Without it such a
                rendition is used only if the store has it: no call waits for somebody else's server. Whoever
                wants the better voice renders without it first, starts the calls, and then renders with it.

        Raises:
            TextError: see :meth:`preview`.
            NoVoiceError: no engine could speak, espeak-ng neither.
            StoreError: the sound could not be stored.
        """
        try:
            speech = self.preview(text, language)
        except TextError:
            if recording is None:
                raise
            speech = SpeechText("")
        domain = domain if domain in jingles.DOMAINS else jingles.DOMAINS[0]
        introduction = _introduction(domain, place, prologue, language)
        score = _Score(language, LEAD_IN_S, domain, introduction, speech.sentences, max(1, repeat), speech.notes)
        if recording is not None:
            return self._recorded(score, recording)
        return self._rendered(score, third_party)

    def prompt(self, prompt_id: str, language: str = "nl", **values: object) -> Rendered:
        """A prompt of the catalogue, alone.

        Raises:
            CatalogueError: no such prompt, or wrong values.
            TextError, NoVoiceError, StoreError: see :meth:`message`.
        """
        known = language if language in spoken_form.LANGUAGES else spoken_form.LANGUAGES[0]
        return self.say(prompt_text(prompt_id, known, **values), known)

    def say(self, text: str, language: str = "nl", *, lead_in_s: float = PROMPT_LEAD_IN_S) -> Rendered:
        """Words alone: no jingle, nobody introduced. Raises as :meth:`message` does."""
        speech = self.preview(text, language)
        return self._rendered(_Score(language, lead_in_s, None, (), speech.sentences, 1, speech.notes), False)

    def warm(self, languages: Iterable[str] = spoken_form.LANGUAGES) -> list[AudioError]:
        """Render every fixed prompt, so that no call waits for one. Gives what went wrong."""
        problems: list[AudioError] = []
        for language in languages:
            for prompt_id in fixed_prompt_ids():
                try:
                    self.prompt(prompt_id, language)
                except AudioError as error:
                    problems.append(error)
        return problems

    def wav(self, key: str) -> bytes | None:
        """A rendered sound as WAV, for a person to listen to; ``None`` if the store has it no more.

        Raises:
            StoreError: that is no key.
        """
        entry = self.store.get(key)
        return to_wav(from_alaw(entry.path.with_suffix(".alaw").read_bytes())) if entry else None

    # ------------------------------------------------------------ inside

    def _rendered(self, score: _Score, third_party: bool) -> Rendered:
        for engine, identity in self.chain.identities(score.language):
            entry = self.store.get(score.key(identity))
            if entry:
                return _of_entry(entry, score)
            if third_party or not engine.third_party:
                break  # this is the voice that should speak
        words = (*score.introduction, *score.sentences)
        spoken = self.chain.speak(words, score.language, third_party=third_party)
        key = score.key(spoken.identity)
        entry = self.store.get(key) if spoken.failures else None  # a fallback may have spoken it before
        parts = [] if entry else [_telephone(part, spoken.engine) for part in spoken.parts]
        if not entry:
            # A voice that took the whole text in one piece speaks the introduction in it.
            split = len(score.introduction) if len(parts) == len(words) else 0
            entry = self._keep(key, score, parts[:split], parts[split:], spoken.engine)
        return _of_entry(entry, score, spoken.failures, from_store=False)

    def _recorded(self, score: _Score, recording: Recording) -> Rendered:
        try:
            key = score.key(recording.identity(score.language))
            entry = self.store.get(key)
            if entry:
                return _of_entry(entry, score)
            body = _telephone(recording.synthesise("", score.language, self.chain.deadline_s), recording.name)
        except EngineError as error:
            if not score.sentences:
                raise
            rendered = self._rendered(score, False)
            return replace(rendered, failures=(error, *rendered.failures))
        spoken = self.chain.speak(score.introduction, score.language, third_party=False)
        introduction = [_telephone(part, spoken.engine) for part in spoken.parts]
        return _of_entry(self._keep(key, score, introduction, [body], recording.name), score, from_store=False)

    def _keep(self, key: str, score: _Score, introduction: list[Pcm], body: list[Pcm], engine: str) -> Entry:
        sound, start_s = _assemble(score, introduction, body)
        about = {"engine": engine, "message_start_s": round(start_s, 3)}
        return self.store.put(key, to_alaw(sound), about)


def _introduction(domain: str, place: str | None, prologue: Sequence[str], language: str) -> tuple[str, ...]:
    who = prompt_text(f"intro.{domain}", language)
    if place:
        if len(place) > MAX_PLACE_CHARS:
            raise TextError(f"{len(place)} characters for a place; at most {MAX_PLACE_CHARS}")
        who = prompt_text(f"intro.{domain}_place", language, place=place)
    openings = [who, *(prompt_text(prompt, language) for prompt in prologue)]
    return tuple(sentence for opening in openings for sentence in to_speech(opening, language).sentences)


def _telephone(part: Pcm, engine: str) -> Pcm:
    try:
        return to_telephone(part)
    except ValueError as error:
        raise EngineError(engine, Failure.SILENT, str(error)) from error


def _assemble(score: _Score, introduction: list[Pcm], body: list[Pcm]) -> tuple[AudioSegment, float]:
    """Put the pieces together; also gives where the message proper begins, in seconds."""
    pieces: list[Pcm | float] = [score.lead_in_s]
    if score.domain:
        pieces += [jingles.jingle(score.domain), AFTER_JINGLE_S]
    for part in introduction:
        pieces += [part, BETWEEN_SENTENCES_S]
    if introduction:
        pieces[-1] = BEFORE_MESSAGE_S
    start_s = sum(piece if isinstance(piece, float) else piece.seconds for piece in pieces)
    for time in range(score.repeat):
        if time:
            pieces.append(BEFORE_REPEAT_S)
        for place, part in enumerate(body):
            pieces += [BETWEEN_SENTENCES_S, part] if place else [part]
    pieces.append(AT_END_S)
    sound = AudioSegment.silent(0, frame_rate=RATE)
    for piece in pieces:
        segment = AudioSegment.silent(piece * 1000, frame_rate=RATE) if isinstance(piece, float) else to_segment(piece)
        sound = sound.append(segment, crossfade=0)
    return sound, start_s


def _of_entry(
    entry: Entry, score: _Score, failures: tuple[EngineError, ...] = (), *, from_store: bool = True
) -> Rendered:
    start = entry.about.get("message_start_s")
    return Rendered(
        path=entry.path,
        seconds=entry.seconds,
        message_start_s=float(start) if isinstance(start, (int, float)) else 0.0,
        engine=str(entry.about.get("engine", "")),
        key=entry.key,
        notes=score.notes,
        failures=failures,
        from_store=from_store,
    )
