"""The engines against the real espeak-ng and ffmpeg, and against programs and servers that misbehave."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import subprocess
import threading
import wave
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest
import requests

from audio.engines.chain import Chain, check_engine
from audio.engines.engine import Engine
from audio.engines.espeak import Espeak
from audio.engines.google import Google
from audio.engines.piper import Piper
from audio.engines.process import run
from audio.engines.recording import MAX_BYTES, Recording
from audio.errors import EngineError, Failure, NoVoiceError
from audio.pcm import Pcm

Program = Callable[[str], str]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Makes an executable of a shell script."""

    def make(script: str) -> str:
        path = tmp_path / f"program{len(list(tmp_path.iterdir()))}"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return str(path)

    return make


def refusal(call: Callable[[], object]) -> EngineError:
    with pytest.raises(EngineError) as caught:
        call()
    return caught.value


def wait_until_gone(pid: int) -> bool:
    until = monotonic() + 5
    while monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
    return False


# ---------------------------------------------------------------- programs


def test_a_program_reads_and_writes_more_than_a_pipe_holds() -> None:
    data = os.urandom(1 << 20)
    assert run("cat", ["cat"], data, 10.0) == data


def test_a_program_that_does_not_read_is_no_fault(program: Program) -> None:
    assert run("deaf", [program("echo spoken")], b"x" * (1 << 20), 10.0) == b"spoken\n"


def test_a_program_that_hangs_is_killed_at_its_deadline_with_all_its_children(program: Program, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = program(f"sleep 300 & echo $! > {note}; wait")
    started = monotonic()
    error = refusal(lambda: run("hangs", [script], b"", 0.5))
    assert error.failure is Failure.TIMEOUT
    assert monotonic() - started < 3
    assert wait_until_gone(int(note.read_text()))


def test_a_child_that_stays_behind_does_not_keep_us_waiting(program: Program, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = program(f"sleep 300 & echo $! > {note}; echo done")
    started = monotonic()
    assert run("forks", [script], b"", 30.0) == b"done\n"
    assert monotonic() - started < 5
    assert wait_until_gone(int(note.read_text()))


def test_a_program_that_writes_without_end_is_stopped() -> None:
    error = refusal(lambda: run("yes", ["yes"], b"", 10.0, max_output=1 << 20))
    assert error.failure is Failure.TOO_LONG


def test_a_program_that_complains_without_end_is_no_fault(program: Program) -> None:
    script = program("head -c 1000000 /dev/zero | tr '\\0' x >&2; echo >&2; echo last words >&2; exit 3")
    error = refusal(lambda: run("complains", [script], b"", 10.0))
    assert error.failure is Failure.FAILED
    assert error.detail == "exit status 3: last words"


def test_a_program_that_repeats_the_text_in_its_complaint_is_not_quoted(program: Program) -> None:
    script = program('read -r line; echo "cannot say: $line" >&2; exit 1')
    error = refusal(lambda: run("repeats", [script], b"Vermist: jongen in Weesp\n", 5.0))
    assert "Weesp" not in str(error)
    assert error.detail == "exit status 1"


def test_a_program_that_is_not_there_is_missing() -> None:
    error = refusal(lambda: run("nowhere", ["/nonexistent/espeak"], b"", 1.0))
    assert error.failure is Failure.MISSING


def test_a_program_gets_none_of_our_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURGERNET_DATABASE__URL", "postgresql://user:secret@host/db")
    assert b"secret" not in run("env", ["env"], b"", 5.0)


def test_running_programs_leaves_no_file_open() -> None:
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(5):
        run("true", ["true"], b"", 5.0)
        refusal(lambda: run("false", ["false"], b"", 5.0))
    assert len(os.listdir("/proc/self/fd")) <= len(before)


# ---------------------------------------------------------------- espeak-ng


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("nl", "Dit is Burgernet."),
        ("de", "Hier ist Burgernet."),
        ("en", "This is Burgernet."),
        ("fr", "Ici Burgernet."),
        ("fy", "Dit is Burgernet."),
    ],
)
def test_espeak_speaks_every_language(language: str, text: str) -> None:
    pcm = Espeak().synthesise(text, language, 10.0)
    assert pcm.rate == 22_050
    assert 0.8 < pcm.seconds < 4
    assert np.abs(pcm.samples.astype(int)).max() < 32_000  # does not clip


