"""Speech on the real renderer, and what it must have in common with the rest."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from twisted.internet import reactor  # noqa: TID251 - the tests' own start
from twisted.internet.defer import Deferred, gatherResults

from audio.engines.chain import Chain
from audio.engines.engine import Engine
from audio.errors import EngineError, Failure
from audio.jingle import DOMAINS as JINGLES
from audio.normalise.speech import LANGUAGES as SPOKEN
from audio.pcm import Pcm
from audio.render import MAX_PLACE_CHARS, Renderer
from audio.store import Store
from gateway.cli import main
from gateway.domain.action import DOMAINS, LANGUAGES
from gateway.domain.delivery import Purpose
from gateway.domain.errors import InvalidRequestError, NotFoundError
from gateway.domain.speech import MAX_PLACE_CHARS as NAMED_PLACE_CHARS
from gateway.domain.speech import NoSpeechError, SpokenMessage
from gateway.settings import Settings
from gateway.voice.speech import Speaker
from gateway.wiring.checks import check
from gateway.wiring.speech import build_speech

BOY = SpokenMessage("Vermist: jongen van 5 jaar, rode jas.", "nl", "burgernet", "Weesp")


class Counted:
    """An engine that counts, or fails, before it hands on."""

    def __init__(self, engine: Engine, failure: Failure | None = None) -> None:
        self._engine = engine
        self._failure = failure
        self.asked = 0
        self.name, self.third_party, self.whole_text = "counted", False, True
        self.languages = engine.languages

    def identity(self, language: str) -> str:
        return self._engine.identity(language)

    def synthesise(self, text: str, language: str, deadline_s: float) -> Pcm:
        self.asked += 1
        if self._failure is not None:
            raise EngineError(self.name, self._failure)
        return self._engine.synthesise(text, language, deadline_s)


def speaker_on(folder: Path, engine: Engine | None = None) -> Speaker:
    chain = Chain() if engine is None else Chain([engine])
    return Speaker(Renderer(Store(folder / "sounds"), chain), folder / "recordings", reactor)


@pytest.fixture
def speaker(tmp_path: Path) -> Iterator[Speaker]:
    speaker = speaker_on(tmp_path)
    speaker.start()
    yield speaker
    speaker.stop()


def wav(seconds: float) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        samples = (8000 if i // 20 % 2 else -8000 for i in range(int(8000 * seconds)))
        out.writeframes(b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples))
    return file.getvalue()


def test_every_language_of_the_gateway_can_be_spoken() -> None:
    assert SPOKEN == LANGUAGES


def test_every_domain_of_the_gateway_has_a_jingle() -> None:
    assert set(JINGLES) == set(DOMAINS)


def test_place_that_is_named_is_never_too_long_to_be_spoken() -> None:
    assert NAMED_PLACE_CHARS == MAX_PLACE_CHARS


async def test_message_is_rendered_into_a_file_that_asterisk_can_play(speaker: Speaker) -> None:
    sound = await speaker.render(BOY)
    assert Path(f"{sound.path}.alaw").stat().st_size == round(sound.seconds * 8000)
    assert 0.3 < sound.message_start_s < sound.seconds
    assert sound.engine == "espeak-ng"


async def test_many_calls_that_want_one_message_have_it_spoken_once(tmp_path: Path) -> None:
    engine = Counted(Chain().engines[0])
    speaker = speaker_on(tmp_path, engine)
    speaker.start()
    try:
        sounds = await gatherResults([Deferred.fromCoroutine(speaker.render(BOY)) for _ in range(50)])
    finally:
        speaker.stop()
    assert engine.asked == 1
    assert len({sound.key for sound in sounds}) == 1


async def test_engine_that_fails_is_replaced_and_that_is_told(tmp_path: Path) -> None:
    speaker = speaker_on(tmp_path, Counted(Chain().engines[0], Failure.EMPTY))
    speaker.start()
    try:
        sound = await speaker.render(BOY)
    finally:
        speaker.stop()
    assert sound.engine == "espeak-ng"
    assert sound.fallbacks == ("counted: empty",)


async def test_folder_without_room_is_an_error_in_words(speaker: Speaker, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("audio.store.os.replace", full)
    with pytest.raises(NoSpeechError, match="no room for speech"):
        await speaker.render(BOY)


async def test_closing_message_is_introduced_as_such(speaker: Speaker) -> None:
    alert = await speaker.render(BOY)
    closing = await speaker.render(SpokenMessage(BOY.words, "nl", "burgernet", "Weesp", purpose=Purpose.CLOSING))
    assert closing.message_start_s > alert.message_start_s + 1.0


async def test_recording_is_heard_instead_of_a_voice(speaker: Speaker) -> None:
    digest = await speaker.keep_recording("text.nl.recording", wav(4.0), "nl")
    sound = await speaker.render(SpokenMessage("Vermist", "nl", "burgernet", recording=digest))
    assert sound.engine == "recording"
    assert sound.seconds - sound.message_start_s == pytest.approx(4.2, abs=0.3)


async def test_recording_that_was_lost_is_spoken_and_that_is_told(speaker: Speaker) -> None:
    sound = await speaker.render(SpokenMessage("Vermist", "nl", "burgernet", recording="0" * 64))
    assert (sound.engine, sound.fallbacks) == ("espeak-ng", ("recording: No such file or directory",))


@pytest.mark.parametrize(
    "data",
    [b"", b"RIFF....WAVEfmt ", b"MZ", wav(0.2), wav(4.0)[:44] + bytes(64_000)],
    ids=["empty", "cut off", "a program", "too short", "silent"],
)
async def test_recording_that_cannot_be_played_is_refused(speaker: Speaker, data: bytes) -> None:
    with pytest.raises(InvalidRequestError, match=r"text\.nl\.recording: cannot be played"):
        await speaker.keep_recording("text.nl.recording", data, "nl")


async def test_sound_is_given_by_its_key_and_by_nothing_else(speaker: Speaker) -> None:
    sound = await speaker.render(BOY)
    data = await speaker.wav(sound.key)
    assert data is not None
    assert data.startswith(b"RIFF")
    assert await speaker.wav("0" * 40) is None
    with pytest.raises(NotFoundError):
        await speaker.wav("../../etc/passwd")


def test_words_without_anything_to_read_are_complained_of(speaker: Speaker) -> None:
    assert "nothing in this text" in str(speaker.complaint(SpokenMessage("🔥🔥", "nl", "burgernet")))
    assert "at most" in str(speaker.complaint(SpokenMessage("a" * 3000, "nl", "burgernet")))
    assert speaker.complaint(BOY) is None


def test_settings_decide_who_speaks(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"database": {"url": f"sqlite:///{tmp_path}/b.db"}, "speech": {"engines": ["gtts", "espeak-ng"]}}
    )
    renderer = build_speech(settings, reactor)._renderer
    assert [engine.name for engine in renderer.chain.engines] == ["gtts", "espeak-ng"]


def test_speak_writes_a_file_to_listen_to(tmp_path: Path) -> None:
    out = tmp_path / "boy.wav"
    config = tmp_path / "burgernet.toml"
    config.write_text("")
    done = CliRunner().invoke(main, ["speak", "Om 13.45 uur", "-o", str(out), "-c", str(config), "--json"])
    assert done.exit_code == 0, done.output
    assert "kwart voor twee" in done.output
    with wave.open(str(out)) as file:
        assert (file.getframerate(), file.getnchannels()) == (8000, 1)
        assert file.getnframes() > 8000


def test_speak_says_what_is_wrong_with_a_text(tmp_path: Path) -> None:
    config = tmp_path / "burgernet.toml"
    config.write_text("")
    done = CliRunner().invoke(main, ["speak", "🔥", "-o", str(tmp_path / "x.wav"), "-c", str(config)])
    assert done.exit_code == 1
    assert "nothing in this text" in done.output


def test_check_has_a_line_on_speech(tmp_path: Path) -> None:
    settings = Settings.model_validate({"database": {"url": f"sqlite:///{tmp_path}/b.db"}})
    lines = {line.name: line for line in check(settings)}
    assert lines["speech"].ok, lines["speech"].detail
    assert "espeak-ng" in lines["speech"].detail
