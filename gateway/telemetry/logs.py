"""Log lines: Twisted's logger in, one JSON object or one human line out, masked either way."""

from __future__ import annotations

import json
import logging
import re
import string
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, TextIO

from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.processors import JSONRenderer
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogBeginner,
    LogEvent,
    Logger,
    LogLevel,
    LogLevelFilterPredicate,
    formatEvent,
    globalLogBeginner,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from gateway.settings import LogSettings
from gateway.telemetry.masking import clean, clean_text, escape_control, mask_text

Fields = dict[str, Any]
Renderer = Callable[[Fields], str]

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}
# Twisted tells of every factory and port at info; we tell what of it matters ourselves.
_CHATTY = ("twisted", "log_legacy")
# These write PDUs, SQL or whole requests at lower levels.
_INDISCREET = ("smpplib", "sqlalchemy", "gtts", "pydub", "urllib3")
# What old-style events carry besides their text.
_LEGACY_KEYS = frozenset({"message", "time", "isError", "system", "format", "why", "failure", "logLevel"})


@implementer(ILogObserver)
class LineObserver:
    """Writes each event as a line, in one piece, from whatever thread it comes.

    Args:
        stream: where to.
        render: from named fields to the line, without its line break.
        brief: leave out the fields that the message shows already.
    """

    def __init__(self, stream: TextIO, render: Renderer, *, brief: bool = False) -> None:
        self._stream = stream
        self._render = render
        self._brief = brief
        self._lock = threading.Lock()

    def __call__(self, event: LogEvent) -> None:
        """Write the event."""
        line = self._render(fields_of(event, brief=self._brief))
        with self._lock:
            self._stream.write(line + "\n")
            self._stream.flush()


def fields_of(event: LogEvent, *, brief: bool = False) -> Fields:
    """What a line tells of an event: time, level, logger, message, the named fields, a traceback where there is one.

    Everything is masked here, the traceback too, so that no format can forget it.
    """
    moment = datetime.fromtimestamp(event["log_time"], UTC)
    fields: Fields = {
        "at": moment.isoformat(timespec="milliseconds"),
        "level": event["log_level"].name,
        "logger": str(event.get("log_namespace", "")),
        "event": clean_text(formatEvent(event)),
    }
    shown = _shown(event) if brief else frozenset()
    legacy = _LEGACY_KEYS if event.get("log_namespace") == "log_legacy" else frozenset()
    for name, value in event.items():
        if name.startswith("log_") or name in shown or name in legacy:
            continue
        fields[f"{name}_" if name in fields else name] = clean(name, value)
    failure = event.get("log_failure")
    if failure is not None:
        traceback = mask_text(failure.getTraceback().rstrip())
        fields["exception"] = "\n".join(map(escape_control, traceback.split("\n")))
    return fields


def _shown(event: LogEvent) -> frozenset[str]:
    """The names of the fields that the message holds."""
    try:
        names = [name for _, name, _, _ in string.Formatter().parse(str(event.get("log_format") or "")) if name]
    except ValueError:
        return frozenset()
    return frozenset(re.split(r"[.\[(]", name, maxsplit=1)[0] for name in names)


def json_renderer() -> Renderer:
    """An object a line, in UTF-8."""
    render = JSONRenderer(partial(json.dumps, ensure_ascii=False))
    return lambda fields: str(render(None, "", fields))


def human_renderer(*, colors: bool) -> Renderer:
    """A line for eyes: time, level, message, where from, fields; a traceback below it."""
    render = ConsoleRenderer(
        colors=colors, pad_event_to=0, sort_keys=False, timestamp_key="at", exception_formatter=plain_traceback
    )
    return lambda fields: str(render(None, "", fields))


def make_observer(settings: LogSettings, stream: TextIO) -> ILogObserver:
    """An observer as the settings want it; ``auto`` is human on a terminal, else JSON."""
    terminal = stream.isatty()
    human = settings.format == "human" or (settings.format == "auto" and terminal)
    lines = LineObserver(stream, human_renderer(colors=terminal) if human else json_renderer(), brief=human)
    level = LogLevel.lookupByName(settings.level)
    least = LogLevelFilterPredicate(defaultLogLevel=level)
    for namespace in _CHATTY:
        least.setLogLevelForNamespace(namespace, max(level, LogLevel.warn) if level is not LogLevel.debug else level)
    return FilteringLogObserver(lines, [least])


class StdlibBridge(logging.Handler):
    """Hands what libraries log with ``logging`` to Twisted's logger.

    Args:
        observer: who gets the events; Twisted's global publisher unless given.
    """

    def __init__(self, observer: ILogObserver | None = None) -> None:
        super().__init__()
        self._observer = observer

    def emit(self, record: logging.LogRecord) -> None:
        """Hand over a record, with its exception."""
        level = LogLevel.lookupByName(
            next((name for name, number in reversed(_LEVELS.items()) if record.levelno >= number), "debug")
        )
        logger = Logger(namespace=record.name, observer=self._observer)
        text = record.getMessage().replace("{", "{{").replace("}", "}}")
        if record.exc_info and record.exc_info[1] is not None:
            kind, value, traceback = record.exc_info
            failure = Failure(value, kind, traceback)  # type: ignore[no-untyped-call]
            logger.emit(level, text, log_failure=failure)
        else:
            logger.emit(level, text)


def start_logging(
    settings: LogSettings, stream: TextIO | None = None, beginner: LogBeginner = globalLogBeginner
) -> Callable[[], None]:
    """Begin to write what is logged, once a process: Twisted's logger, ``logging`` and ``warnings``.

    Returns:
        Takes the bridge from ``logging`` away again.
    """
    observer = make_observer(settings, sys.stderr if stream is None else stream)
    beginner.beginLoggingTo([observer], redirectStandardIO=False)
    bridge = StdlibBridge(None if beginner is globalLogBeginner else observer)
    root = logging.getLogger()
    before = root.level
    root.addHandler(bridge)
    root.setLevel(_LEVELS[settings.level])
    for name in _INDISCREET:
        logging.getLogger(name).setLevel(max(logging.WARNING, _LEVELS[settings.level]))

    def stop() -> None:
        root.removeHandler(bridge)
        root.setLevel(before)

    return stop