def test_espeak_speaks_at_a_pace_for_elderly_people() -> None:
    text = (
        "Vermist in Weesp: een jongen van vijf jaar, blond haar, rode jas. "
        "Hij is rond kwart over twaalf voor het laatst gezien bij het Stationsplein."
    )
    pcm = Espeak().synthesise(text, "nl", 10.0)
    assert 110 < len(text.split()) / pcm.seconds * 60 < 150


def test_espeak_takes_the_text_for_text_only() -> None:
    plain = Espeak().synthesise("ja nee", "nl", 10.0)
    assert Espeak().synthesise("-v de --help", "nl", 10.0).rate == plain.rate
    assert Espeak().synthesise("$(touch /tmp/x); `reboot`", "nl", 10.0).seconds > 0.5


def test_espeak_refuses_a_language_it_does_not_speak() -> None:
    assert refusal(lambda: Espeak().synthesise("tere", "et", 1.0)).failure is Failure.LANGUAGE
    assert refusal(lambda: Espeak().identity("et")).failure is Failure.LANGUAGE


@pytest.mark.parametrize("voice", ["-h", "--stdout", "nl; rm", "", "../x y"])
def test_a_voice_that_would_be_an_option_is_refused(voice: str) -> None:
    with pytest.raises(ValueError, match="voice"):
        Espeak(voices={"nl": voice})


def test_identity_changes_with_all_that_changes_the_sound() -> None:
    identities = {
        Espeak().identity("nl"),
        Espeak().identity("de"),
        Espeak(words_per_minute=140).identity("nl"),
        Espeak(voices={"nl": "nl+f2"}).identity("nl"),
    }
    assert len(identities) == 4


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        ("sleep 60", Failure.TIMEOUT),
        ("exit 1", Failure.FAILED),
        ("kill -SEGV $$", Failure.FAILED),
        ("cat > /dev/null", Failure.EMPTY),
        ("cat > /dev/null; echo garbage", Failure.CORRUPT),
        ("espeak-ng -v nl --stdin --stdout | head -c 40", Failure.CORRUPT),
        ("espeak-ng -v nl --stdin --stdout | head -c 200", Failure.EMPTY),
        ("espeak-ng -v nl --stdin --stdout -a 0", Failure.SILENT),
    ],
)
def test_an_engine_that_misbehaves_says_how(program: Program, script: str, failure: Failure) -> None:
    engine = Espeak(program=program(script))
    assert refusal(lambda: engine.synthesise("Dit is Burgernet.", "nl", 1.5)).failure is failure


def test_a_missing_espeak_is_told_by_name() -> None:
    engine = Espeak(program="/nonexistent/espeak-ng")
    assert refusal(lambda: engine.identity("nl")).failure is Failure.MISSING
    assert refusal(lambda: engine.synthesise("Dit is Burgernet.", "nl", 1.0)).failure is Failure.MISSING


# ---------------------------------------------------------------- Piper


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    """A voice file and its configuration, as Piper has them."""
    path = tmp_path / "nl_BE-test.onnx"
    path.write_bytes(b"weights")
    path.with_name(path.name + ".json").write_text(json.dumps({"audio": {"sample_rate": 22_050}}))
    return path


# Speaks Piper's protocol: options as both programs have them, a line in, raw samples out. The sound is espeak's.
PIPER = """
while [ $# -gt 0 ]; do case "$1" in
  --model) [ -f "$2" ] || exit 9; shift 2;;  --config) [ -f "$2" ] || exit 9; shift 2;;
  --length-scale|--sentence-silence) shift 2;;  --output-raw) raw=1; shift;;
  *) echo "unknown option $1" >&2; exit 2;;
esac; done
[ "$raw" ] || exit 8
read -r line
espeak-ng -v nl --stdout "$line" | tail -c +45
"""


