"""The last net under the log: whatever looks like a telephone number or a secret is masked in every line.

Nobody should log either in the first place (docs/architecture.md, privacy). Where in doubt this masks too much: a long
id may lose its middle, a number must not keep it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.domain.numbers import mask

MIN_DIGITS = 9
"""A run of fewer digits is no number that could be dialled from elsewhere."""

_GAP = r"[ ().\-/\u00a0\u2011]{0,2}"
_NUMBER = re.compile(
    rf"""
      \+\d{{8,}}                                          # +31612345678
    | (?<!\d)(?<!\d\.)(?:
        \d{{{MIN_DIGITS},15}}(?!\d)                       # 31612345678, 0031612345678, 0612345678; longer is an id
      | 00{_GAP}[1-9](?:{_GAP}\d){{7,}}                   # 00 31 6 12345678
      | (?!\d\d[-./]\d\d[-./]\d{{4}})                     # but not 04-05-2016 12:30
        0[1-9](?:{_GAP}\d){{8,}}                          # 06-12 34 56 78, (0343) 529850
      | 31{_GAP}6(?:{_GAP}\d){{8,}}                       # 31 6 12345678
      )
    | \+{_GAP}\d(?:{_GAP}\d){{7,}}                        # +31 (0)6 12345678
    """,
    re.VERBOSE,
)
_SECRET = re.compile(
    r"""
      (?P<url>://[^\s/:@]*:)\S*@                       # a URL's password
    | (?P<key>bn_[a-z0-9]{10}_)[A-Za-z0-9]+            # an API key
    | (?P<header>(?i:bearer|basic)[ ]+)(?!\*)\S+       # an Authorization header
    """,
    re.VERBOSE,
)

# Line breaks, terminal escapes and their like: a hostile value must not forge a line or speak to a terminal.
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))} | {
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}

# Integers under these names are ids and sizes of ours; other long integers may be numbers.
_COUNTED = re.compile(r"(?:.*_)?(?:id|ids|bytes|ns|us|ms|pid|seed|delivery|claim)")


def mask_text(text: str) -> str:
    """The text with telephone numbers and secrets masked: ``+31*****678``, ``06*****678``, ``bn_abcdefghij_***``."""
    return _NUMBER.sub(_mask_number, _SECRET.sub(_mask_secret, text))


def _mask_secret(found: re.Match[str]) -> str:
    kind = str(found.lastgroup)
    return f"{found[kind]}***" + ("@" if kind == "url" else "")


def _mask_number(found: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", found[0])
    if found[0].startswith("+"):
        return mask(f"+{digits}")
    return f"{digits[:2]}*****{digits[-3:]}"


def escape_control(text: str) -> str:
    """The text on one line, without characters that a terminal obeys."""
    return text if text.isprintable() else text.translate(_CONTROL)


def clean(name: str, value: Any) -> Any:
    """A named field as it may stand in a line: JSON values only, texts masked and without control characters."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        long = abs(value) >= 10 ** (MIN_DIGITS - 1) and not _COUNTED.fullmatch(name)
        return mask_text(str(int(value))) if long else int(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {clean_text(str(key)): clean(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean(name, inner) for inner in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        # A PDU or a body: numbers and texts in a form that no pattern finds.
        return f"<{len(value)} bytes>"
    return clean_text(_as_text(value))


def clean_text(text: str) -> str:
    """A text masked and on one line."""
    return escape_control(mask_text(text))


def _as_text(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # a boundary: a line must not be lost for a value that cannot be shown
        return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"
