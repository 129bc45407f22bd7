"""The call that we place: the message at once, again, and what the keys do. Nothing need be pressed.

Whoever drives this asks for :meth:`Outbound.step`, does it, tells what came of it, and asks again. A machine that
answered is known by its long greeting (:meth:`Outbound.talked`): the message then begins anew when the greeting and
the beep are over, so that it is recorded whole, and no human ever waits in silence for a detector.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from ivr.errors import DialogueError

KEYS = "0123456789*#"

MACHINE_MS = 2500
"""Nobody who picks up a telephone talks for so long without a pause; a greeting does (facts: app_amd's defaults)."""

MACHINE_WITHIN_S = 45.0
"""A greeting begins and ends within so long of the answer; later it is somebody in the room."""

MOST_AGAIN = 5
LISTEN_S = 5.0
CONFIRM_S = 6.0


@dataclass(frozen=True, slots=True)
class Play:
    """Play a fixed prompt of the catalogue; any key stops it."""

    prompt: str


@dataclass(frozen=True, slots=True)
class PlayMessage:
    """Play the newest message; any key stops it.

    Attributes:
        whole: with jingle and introduction; else the message proper.
    """

    whole: bool


@dataclass(frozen=True, slots=True)
class Listen:
    """Wait for a key."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Act:
    """Apply what a key means (1, 3, 9, 0); tell :meth:`Outbound.acted`."""

    key: str


@dataclass(frozen=True, slots=True)
class Connect:
    """Put the caller through to the control room; the dialogue is over."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """The dialogue is over."""


Step = Play | PlayMessage | Listen | Act | Connect | HangUp

_FIRST: tuple[Step, ...] = (PlayMessage(True), Play("out.seen"), Play("out.again"), PlayMessage(False))
_MENU: tuple[Step, ...] = (
    Play("out.seen"),
    Play("out.menu_again"),
    Play("out.menu_sms"),
    Play("out.menu_not_now"),
    Play("out.menu_never"),
    Listen(LISTEN_S),
)
_END: tuple[Step, ...] = (Play("out.goodbye"), HangUp())
_THANKS: tuple[Step, ...] = (PlayMessage(True), Play("out.closing_thanks"), HangUp())


class Outbound:
    """One call.

    Args:
        closing: how an action ended: the message once, thanks, and no menu.

    Attributes:
        complete: the whole message was played at least once without a break.
        heard_ms: the most of it that was played without a break.
        machine: a machine answered.
        key: the last key that meant something.
    """

    def __init__(self, *, closing: bool = False) -> None:
        self.complete = False
        self.heard_ms = 0
        self.machine = False
        self.key: str | None = None
        self._closing = closing
        self._steps: deque[Step] = deque(_THANKS if closing else (*_FIRST, *_MENU, *_END))
        self._current: Step | None = None
        self._again = 0
        self._confirming = False

    def step(self) -> Step:
        """What to do now."""
        self._current = self._steps.popleft() if self._steps else HangUp()
        return self._current

    def played(self, key: str, heard_ms: int, *, ended: bool) -> None:
        """What came of :class:`Play`, :class:`PlayMessage` or :class:`Listen`.

        Args:
            key: the key that stopped it, or empty.
            heard_ms: how much of a message was played, jingle and introduction not counted.
            ended: it was played to its end.
        """
        if not isinstance(self._current, Play | PlayMessage | Listen):
            raise DialogueError(f"nothing is being played: {type(self._current).__name__}")
        if isinstance(self._current, PlayMessage):
            self.heard_ms = max(self.heard_ms, heard_ms)
            self.complete |= ended
            if ended and self.machine:
                self._steps = deque((HangUp(),))
        if key:
            self._pressed(key)
        elif self._confirming and isinstance(self._current, Listen):
            self._confirming = False
            self._steps = deque((Play("out.never_kept"), *_END))

    def talked(self, talked_ms: int, since_answer_s: float) -> bool:
        """The far end ceased to make a sound. Whether what is played now must stop: the message then begins anew."""
        if self.key is not None or since_answer_s > MACHINE_WITHIN_S:
            return False
        self.machine |= talked_ms >= MACHINE_MS
        if not self.machine:
            return False
        # After the greeting, and again after the beep: what the machine records begins with the beginning.
        self.complete, self.heard_ms = False, 0
        self._steps = deque((PlayMessage(True), HangUp()))
        return True

    def acted(self, *, done: bool) -> None:
        """What came of :class:`Act`; ``done`` tells for key 3 whether an SMS is on its way."""
        if not isinstance(self._current, Act):
            raise DialogueError("no key is being applied")
        key = self._current.key
        if key == "1":
            self._steps = deque((Play("out.connecting"), Connect()))
        elif key == "3":
            self._steps = deque((Play("out.sms_sent" if done else "out.sms_no_mobile"), *_MENU, *_END))
        elif key == "9":
            self._steps = deque((Play("out.not_now_done"), HangUp()))
        else:
            self._steps = deque((Play("out.never_done"), HangUp()))

    def _pressed(self, key: str) -> None:
        self.machine = False  # machines press nothing
        if self._closing and key not in "09":
            return
        confirmed, self._confirming = self._confirming and key == "0", False
        if key == "0" and not confirmed:
            self._confirming = True
            self._steps = deque((Play("out.never_ask"), Listen(CONFIRM_S)))
        elif key in "0139":
            self.key = key
            self._steps = deque((Act(key),))
        elif key == "2" and self._again < MOST_AGAIN:
            self.key = key
            self._again += 1
            self._steps = deque((PlayMessage(False), *_MENU, *_END))
        else:
            self._steps = deque((Play("out.unknown_key"), *_MENU, *_END))