def test_piper_is_spoken_to_as_it_expects(program: Program, voice: Path) -> None:
    engine = Piper(voice, "nl", program=program(PIPER))
    pcm = engine.synthesise("Dit is Burgernet. Vermist:\neen jongen.", "nl", 10.0)
    assert pcm.rate == 22_050
    assert pcm.seconds > 1
    assert engine.languages == {"nl"}


def test_a_piper_voice_is_known_by_its_content(voice: Path, tmp_path: Path) -> None:
    before = Piper(voice, "nl").identity("nl")
    assert hashlib.sha256(b"weights").hexdigest() in before
    voice.write_bytes(b"other weights")
    assert Piper(voice, "nl").identity("nl") != before


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        ("exit 0", Failure.EMPTY),
        ("printf abc", Failure.CORRUPT),
        ("head -c 44100 /dev/zero", Failure.SILENT),
        ("echo 'Unable to find voice' >&2; exit 1", Failure.FAILED),
        ("sleep 60", Failure.TIMEOUT),
    ],
)
def test_a_piper_that_misbehaves_says_how(program: Program, voice: Path, script: str, failure: Failure) -> None:
    engine = Piper(voice, "nl", program=program(script))
    assert refusal(lambda: engine.synthesise("Hallo.", "nl", 1.0)).failure is failure


def test_a_piper_without_its_files_is_missing(tmp_path: Path, voice: Path, program: Program) -> None:
    assert refusal(lambda: Piper(tmp_path / "no.onnx", "nl").identity("nl")).failure is Failure.MISSING
    assert refusal(lambda: Piper(voice, "nl").identity("de")).failure is Failure.LANGUAGE
    config = voice.with_name(voice.name + ".json")
    config.write_text('{"audio": {}}')
    engine = Piper(voice, "nl", program=program(PIPER))
    assert refusal(lambda: engine.synthesise("Hallo.", "nl", 5.0)).failure is Failure.CORRUPT


# ---------------------------------------------------------------- gTTS


class Response:
    """What Google sends back, as far as we look at it."""

    def __init__(self, text: str, status: int = 200) -> None:
        self.text = text
        self._status = status

    def raise_for_status(self) -> None:
        if self._status >= 400:
            raise requests.HTTPError(str(self._status))


def mp3(seconds: float = 1.0) -> bytes:
    argv = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"sine=440:duration={seconds}", "-f", "mp3", "pipe:1"]
    return subprocess.run(argv, capture_output=True, check=True).stdout


def answer(sound: bytes) -> Response:
    return Response(f'[["wrb.fr","jQ1olc","[\\"{base64.b64encode(sound).decode()}\\"]"]]')


def test_gtts_refuses_unless_it_was_allowed() -> None:
    def send(request: Any, timeout_s: float) -> Any:
        raise AssertionError("the text left the building")

    engine = Google(send=send)
    assert refusal(lambda: engine.synthesise("geheim", "nl", 1.0)).failure is Failure.NOT_ALLOWED
    assert refusal(lambda: engine.identity("nl")).failure is Failure.NOT_ALLOWED


def test_gtts_speaks_a_long_text_in_several_requests() -> None:
    sound, bodies = mp3(), []

    def send(request: Any, timeout_s: float) -> Any:
        bodies.append(request.body)
        assert request.url.startswith("https://translate.google.com/")
        assert 0 < timeout_s <= 10
        return answer(sound)

    pcm = Google(True, send=send).synthesise("Vermist: een jongen van vijf jaar. " * 6, "nl", 10.0)
    assert len(bodies) >= 2
    assert pcm.seconds == pytest.approx(len(bodies) * 1.0, abs=0.2 * len(bodies))


