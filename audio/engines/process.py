"""Run a program under a deadline and a limit on what it may write, and leave nothing of it behind."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
from collections.abc import Callable, Sequence
from time import monotonic

from audio.errors import EngineError, Failure

MAX_OUTPUT = 64 * 1024 * 1024
"""Bytes. Three minutes of 48 kHz stereo are 35 MB."""

_KEPT_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "ESPEAK_DATA_PATH")
"""The daemon's environment may hold passwords: a child gets only what it needs to start."""

_CHUNK = 1 << 16
_KEPT_COMPLAINT = 2048
_QUOTE = 12  # as many characters in a row of what was written are a quotation


def run(engine: str, argv: Sequence[str], stdin: bytes, deadline_s: float, max_output: int = MAX_OUTPUT) -> bytes:
    """What the program writes to its standard output.

    The program leads a process group of its own. The group is killed when the program ends, so that no child of
    it stays behind, or at the deadline.

    Raises:
        EngineError: ``MISSING``, ``TIMEOUT``, ``TOO_LONG`` (output) or ``FAILED`` (exit status, with the last line
            that it wrote to standard error).
    """
    until = monotonic() + deadline_s
    environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise EngineError(engine, Failure.MISSING, f"cannot start: {error.strerror}") from error
    exchange = _Exchange(process, stdin)
    try:
        while exchange.step(until - monotonic()):
            if len(exchange.output) > max_output:
                raise EngineError(engine, Failure.TOO_LONG, f"more than {max_output} bytes")
            if monotonic() >= until:
                raise EngineError(engine, Failure.TIMEOUT, f"not done in {deadline_s:.1f} s")
    finally:
        status = exchange.end()
    if status != 0:
        raise EngineError(engine, Failure.FAILED, f"exit status {status}{_complaint(exchange.errors, stdin)}")
    return bytes(exchange.output)


class _Exchange:
    """Writes and reads the three pipes of a process without ever blocking, and notices its end."""

    def __init__(self, process: subprocess.Popen[bytes], stdin: bytes) -> None:
        self.output = bytearray()
        self.errors = bytearray()
        self._process = process
        self._left = memoryview(stdin)
        self._selector = selectors.DefaultSelector()
        self._exit_fd = os.pidfd_open(process.pid)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        for pipe in (process.stdin, process.stdout, process.stderr):
            os.set_blocking(pipe.fileno(), False)
        self._selector.register(process.stdin, selectors.EVENT_WRITE, self._write)
        self._selector.register(process.stdout, selectors.EVENT_READ, self._read_output)
        self._selector.register(process.stderr, selectors.EVENT_READ, self._read_errors)
        self._selector.register(self._exit_fd, selectors.EVENT_READ, self._exited)

    def step(self, timeout_s: float) -> bool:
        """Wait once; false when the program has ended and everything is read."""
        for key, _ in self._selector.select(max(0.0, timeout_s)):
            handle: Callable[[], bool] = key.data
            if handle():
                self._selector.unregister(key.fileobj)
                if key.fileobj is self._process.stdin:
                    self._process.stdin.close()  # the program reads to the end before it speaks
        return bool(self._selector.get_map())

    def end(self) -> int:
        """Kill whatever is left of the group, collect the program, close everything.

        Returns:
            The exit status, negative for a signal (``subprocess`` convention).
        """
        self._kill_group()
        status = self._process.wait()
        self._selector.close()
        os.close(self._exit_fd)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        return status

    def _kill_group(self) -> None:
        # The program is not collected yet, so its number cannot have become somebody else's.
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # nobody is left in the group

    def _write(self) -> bool:
        assert self._process.stdin is not None
        try:
            if self._left:
                self._left = self._left[os.write(self._process.stdin.fileno(), self._left[:_CHUNK]) :]
        except BlockingIOError:
            return False
        except OSError:  # it reads no more; its exit status tells why
            self._left = self._left[:0]
        return not self._left

    def _read_output(self) -> bool:
        assert self._process.stdout is not None
        return _read(self._process.stdout.fileno(), self.output)

    def _read_errors(self) -> bool:
        assert self._process.stderr is not None
        done = _read(self._process.stderr.fileno(), self.errors)
        del self.errors[:-_KEPT_COMPLAINT]
        return done

    def _exited(self) -> bool:
        self._kill_group()
        return True


def _read(fd: int, into: bytearray) -> bool:
    """Read once; true at the end of the pipe."""
    try:
        data = os.read(fd, _CHUNK)
    except BlockingIOError:
        return False
    into += data
    return not data


def _complaint(errors: bytearray, stdin: bytes) -> str:
    """The last line on standard error, unless it quotes what we wrote: that is a message, and this goes to a log."""
    lines = [line.strip() for line in errors.decode("utf-8", "replace").splitlines()]
    last = next((line for line in reversed(lines) if line), "")
    last = "".join(char for char in last if char.isprintable())[:200]
    text = stdin.decode("utf-8", "replace")
    if not last or any(last[i : i + _QUOTE] in text for i in range(len(last) - _QUOTE + 1)):
        return ""
    return f": {last}"
