"""Speech, put together from the settings."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorFromThreads

from audio.engines.chain import Chain
from audio.engines.engine import Engine
from audio.engines.espeak import VOICES, Espeak
from audio.engines.google import Google
from audio.engines.piper import Piper
from audio.errors import AudioError
from audio.render import Renderer
from audio.store import Store
from gateway.domain.errors import UnavailableError
from gateway.settings import Settings, SpeechSettings
from gateway.voice.speech import Speaker

RECORDINGS = "recordings"
"""The folder of uploaded recordings, in the state folder: what people said is nobody's business but ours."""


def build_engines(speech: SpeechSettings) -> list[Engine]:
    """The engines in their order of preference."""
    voices: dict[str, str] = dict(VOICES) | dict(speech.voices.items())
    engines: list[Engine] = []
    for name in speech.engines:
        if name == "espeak-ng":
            engines.append(Espeak(words_per_minute=speech.words_per_minute, voices=voices))
        elif name == "piper":
            engines += [Piper(voice, language) for language, voice in speech.piper_voices.items()]
        else:
            # Its name in the settings is the operator's word that texts may leave the building.
            engines.append(Google(allow_third_party=True, timeout_s=speech.gtts_timeout_s))
    return engines


def build_renderer(settings: Settings) -> Renderer:
    """What renders, on the store that Asterisk plays from.

    Raises:
        UnavailableError: the folder of sounds cannot be used.
    """
    try:
        store = Store(settings.sounds_path)
        chain = Chain(build_engines(settings.speech))
    except (AudioError, ValueError) as error:
        raise UnavailableError(f"asterisk.sounds: {error}") from None
    return Renderer(store, chain, settings.policy.max_speech_chars)


def build_speech(settings: Settings, reactor: IReactorFromThreads) -> Speaker:
    """The port. Raises UnavailableError."""
    return Speaker(build_renderer(settings), settings.database.state_dir / RECORDINGS, reactor)
