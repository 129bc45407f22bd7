"""Whole messages, rendered by the real espeak-ng, measured as Asterisk will play them."""

from __future__ import annotations

import io
import re
import resource
import shutil
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest

from audio.catalogue import fixed_prompt_ids
from audio.encode import from_alaw
from audio.engines.chain import Chain
from audio.engines.espeak import Espeak
from audio.engines.recording import Recording
from audio.errors import CatalogueError, EngineError, Failure, NoVoiceError, StoreFullError, TextError
from audio.jingle import DOMAINS, jingle
from audio.level import PEAK_DBFS, active_level, peak_dbfs
from audio.normalise.characters import NoteKind
from audio.pcm import Pcm
from audio.render import LEAD_IN_S, Rendered, Renderer
from audio.store import Store

WEESP = (
    "Vermist: jongen (5), sinds ca. 12.00 uur. Omgeving Stationsplein in Weesp. Liep het laatst in de richting van het "
    "centrum. Ziet u hem? Bel 0800-0011."
)


class Counting:
    """A voice that counts how often it speaks: espeak-ng under another name."""

    whole_text = False

    def __init__(self, name: str = "counting", *, third_party: bool = False, whole_text: bool = False) -> None:
        self.name = name
        self.third_party = third_party
        self.whole_text = whole_text
        self.spoken: list[str] = []
        self.failure: Failure | None = None

    @property
    def languages(self) -> frozenset[str]:
        return frozenset({"nl"})

    def identity(self, language: str) -> str:
        return f"{self.name} 1 {language}"

    def synthesise(self, text: str, language: str, deadline_s: float) -> Pcm:
        if self.failure:
            raise EngineError(self.name, self.failure)
        self.spoken.append(text)
        return Espeak().synthesise(text, language, deadline_s)


class Canned(Counting):
    """A voice that hums, without any program."""

    def synthesise(self, text: str, language: str, deadline_s: float) -> Pcm:
        return Pcm(8000, (5000 * np.sin(np.arange(16_000))).astype(np.int16))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "sounds")


def heard(rendered: Rendered) -> Pcm:
    return from_alaw(rendered.path.with_suffix(".alaw").read_bytes())


def test_a_message_opens_with_silence_jingle_and_who_is_calling(store: Store) -> None:
    rendered = Renderer(store).message(WEESP)
    samples = heard(rendered).samples.astype(float)
    assert rendered.seconds == len(samples) / 8000
    lead = int(LEAD_IN_S * 8000)
    assert np.abs(samples[: lead - 1]).max() < 20
    music = jingle("burgernet").samples.astype(float)
    piece = samples[lead : lead + len(music)]
    assert np.dot(piece, music) / np.sqrt(np.dot(piece, piece) * np.dot(music, music)) > 0.999
    who = samples[lead + len(music) : int(rendered.message_start_s * 8000)]
    assert active_level(who.astype(np.float32) / 32_768) == pytest.approx(-22, abs=0.5)
    assert 2.0 < rendered.message_start_s < 5.0


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_voice_is_as_loud_as_the_rule_says_and_never_too_loud(store: Store, domain: str) -> None:
    rendered = Renderer(store).message(WEESP, "nl", domain)
    sound = heard(rendered)
    body = Pcm(8000, sound.samples[int(rendered.message_start_s * 8000) :])
    assert active_level(body.floats()) == pytest.approx(-22, abs=0.5)
    assert peak_dbfs(sound) <= PEAK_DBFS
    words = 40
    assert 80 < words / body.seconds * 60 < 180


def test_no_pause_in_a_message_is_longer_than_a_second(store: Store) -> None:
    samples = heard(Renderer(store).message(WEESP)).samples.astype(float)
    loud = np.flatnonzero(np.abs(samples) > 200)
    assert np.diff(loud).max() / 8000 < 1.0
    assert (len(samples) - loud[-1]) / 8000 < 0.5


def test_every_word_reaches_the_file(store: Store) -> None:
    """The message's last sentence, rendered alone, is found at the end of the whole message."""
    renderer = Renderer(store)
    whole = heard(renderer.message(WEESP)).samples.astype(float)
    last = heard(renderer.say("Bel 0800-0011.", lead_in_s=0.0)).samples.astype(float)
    tail = whole[-len(last) :]
    assert np.dot(tail, last) / np.sqrt(np.dot(tail, tail) * np.dot(last, last)) > 0.99


def test_the_same_words_are_rendered_once(store: Store) -> None:
    voice = Counting()
    renderer = Renderer(store, Chain([voice]))
    first = renderer.message(WEESP)
    count = len(voice.spoken)
    second = Renderer(store, Chain([voice])).message("Vermist:  jongen van 5 jaar" + WEESP[19:])
    assert len(voice.spoken) == count
    assert (second.key, second.path, second.seconds) == (first.key, first.path, first.seconds)
    assert (first.from_store, second.from_store) == (False, True)
    assert second.engine == "counting"
    assert second.message_start_s == first.message_start_s


