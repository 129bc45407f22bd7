"""JSON from strangers: strict, shallow, without a name twice."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from typing import Any, NoReturn

from gateway.web.problems import MALFORMED, ProblemError

MAX_DEPTH = 32
"""Deeper than any body of ours (a polygon within a list of areas is 7), and far from the parser's own limit."""

# The closing quote is optional and nothing is given back, so that an unclosed string costs one pass, not one a quote.
_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_AS_BRACES = bytes.maketrans(b"[]", b"{}")


def parse(data: bytes) -> Any:
    """The value of a JSON text (RFC 8259).

    Raises:
        ProblemError: 400; it is no JSON, names a field twice, is nested too deeply, or has a number that is none
            (``NaN``) or is too long.
    """
    if not data.strip():
        raise ProblemError(MALFORMED, "the body is empty; JSON is expected")
    too_deep = ProblemError(MALFORMED, f"the body is nested more than {MAX_DEPTH} levels deep")
    if _too_deep(data):
        raise too_deep
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_no_twins, parse_constant=_refuse_constant)
        if _SURROGATE.search(data):
            json.dumps(value, ensure_ascii=False).encode("utf-8")  # raises where one is without its other half
        return value
    except UnicodeDecodeError as error:
        raise ProblemError(MALFORMED, f"the body is not UTF-8 (byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise ProblemError(
            MALFORMED, f"the body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
        ) from None
    except UnicodeEncodeError:
        raise ProblemError(MALFORMED, "the body has half a surrogate pair, which is no character") from None
    except RecursionError:
        raise too_deep from None
    except ValueError:
        # CPython refuses to read integers of more than 4,300 digits.
        raise ProblemError(MALFORMED, "the body has a number that is too long") from None


def digest(value: object) -> bytes:
    """SHA-256 of a JSON value, the same for every order of fields and every spacing."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).digest()


def _too_deep(data: bytes) -> bool:
    """Whether brackets are left after the innermost pairs were taken away ``MAX_DEPTH`` times; all of it in C."""
    braces = _STRINGS.sub(b"", data).translate(_AS_BRACES, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        braces = braces.replace(b"{}", b"")
    return b"{}" in braces


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ProblemError(MALFORMED, f"the body names {twice[:80]!r} twice")
    return fields


def _refuse_constant(name: str) -> NoReturn:
    raise ProblemError(MALFORMED, f"the body has {name}, which is no JSON number")
