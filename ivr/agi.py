r"""Asterisk's gateway interface (AGI) without I/O, from the script's side: bytes in, events and bytes out.

Asterisk connects, sends an environment (``agi_uniqueid: …`` lines, closed by an empty one), and then answers one
command at a time: ``200 result=…``, ``510`` unknown, ``511`` not on a dead channel, ``520`` wrong use (several lines).
When the caller hangs up it adds a bare line ``HANGUP``, anywhere in the stream: that is an event here, never a reply.

Only commands of :data:`COMMANDS` leave us, without line breaks, shorter than Asterisk's buffer. (A stray line crashed
Asterisk 20.18.2: issue 2069.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from ivr.errors import AgiLocalProtocolError, AgiRemoteProtocolError

MAX_LINE_OUT = 1999
"""Octets of a command. Asterisk reads into 2 kB before July 2025 (commit 5f433e2442), into 8 kB since."""

MAX_LINE_IN = 16 * 1024
MAX_ENV_LINES = 256  # some twenty, and an argument for each of 128
MAX_USAGE_LINES = 200  # of a 520

#: What a call script may ask, by its words (``core show help agi``). Not among them: what reaches the database,
#: and what evaluates expressions (``GET FULL VARIABLE "${SHELL(…)}"``).
COMMANDS = frozenset(
    {
        "ANSWER",
        "CHANNEL STATUS",
        "EXEC",  # only APPLICATIONS
        "GET DATA",
        "GET VARIABLE",
        "HANGUP",
        "NOOP",
        "RECORD FILE",
        "SAY ALPHA",
        "SAY DATE",
        "SAY DATETIME",
        "SAY DIGITS",
        "SAY NUMBER",
        "SAY PHONETIC",
        "SAY TIME",
        "SEND TEXT",
        "SET AUTOHANGUP",
        "SET CALLERID",
        "SET CONTEXT",
        "SET EXTENSION",
        "SET MUSIC",
        "SET PRIORITY",
        "SET VARIABLE",
        "STREAM FILE",
        "VERBOSE",
        "WAIT FOR DIGIT",
    }
)

#: What EXEC may run. Not MixMonitor: one of its arguments is a shell command.
APPLICATIONS = frozenset(
    {
        "ANSWER",
        "CONFBRIDGE",
        "MUSICONHOLD",
        "PLAYTONES",
        "RINGING",
        "STARTMUSICONHOLD",
        "STOPMUSICONHOLD",
        "STOPPLAYTONES",
        "USEREVENT",
        "WAIT",
    }
)

#: Dialplan functions that may be read or set like a variable.
FUNCTIONS = frozenset({"CALLERID", "CHANNEL", "CONNECTEDLINE", "PJSIP_HEADER", "REDIRECTING", "TALK_DETECT"})

_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,79})(\([A-Za-z0-9_,-]{0,80}\))?", re.ASCII)
_WORDS = re.compile(r"[A-Z]+(?: [A-Z]+)*", re.ASCII)
_FORBIDDEN = re.compile(r"[\r\n\0]")
_SOUND = re.compile(r"[A-Za-z0-9_.+/-]{1,400}", re.ASCII)
_REPLY = re.compile(r"(\d{3})(?:([- ])(.*))?")
_RESULT = re.compile(r"result=(\S*)(?: \((.*)\))?(?: endpos=(-?\d+))?\s*")


class State(Enum):
    """How far we are."""

    ENVIRONMENT = "environment"  # Asterisk tells about the call
    IDLE = "idle"  # it waits for a command
    BUSY = "busy"  # it carries one out
    CUTTING = "cutting"  # we asked it to stop that
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Started:
    """Asterisk told about the call; commands may be sent.

    Attributes:
        env: without the ``agi_``: ``uniqueid``, ``channel``, ``callerid``, ``network_script``, ``arg_1`` …
    """

    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """Asterisk's answer to a command.

    Attributes:
        code: 200, 510, 511 or 520.
        result: what stands behind ``result=``: a number, mostly; text with :attr:`code` other than 200.
        data: what stands in brackets behind that: the value of a variable, ``timeout``, ``hangup``.
        endpos: samples of the file that were played or recorded, where it says so (8,000 a second for A-law).
        cut: we stopped the command; then there is no result.
    """

    code: int
    result: str
    data: str = ""
    endpos: int | None = None
    cut: bool = False


@dataclass(frozen=True, slots=True)
class HungUp:
    """The caller, or somebody for them, ended the call. Asterisk still takes commands, and refuses most."""


AgiEvent = Started | Reply | HungUp


def quote(value: str | float) -> str:
    """A value as an argument: in quotes, with quotes and backslashes escaped (``ast_parse_arg`` of ``res_agi.c``).

    Raises:
        AgiLocalProtocolError: a line break or NUL; a line of its own would be a second command.
    """
    text = str(value)
    if _FORBIDDEN.search(text):
        raise AgiLocalProtocolError("line break or NUL in an argument")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def sound_name(name: str) -> str:
    """The name of a sound file, without its extension, if it is one that we could have made.

    Raises:
        AgiLocalProtocolError: a blank, a dot-dot or anything else that does not belong in a path of ours.
    """
    if not _SOUND.fullmatch(name) or ".." in name or "&" in name:
        raise AgiLocalProtocolError("not the name of a sound file of ours")
    return name


def keys(digits: str) -> str:
    """Keys of a telephone, as an argument. Raises AgiLocalProtocolError."""
    if not re.fullmatch(r"[0-9*#]*", digits, re.ASCII):
        raise AgiLocalProtocolError("no keys of a telephone")
    return quote(digits)


def encode(command: str) -> bytes:
    """The bytes of a command line. Every command that leaves us passes here.

    Raises:
        AgiLocalProtocolError: not one of :data:`COMMANDS`, a line break in it, or too long. The words do not repeat it.
    """
    if _FORBIDDEN.search(command):
        raise AgiLocalProtocolError("line break or NUL in a command")
    words = _WORDS.match(command)
    name = words[0] if words else ""
    while name and name not in COMMANDS:
        name = name.rpartition(" ")[0]
    if not name or (len(command) > len(name) and command[len(name)] != " "):
        raise AgiLocalProtocolError("not a command that a call script may give")
    if name == "EXEC" and command[5:].partition(" ")[0].strip('"').upper() not in APPLICATIONS:
        raise AgiLocalProtocolError("not an application that a call script may run")
    line = command.encode("utf-8", "surrogateescape") + b"\n"
    if len(line) > MAX_LINE_OUT:
        raise AgiLocalProtocolError(f"a command of {len(line)} octets, {MAX_LINE_OUT} are allowed")
    return line


def parse_reply(line: str) -> Reply:
    """One line of an answer. Raises AgiRemoteProtocolError."""
    match = _REPLY.fullmatch(line)
    if match is None:
        raise AgiRemoteProtocolError("an answer without a code")
    code, _, rest = int(match[1]), match[2], match[3] or ""
    if code != 200:
        return Reply(code, rest)
    result = _RESULT.match(rest)
    if result is None:
        raise AgiRemoteProtocolError("an answer without a result")
    return Reply(code, result[1], result[2] or "", int(result[3]) if result[3] else None)


def variable_name(name: str) -> str:
    """The name of a variable, or of a function call that is harmless, as an argument.

    Raises:
        AgiLocalProtocolError: anything else: ``SHELL()``, ``FILE()``, ``CURL()`` are functions too.
    """
    match = _VARIABLE.fullmatch(name)
    if match is None or (match[2] is not None and match[1] not in FUNCTIONS):
        raise AgiLocalProtocolError("not a variable that a call script may touch")
    return quote(name)


def millis(samples: int) -> int:
    """How long so many samples last, at the 8 kHz of a telephone."""
    return samples // 8


@dataclass(slots=True)
class AgiSession:
    """One call's connection. Feed it with :meth:`receive_data`, ask with :meth:`send`, write :meth:`data_to_send`.

    Attributes:
        hung_up: whether Asterisk told so.
    """

    state: State = State.ENVIRONMENT
    hung_up: bool = False
    _env: dict[str, str] = field(default_factory=dict)
    _env_lines: int = 0
    _buffer: bytearray = field(default_factory=bytearray)
    _out: list[bytes] = field(default_factory=list)
    _command: str = ""
    _finished: Reply | None = None  # the answer of a command that ended by itself while we were cutting it
    _usage: list[str] | None = None  # lines of a 520

    def send(self, command: str) -> None:
        """Ask something; the answer comes as :class:`Reply`.

        Raises:
            AgiLocalProtocolError: an earlier command has no answer yet, or the command may not be sent.
        """
        if self.state is not State.IDLE:
            raise AgiLocalProtocolError(f"a command while {self.state.value}")
        self._out.append(encode(command))
        self._command = command
        self.state = State.BUSY

    def cut(self) -> bool:
        """Stop the playing or the waiting that is under way; its :class:`Reply` then says ``cut``.

        Asterisk stops both for a new command. It says nothing about the file that it stopped, and ``200 result=1``
        about the wait (``res_agi.c``; tried on 22.10). The new command is a NOOP, so that the two can be told apart.

        Returns:
            ``False`` where there is nothing to stop.
        """
        if self.state is not State.BUSY or not self._command.startswith(("STREAM FILE ", "WAIT FOR DIGIT ")):
            return False
        self._out.append(b"NOOP\n")
        self.state = State.CUTTING
        return True

    def data_to_send(self) -> bytes:
        """What is to be written now, once."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    def close(self) -> None:
        """The connection is gone, or is about to."""
        self.state = State.CLOSED
        self._buffer.clear()

    def receive_data(self, data: bytes) -> list[AgiEvent]:
        """Take what arrived; returns what it means, in order.

        Raises:
            AgiRemoteProtocolError: Asterisk would not say that; the connection must be closed.
        """
        if self.state is State.CLOSED:
            return []
        self._buffer += data
        *lines, rest = bytes(self._buffer).split(b"\n")
        self._buffer[:] = rest
        if len(rest) > MAX_LINE_IN or any(len(line) > MAX_LINE_IN for line in lines):
            raise AgiRemoteProtocolError(f"a line of more than {MAX_LINE_IN} octets")
        events: list[AgiEvent] = []
        for line in lines:
            event = self._take(line.rstrip(b"\r").decode("utf-8", "surrogateescape"))
            if event is not None:
                events.append(event)
        return events

    def _take(self, line: str) -> AgiEvent | None:
        if self.state is State.ENVIRONMENT:
            return self._take_environment(line)
        if self._usage is not None:
            return self._take_usage(line)
        if line == "HANGUP":
            first, self.hung_up = not self.hung_up, True
            return HungUp() if first else None
        if self.state not in (State.BUSY, State.CUTTING):
            raise AgiRemoteProtocolError("an answer to nothing that was asked")
        if line.startswith("520-"):
            self._usage = [line[4:]]
            return None
        return self._answered(parse_reply(line))

    def _take_environment(self, line: str) -> AgiEvent | None:
        if not line:
            self.state = State.IDLE
            return Started(dict(self._env))
        self._env_lines += 1
        if self._env_lines > MAX_ENV_LINES:
            raise AgiRemoteProtocolError(f"an environment of more than {MAX_ENV_LINES} lines")
        name, colon, value = line.partition(":")
        if not colon or not name.startswith("agi_"):
            raise AgiRemoteProtocolError("not an environment of AGI")
        # The first counts: Asterisk's own lines stand before what a caller's name could have added.
        self._env.setdefault(name.removeprefix("agi_"), value.strip())
        return None

    def _take_usage(self, line: str) -> AgiEvent | None:
        assert self._usage is not None
        if not line.startswith("520 "):
            self._usage.append(line)
            if len(self._usage) > MAX_USAGE_LINES:
                raise AgiRemoteProtocolError("an explanation without an end")
            return None
        usage, self._usage = "\n".join(self._usage), None
        return self._answered(Reply(520, usage))

    def _answered(self, reply: Reply) -> Reply | None:
        if self.state is State.CUTTING and self._finished is None:
            if reply.endpos is not None or reply.code != 200 or self._command.startswith("WAIT"):
                self._finished = reply  # the command's own; the NOOP's is still to come
                return None
            reply = Reply(200, "0", cut=True)  # the NOOP's: of the file there is none
        elif self._finished is not None:
            # A wait that we stopped says 1, which is no key.
            stopped = self._command.startswith("WAIT") and self._finished.result == "1"
            reply = Reply(200, "0", cut=True) if stopped else self._finished
        self.state, self._command, self._finished = State.IDLE, "", None
        return reply