def test_whatever_changes_the_sound_changes_the_name(store: Store) -> None:
    renderer = Renderer(store)
    rendered = [
        renderer.message("Vermist: jongen."),
        renderer.message("Vermist: meisje."),
        renderer.message("Vermist: jongen.", "fy"),
        renderer.message("Vermist: jongen.", domain="amber_alert"),
        renderer.message("Vermist: jongen.", place="Weesp"),
        renderer.message("Vermist: jongen.", prologue=["intro.correction"]),
        renderer.message("Vermist: jongen.", repeat=2),
        renderer.say("Vermist: jongen."),
        Renderer(store, Chain([Espeak(words_per_minute=130)])).message("Vermist: jongen."),
    ]
    assert len({one.key for one in rendered}) == len(rendered)
    assert all(re.fullmatch("[0-9a-f]{40}", one.path.name) for one in rendered)


def test_a_message_can_be_heard_twice_in_one_file(store: Store) -> None:
    renderer = Renderer(store)
    once, twice = renderer.message(WEESP), renderer.message(WEESP, repeat=2)
    body = once.seconds - once.message_start_s
    assert twice.seconds == pytest.approx(once.seconds + body + 1.0, abs=0.3)


def test_a_correction_says_so_before_the_message(store: Store) -> None:
    voice = Counting()
    Renderer(store, Chain([voice])).message("Het is een man.", prologue=["intro.correction"], place="Weesp")
    assert sorted(voice.spoken) == ["Dit is Burgernet Weesp.", "Het is een man.", "Let op, het bericht is veranderd."]


def test_what_is_left_out_is_told_again_when_it_comes_from_the_store(store: Store) -> None:
    renderer = Renderer(store)
    for _ in range(2):
        notes = renderer.message("Vermist: jongen 😀 Ваня").notes
        assert {note.kind for note in notes} == {NoteKind.SYMBOL_REMOVED, NoteKind.SCRIPT_REMOVED}


# ---------------------------------------------------------------- bad input, bad luck


@pytest.mark.parametrize("text", ["", "   \n", "😀", "Привет", "...", "x" * 2001, "Vermist. " * 334])
def test_a_text_that_cannot_be_spoken_is_refused_before_anything_is_written(store: Store, text: str) -> None:
    with pytest.raises(TextError):
        Renderer(store).message(text)
    assert list(store.folder.iterdir()) == []


def test_a_place_that_goes_on_and_on_is_refused(store: Store) -> None:
    with pytest.raises(TextError, match="place"):
        Renderer(store).message(WEESP, place="Weesp " * 20)


def test_three_thousand_characters_are_spoken_where_that_is_allowed(store: Store) -> None:
    text = "Vermist: jongen van vijf jaar met een rode jas. " * 62
    rendered = Renderer(store, max_chars=3000).message(text)
    assert len(text) < 3000
    assert rendered.seconds > 120


def test_an_unknown_language_is_refused(store: Store) -> None:
    with pytest.raises(TextError, match="xx"):
        Renderer(store).message("hallo", "xx")


@pytest.mark.parametrize(
    "text",
    ['a"b\\c\r\nHANGUP', "'; DROP TABLE x; --", "${SHELL(id)}", "[[_:]] <speak>", "\x00\x07\x1b[0m ja", "%s %n {0}"],
)
def test_hostile_text_is_only_spoken(store: Store, text: str) -> None:
    rendered = Renderer(store).message(text)
    assert rendered.seconds > 2
    assert re.fullmatch("[0-9a-f]{40}", rendered.path.name)


def test_an_engine_that_fails_is_replaced_and_that_is_told(store: Store) -> None:
    voice = Counting()
    voice.failure = Failure.TIMEOUT
    renderer = Renderer(store, Chain([voice]))
    rendered = renderer.message(WEESP)
    assert rendered.engine == "espeak-ng"
    assert [(failure.engine, failure.failure) for failure in rendered.failures] == [("counting", Failure.TIMEOUT)]
    again = renderer.message(WEESP)
    assert again.key == rendered.key
    voice.failure = None
    assert renderer.message(WEESP).engine == "counting"


def test_without_any_voice_there_is_an_error_and_no_file(store: Store) -> None:
    renderer = Renderer(store, Chain([Espeak(program="/nonexistent/espeak-ng")]))
    with pytest.raises(NoVoiceError, match="missing"):
        renderer.message(WEESP)
    assert list(store.folder.iterdir()) == []


def test_a_full_disk_is_an_error_and_no_half_file(store: Store) -> None:
    renderer = Renderer(store, Chain([Canned()]))  # espeak-ng itself does not start under such a limit
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(StoreFullError):
            renderer.message(WEESP)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in store.folder.iterdir()] == [".lock"]


def test_a_lost_file_is_rendered_again(store: Store) -> None:
    renderer = Renderer(store)
    first = renderer.message(WEESP)
    first.path.with_suffix(".alaw").unlink()
    again = renderer.message(WEESP)
    assert not again.from_store
    assert heard(again).seconds == first.seconds


# ---------------------------------------------------------------- other people's servers


