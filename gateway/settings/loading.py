"""From a TOML file and the environment to checked settings, or to every fault at once."""

from __future__ import annotations

import copy
import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.domain.errors import BurgernetError, Fault
from gateway.settings.values import Section, SectionFaultsError, Surroundings
from gateway.settings.whole import Settings

PREFIX = "BURGERNET_"
SEPARATOR = "__"

Document = MutableMapping[str, Any]
Place = tuple[str | int, ...]


class SettingsError(BurgernetError):
    """The settings cannot be used. Carries every fault found, not only the first."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read, overlay and check the settings.

    Args:
        path: the TOML file; ``None`` for defaults and environment alone.
        environ: ``BURGERNET_DATABASE__URL`` and its like go before the file.

    Raises:
        SettingsError: with every fault, each with its path (``carrier[1].window``), or with file, line and column
            where the file is no TOML.
    """
    document = {} if path is None else read(path)
    origins, faults = overlay(document, environ)
    folder = (Path() if path is None else path.parent).absolute()
    return check(document, Surroundings(folder, environ), origins, faults)


def read(path: Path) -> dict[str, Any]:
    """A TOML file as it is.

    Raises:
        SettingsError: it cannot be read or is no TOML; the fault's path is ``FILE:LINE:COLUMN``.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError([Fault(str(path), f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        raise SettingsError([Fault(str(path), f"is not UTF-8 text (byte {error.start})")]) from None
    except tomllib.TOMLDecodeError as error:
        message, line, column = _toml_place(str(error), path)
        raise SettingsError([Fault(f"{path}:{line}:{column}", f"is no TOML: {message}")]) from None


def _toml_place(text: str, path: Path) -> tuple[str, int, int]:
    found = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", text, re.DOTALL)
    if found:
        return found[1], int(found[2]), int(found[3])
    lines = path.read_text(encoding="utf-8").split("\n")
    return text.removesuffix(" (at end of document)"), len(lines), len(lines[-1]) + 1


# ---------------------------------------------------------------- the environment


def overlay(document: Document, environ: Mapping[str, str]) -> tuple[dict[str, str], list[Fault]]:
    """Put the environment's values over the file's.

    ``BURGERNET_SECTION__KEY`` names a key, ``BURGERNET_CARRIER__0__PASSWORD`` one in a list, counted from 0 as in the
    faults; the next number adds an element. Texts stand as they are; numbers, booleans, lists and tables as in TOML, a
    list of texts also as ``a,b``. Variables without a double underscore (``BURGERNET_KEY``) are no settings.

    Returns:
        Which variable a path's value came from, and what is wrong with the variables themselves.
    """
    origins: dict[str, str] = {}
    faults: list[Fault] = []
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or SEPARATOR not in variable.removeprefix(PREFIX):
            continue
        keys = variable.removeprefix(PREFIX).lower().split(SEPARATOR)
        try:
            origins[_put(document, keys, environ[variable])] = variable
        except ValueError as error:
            faults.append(Fault(variable, str(error)))
    return origins, faults


def _put(document: Document, keys: Sequence[str], text: str) -> str:
    """Set one value; returns its path."""
    node: Any = document
    kind: Any = Settings
    place: list[str | int] = []
    for depth, key in enumerate(keys):
        kind = _kind_below(kind, key)
        where = _index(node, key, place) if isinstance(node, list) else key
        place.append(where)
        if depth == len(keys) - 1:
            node[where] = _parse(kind, text)
            break
        if isinstance(node, dict):
            node.setdefault(where, [] if get_origin(kind) is tuple else {})
        node = node[where]
        if not isinstance(node, dict | list):
            raise ValueError(f"{path_of(place)} is no table")
    return path_of(place)


def _index(node: list[Any], key: str, place: Sequence[str | int]) -> int:
    if not key.isascii() or not key.isdigit():
        raise ValueError(f"{path_of(place)} is a list: its elements are numbered from 0")
    if int(key) > len(node):
        raise ValueError(f"{path_of(place)} has {len(node)} elements, the next is {len(node)}")
    if int(key) == len(node):
        node.append({})
    return int(key)


def _kind_below(kind: Any, key: str) -> Any:
    """The annotation of a key of an annotation; ``None`` where there is no such key."""
    if isinstance(kind, type) and issubclass(kind, Section):
        found = kind.model_fields.get(key)
        return None if found is None else _plain(found.annotation)
    arguments = get_args(kind)
    if get_origin(kind) is tuple:
        return _plain(arguments[0])
    return _plain(arguments[1]) if len(arguments) == 2 else None


def _plain(annotation: Any) -> Any:
    """The annotation without ``Annotated`` and ``| None``."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return _plain(next(part for part in get_args(annotation) if part is not NoneType))
    return annotation


