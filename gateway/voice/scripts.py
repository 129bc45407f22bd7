"""What an AGI script does: it drives a dialogue with pyst2's methods, on the sounds that are ready."""

from __future__ import annotations

from asterisk.agi import AGIHangup
from twisted.logger import Logger

from gateway.domain.delivery import Purpose
from gateway.domain.speech import NoSpeechError, Sound
from gateway.flows.calls import CallRecorder
from gateway.ports import Clock, Speech
from gateway.voice.fastagi import CallAgi, Script
from gateway.voice.lane import Heard, LiveCall, TrunkLane
from ivr.agi import sound_name
from ivr.dialogue import KEYS, Act, Connect, HangUp, Listen, Outbound, Play, PlayMessage

SAMPLES_PER_S = 8000


class OutboundScripts:
    """Scripts for the calls that we placed.

    Attributes:
        talks: dialogues under way, by channel id.
    """

    _log = Logger()

    def __init__(self, lane: TrunkLane, speech: Speech, recorder: CallRecorder, clock: Clock) -> None:
        self._lane = lane
        self._speech = speech
        self._recorder = recorder
        self._clock = clock
        self.talks: dict[str, tuple[Outbound, LiveCall]] = {}

    def script_for(self, env: dict[str, str]) -> Script | None:
        """The script for a call; none for one that we do not know: the dialplan then plays the message by itself."""
        live = self._lane.live(env.get("uniqueid", ""))
        if live is None or live.sound is None:
            return None
        return lambda agi: self._talk(agi, live)

    def talked(self, channel_id: str, talked_ms: int) -> bool:
        """The far end ceased to make a sound; whether what is being played must be cut."""
        talk = self.talks.get(channel_id)
        if talk is None:
            return False
        dialogue, live = talk
        since = 0.0 if live.answered_at is None else (self._clock.now() - live.answered_at).total_seconds()
        return dialogue.talked(talked_ms, since)

    def _talk(self, agi: CallAgi, live: LiveCall) -> None:
        closing = live.batch is not None and live.batch.purpose is Purpose.CLOSING
        dialogue = Outbound(closing=closing)
        live.heard = Heard()
        self.talks[live.attempt.id] = dialogue, live
        try:
            self._converse(agi, live, dialogue)
            # The dialplan need not play the message by itself.
            agi.set_variable("BN_DONE", "1")
        finally:
            self.talks.pop(live.attempt.id, None)
            self._note(live, dialogue)

    def _converse(self, agi: CallAgi, live: LiveCall, dialogue: Outbound) -> None:
        while True:
            step = dialogue.step()
            if isinstance(step, HangUp):
                return
            if isinstance(step, Connect):
                agi.set_variable("BN_NEXT", "room")
                return
            if isinstance(step, Act):
                done = agi.wait(self._recorder.pressed(live.attempt.delivery, step.key))
                dialogue.acted(done=done.sms or step.key != "3")
            elif isinstance(step, Listen):
                key = agi.wait_for_digit(round(step.seconds * 1000))
                dialogue.played("" if agi.was_cut else key, 0, ended=not key)
            elif isinstance(step, Play):
                self._prompt(agi, live, dialogue, step)
            else:
                self._message(agi, live, dialogue, step)
            self._note(live, dialogue)

    def _prompt(self, agi: CallAgi, live: LiveCall, dialogue: Outbound, step: Play) -> None:
        language = "nl" if live.batch is None else live.batch.language
        try:
            sound = agi.wait(self._speech.prompt(step.prompt, language))
        except NoSpeechError as error:
            # The message is what counts; a call goes on without a prompt, and never plays silence for it.
            self._log.error("prompt {prompt} cannot be spoken: {error}", prompt=step.prompt, error=str(error))
            dialogue.played("", 0, ended=True)
            return
        key = agi.stream_file(sound_name(sound.path), KEYS)
        dialogue.played(key, 0, ended=not key and not agi.was_cut)

    def _message(self, agi: CallAgi, live: LiveCall, dialogue: Outbound, step: PlayMessage) -> None:
        sound, version = self._lane.current(live)
        assert sound is not None
        assert live.heard is not None
        live.heard.version = version
        start = 0 if step.whole else round(sound.message_start_s * SAMPLES_PER_S)
        try:
            key = agi.stream_file(sound_name(sound.path), KEYS, start)
        except AGIHangup:
            dialogue.played("", _heard_ms(sound, agi.endpos), ended=False)
            raise
        ended = not key and not agi.was_cut
        if ended and agi.endpos == 0:
            raise RuntimeError("Asterisk does not play the message's file")
        dialogue.played(key, _heard_ms(sound, agi.endpos), ended=ended)

    def _note(self, live: LiveCall, dialogue: Outbound) -> None:
        heard = live.heard
        assert heard is not None
        if dialogue.complete != heard.complete:
            # A machine's greeting takes it back: what counts is what came after the beep.
            heard.complete_at = self._clock.now() if dialogue.complete else None
        heard.complete = dialogue.complete
        heard.heard_ms = dialogue.heard_ms
        heard.voicemail = dialogue.machine and dialogue.complete
        heard.key = dialogue.key


def _heard_ms(sound: Sound, samples: int) -> int:
    return max(0, round((samples / SAMPLES_PER_S - sound.message_start_s) * 1000))