@pytest.mark.parametrize(
    ("outcome", "failure"),
    [
        (requests.ConnectTimeout("secret text"), Failure.TIMEOUT),
        (requests.ConnectionError("secret text"), Failure.MISSING),
        (Response("", 403), Failure.FAILED),
        (Response("nothing here"), Failure.CORRUPT),
        (Response('jQ1olc","[\\"AAA\\"]'), Failure.CORRUPT),
        (answer(b"no mp3 at all"), Failure.CORRUPT),
        (answer(b""), Failure.CORRUPT),
        (RuntimeError("secret text"), Failure.FAILED),
    ],
)
def test_a_gtts_that_fails_says_how_and_never_the_text(outcome: Any, failure: Failure) -> None:
    def send(request: Any, timeout_s: float) -> Any:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    error = refusal(lambda: Google(True, send=send).synthesise("secret text", "nl", 5.0))
    assert error.failure is failure
    assert "secret" not in str(error)


def test_a_server_that_drips_does_not_pass_the_deadline() -> None:
    released = threading.Event()

    def send(request: Any, timeout_s: float) -> Any:
        released.wait(20)
        return answer(b"")

    started = monotonic()
    try:
        error = refusal(lambda: Google(True, send=send).synthesise("hallo", "nl", 0.3))
    finally:
        released.set()
    assert error.failure is Failure.TIMEOUT
    assert monotonic() - started < 3


def test_gtts_has_no_frisian() -> None:
    assert refusal(lambda: Google(True).synthesise("goeie", "fy", 1.0)).failure is Failure.LANGUAGE


def test_gtts_checks_the_servers_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setattr(requests.Session, "send", lambda self, request, **options: seen.update(options))
    Google(True).send(requests.Request("POST", "https://translate.google.com/").prepare(), 2.0)
    assert seen["verify"] is True
    assert seen["timeout"] == 2.0


# ---------------------------------------------------------------- recordings


def wav(
    seconds: float = 2.0, *, rate: int = 44_100, channels: int = 2, width: int = 2, amplitude: float = 0.3
) -> bytes:
    t = np.arange(int(seconds * rate)) / rate
    signal = amplitude * np.sin(2 * np.pi * 440 * t)
    if width == 1:
        samples = ((signal + 1) * 127.5).astype(np.uint8)
        frames = np.repeat(samples, channels).tobytes()
    else:
        samples = np.repeat((signal * (2 ** (8 * width - 1) - 1)).astype(np.int64), channels)
        frames = b"".join(int(sample).to_bytes(width, "little", signed=True) for sample in samples)
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(frames)
    return file.getvalue()


@pytest.mark.parametrize(("width", "channels", "rate"), [(1, 1, 8000), (2, 2, 44_100), (3, 1, 16_000), (4, 2, 8000)])
def test_a_wav_recording_is_read_whatever_its_form(width: int, channels: int, rate: int) -> None:
    data = wav(1.5, rate=rate, channels=channels, width=width)
    pcm = Recording(data, "nl").synthesise("", "nl", 5.0)
    assert pcm.rate == rate
    assert pcm.seconds == pytest.approx(1.5, abs=0.01)
    assert np.abs(pcm.samples.astype(int)).max() == pytest.approx(0.3 * 32_768, rel=0.03)


def test_an_mp3_recording_is_read() -> None:
    pcm = Recording(mp3(2.0), "nl").synthesise("", "nl", 10.0)
    assert pcm.seconds == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize(
    ("data", "failure"),
    [
        (b"", Failure.CORRUPT),
        (b"#EXTM3U\nfile:///etc/passwd\n", Failure.CORRUPT),
        (b"ID3\x03\x00\x00\x00\x00\x00\x00#EXTM3U\nfile:///etc/passwd\n", Failure.CORRUPT),
        (b"RIFF\x00\x00\x00\x00WAVE", Failure.CORRUPT),
        (b"RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00" + b"\xff" * 60, Failure.CORRUPT),
        (wav(2.0, amplitude=0.0), Failure.SILENT),
        (wav(0.3), Failure.TOO_LONG),
        (wav(61.0, rate=8000, channels=1, width=1), Failure.TOO_LONG),
        (wav(1.5)[:44], Failure.EMPTY),
        (b"RIFF\x00\x00\x00\x00WAVE" + bytes(MAX_BYTES), Failure.TOO_LONG),
    ],
)
def test_a_bad_recording_says_how(data: bytes, failure: Failure) -> None:
    assert refusal(lambda: Recording(data, "nl").synthesise("", "nl", 10.0)).failure is failure