def _parse(kind: Any, text: str) -> Any:
    if kind not in (bool, int, float) and get_origin(kind) is not tuple and not _is_table(kind):
        return text
    if get_origin(kind) is tuple and not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        return tomllib.loads(f"value = {text.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        return text  # the check says what it should have been


def _is_table(kind: Any) -> bool:
    if isinstance(kind, type) and issubclass(kind, Section):
        return True
    origin = get_origin(kind)
    return isinstance(origin, type) and issubclass(origin, Mapping)


# ---------------------------------------------------------------- the check


def check(
    document: Document,
    surroundings: Surroundings,
    origins: Mapping[str, str],
    faults: Iterable[Fault] = (),
) -> Settings:
    """Turn a document into settings.

    pydantic does not look at what is between keys while one of them is faulty. So that people need not mend one fault
    to hear of the next, faulty keys are taken out and the rest is checked again.

    Raises:
        SettingsError: with every fault, the first of each path.
    """
    found = {fault.path: fault for fault in faults}
    rest = copy.deepcopy(document)
    while True:
        try:
            settings = Settings.model_validate(rest, context=surroundings)
            break
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
            places = [place for detail in details for place in _note(detail, origins, found)]
            taken_out = [_take_out(rest, place) for place in places]
            if not any(taken_out):
                break
    if found:
        raise SettingsError(list(found.values()))
    return settings


def _note(detail: ErrorDetails, origins: Mapping[str, str], found: dict[str, Fault]) -> Iterable[Place]:
    """Put the faults of one error among those found; gives the places of all of them."""
    place: Place = detail["loc"]
    error = detail.get("ctx", {}).get("error")
    if isinstance(error, SectionFaultsError):
        noted = [(_join(path_of(place), fault.path), fault.message) for fault in error.faults]
    else:
        noted = [(path_of(place), _message(detail))]
    for path, message in noted:
        variable = origins.get(path)
        found.setdefault(path, Fault(path, message if variable is None else f"{message} (from {variable})"))
    return [_place_of(path) for path, _ in noted]


def path_of(place: Sequence[str | int]) -> str:
    """``("carrier", 1, "window")`` as people read it: ``carrier[1].window``."""
    path = ""
    for part in place:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _place_of(path: str) -> Place:
    return tuple(int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", path))


def _join(path: str, below: str) -> str:
    return f"{path}.{below}" if path and below else path or below


def _take_out(document: Document, place: Place) -> bool:
    """Remove a faulty key, so that its default stands in; ``False`` where it is not there."""
    node: Any = document
    for part in place[:-1]:
        try:
            node = node[part]
        except (KeyError, IndexError, TypeError):
            return False
    if not place or not isinstance(node, dict) or place[-1] not in node:
        return False
    del node[place[-1]]
    return True


_MESSAGES = {
    "missing": "is required",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text, in quotes",
    "path_type": "must be the path of a file, in quotes",
    "tuple_type": "must be a list",
    "model_type": "must be a table",
    "dict_type": "must be a table",
    "mapping_type": "must be a table",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "has too few elements, at least {min_length}",
}


def _message(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    if detail["type"] == "extra_forbidden":
        return _unknown_key(detail["loc"])
    if detail["type"] == "value_error":
        return str(context["error"])
    template = _MESSAGES.get(detail["type"])
    return detail["msg"].removeprefix("Input ") if template is None else template.format(**context)


def _unknown_key(place: Place) -> str:
    kind: Any = Settings
    for part in place[:-1]:
        kind = _kind_below(kind, str(part))
    known = list(kind.model_fields)
    near = difflib.get_close_matches(str(place[-1]), known, n=1)
    return f"is not known; did you mean {near[0]}?" if near else f"is not known; there are {', '.join(known)}"