def test_no_call_waits_for_somebody_elses_server(store: Store) -> None:
    away = Counting("away", third_party=True)
    renderer = Renderer(store, Chain([away]))
    assert renderer.message(WEESP).engine == "espeak-ng"
    assert away.spoken == []
    assert renderer.message(WEESP, third_party=True).engine == "away"
    # From now on the better rendition is there, and the local one beside it.
    assert renderer.message(WEESP).engine == "away"
    assert len(list(store.folder.glob("*.alaw"))) == 2


def test_a_voice_that_takes_the_whole_text_speaks_the_introduction_too(store: Store) -> None:
    voice = Counting("whole", whole_text=True)
    rendered = Renderer(store, Chain([voice])).message("Het is een man. Hij loopt.")
    assert voice.spoken == ["Dit is Burgernet. Het is een man. Hij loopt."]
    assert rendered.message_start_s == pytest.approx(LEAD_IN_S + jingle("burgernet").seconds + 0.25, abs=0.01)


# ---------------------------------------------------------------- recordings


def recording(seconds: float = 3.0) -> bytes:
    t = np.arange(int(16_000 * seconds)) / 16_000
    samples = (3000 * np.sin(2 * np.pi * 700 * t) * (np.sin(2 * np.pi * 2 * t) > -0.5)).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(16_000)
        writer.writeframes(samples.tobytes())
    return file.getvalue()


def test_a_recording_is_played_after_jingle_and_introduction(store: Store) -> None:
    renderer = Renderer(store)
    rendered = renderer.message(WEESP, recording=Recording(recording(), "nl"))
    assert rendered.engine == "recording"
    body = heard(rendered).floats()[int(rendered.message_start_s * 8000) :]
    assert len(body) / 8000 == pytest.approx(3.2, abs=0.3)
    assert active_level(body) == pytest.approx(-22, abs=0.5)
    assert renderer.message(WEESP, recording=Recording(recording(), "nl")).from_store
    assert not renderer.message(WEESP, recording=Recording(recording(4.0), "nl")).from_store


def test_a_recording_needs_no_text(store: Store) -> None:
    assert Renderer(store).message("", recording=Recording(recording(), "nl")).engine == "recording"


def test_the_words_are_spoken_where_the_recording_is_bad(store: Store) -> None:
    rendered = Renderer(store).message(WEESP, recording=Recording(b"garbage", "nl"))
    assert rendered.engine == "espeak-ng"
    assert [failure.failure for failure in rendered.failures] == [Failure.CORRUPT]
    with pytest.raises(EngineError):
        Renderer(store).message("", recording=Recording(b"garbage", "nl"))


# ---------------------------------------------------------------- prompts


def test_a_prompt_stands_alone(store: Store) -> None:
    renderer = Renderer(store)
    rendered = renderer.prompt("in.choice_place", "nl", place="Weesp", key=2)
    assert 1.5 < rendered.seconds < 5
    assert rendered.message_start_s < 0.1
    assert renderer.prompt("in.choice_place", "nl", place="Weesp", key=2).from_store
    with pytest.raises(CatalogueError):
        renderer.prompt("in.choice_place", "nl")


def test_a_prompt_in_a_language_without_words_is_dutch(store: Store) -> None:
    renderer = Renderer(store)
    assert renderer.prompt("intro.burgernet", "pl").key == renderer.prompt("intro.burgernet", "nl").key


def test_warming_renders_every_fixed_prompt(store: Store) -> None:
    voice = Counting()
    renderer = Renderer(store, Chain([voice]))
    assert renderer.warm(["nl"]) == []
    for prompt_id in fixed_prompt_ids():
        assert renderer.prompt(prompt_id, "nl").from_store


def test_warming_tells_what_went_wrong(store: Store) -> None:
    problems = Renderer(store, Chain([Espeak(program="/nonexistent/espeak-ng")])).warm(["nl"])
    assert len(problems) == len(fixed_prompt_ids())


def test_a_person_can_listen_to_it(store: Store, tmp_path: Path) -> None:
    renderer = Renderer(store)
    rendered = renderer.message(WEESP)
    data = renderer.wav(rendered.key)
    assert data is not None
    with wave.open(io.BytesIO(data)) as file:
        assert file.getnframes() == len(heard(rendered).samples)
    assert renderer.wav("0" * 40) is None


@pytest.mark.skipif(shutil.which("sox") is None, reason="sox listens along where it is installed")
def test_sox_hears_the_same_levels(store: Store) -> None:
    rendered = Renderer(store).message(WEESP)
    argv = ["sox", "-t", "al", "-r", "8000", "-c", "1", str(rendered.path.with_suffix(".alaw")), "-n", "stats"]
    stats = subprocess.run(argv, capture_output=True, text=True, check=True).stderr
    peak = float(re.search(r"Pk lev dB\s+(\S+)", stats)[1])  # type: ignore[index]
    rms = float(re.search(r"RMS lev dB\s+(\S+)", stats)[1])  # type: ignore[index]
    assert peak <= PEAK_DBFS
    assert -26 < rms < -21  # pauses included