def test_an_mp3_without_ffmpeg_says_so() -> None:
    engine = Recording(mp3(), "nl", ffmpeg="/nonexistent/ffmpeg")
    assert refusal(lambda: engine.synthesise("", "nl", 5.0)).failure is Failure.MISSING


# ---------------------------------------------------------------- the chain


class Stub:
    """An engine that does what it is told."""

    whole_text = False

    def __init__(self, name: str, failure: Failure | None = None, *, third_party: bool = False) -> None:
        self.name = name
        self.third_party = third_party
        self.heard: list[str] = []
        self._failure = failure

    @property
    def languages(self) -> frozenset[str]:
        return frozenset({"nl"})

    def identity(self, language: str) -> str:
        return self.name

    def synthesise(self, text: str, language: str, deadline_s: float) -> Pcm:
        self.heard.append(text)
        if self._failure:
            raise EngineError(self.name, self._failure)
        return Pcm(8000, np.tile(np.array([3000, -3000], np.int16), 4000))


def test_the_first_engine_that_speaks_is_heard_and_the_others_are_told_of() -> None:
    broken, slow, good = Stub("broken", Failure.FAILED), Stub("slow", Failure.TIMEOUT), Stub("good")
    spoken = Chain([broken, slow, good], deadline_s=5.0).speak(["Een.", "Twee."], "nl")
    assert spoken.engine == "good"
    assert len(spoken.parts) == 2
    assert [(failure.engine, failure.failure) for failure in spoken.failures] == [
        ("broken", Failure.FAILED),
        ("slow", Failure.TIMEOUT),
    ]


def test_espeak_is_always_the_last() -> None:
    own = Espeak(words_per_minute=130)
    assert [engine.name for engine in Chain([own, Stub("a")]).engines] == ["a", "espeak-ng"]
    assert Chain([own, Stub("a")]).engines[-1] is own
    assert [engine.name for engine in Chain().engines] == ["espeak-ng"]


def test_no_text_leaves_the_building_unless_it_is_asked_for() -> None:
    away = Stub("away", third_party=True)
    assert Chain([away]).speak(["Een."], "nl", third_party=False).engine == "espeak-ng"
    assert away.heard == []
    assert Chain([away]).speak(["Een."], "nl").engine == "away"


def test_when_nobody_speaks_everybody_says_why() -> None:
    mute: list[Engine] = [Stub("a", Failure.EMPTY), Espeak(program="/nonexistent/espeak-ng")]
    with pytest.raises(NoVoiceError) as caught:
        Chain(mute).speak(["Een."], "nl")
    assert [failure.failure for failure in caught.value.failures] == [Failure.EMPTY, Failure.MISSING]


def test_a_short_sentence_is_not_spoken_anew() -> None:
    engine = Stub("a")
    chain = Chain([engine])
    for _ in range(3):
        chain.speak(["Dit is Burgernet.", "x" * 200], "nl")
    assert engine.heard.count("Dit is Burgernet.") == 1
    assert engine.heard.count("x" * 200) == 3


def test_an_engine_is_checked_without_sending_anything_away() -> None:
    away = Stub("away", third_party=True)
    assert check_engine(away, "nl") is None
    assert away.heard == []
    assert check_engine(Espeak(), "nl") is None
    error = check_engine(Espeak(program="/nonexistent/espeak-ng"), "nl")
    assert error is not None
    assert error.failure is Failure.MISSING
