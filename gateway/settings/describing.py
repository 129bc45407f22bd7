"""Every key of the settings with its type, default and meaning, made from the models themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.settings.loading import PREFIX, SEPARATOR
from gateway.settings.whole import Settings


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the settings.

    Attributes:
        path: as in a fault, without an index: ``carrier[].window``.
        type: in words: ``integer from 1 to 10000``.
        default: as it stands in TOML; ``required``, or empty where nothing stands in.
        meaning: one line.
        variable: the environment variable that overrides it.
    """

    path: str
    type: str
    default: str
    meaning: str
    variable: str


def describe() -> tuple[Key, ...]:
    """Every key, in the order of the sections."""
    schema = Settings.model_json_schema()
    return tuple(_keys(schema, schema["$defs"], ""))


def _keys(section: Mapping[str, Any], definitions: Mapping[str, Any], path: str) -> Iterator[Key]:
    required = section.get("required", ())
    for name, given in section["properties"].items():
        field = _resolve(given, definitions)
        inner = _resolve(field.get("items", {}), definitions)
        here = f"{path}.{name}" if path else name
        if "properties" in field:
            yield from _keys(field, definitions, here)
        elif "properties" in inner:
            yield from _keys(inner, definitions, f"{here}[]")
        else:
            default = "required" if name in required else _toml(field.get("default"))
            yield Key(here, _words(field, definitions), default, _one_line(given, field), _variable(here))


def _resolve(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """The field with its reference and its ``| None`` taken away."""
    resolved = dict(field)
    if "$ref" in resolved:
        resolved = {**definitions[resolved.pop("$ref").rpartition("/")[2]], **resolved}
    kinds = [kind for kind in resolved.get("anyOf", ()) if kind.get("type") != "null"]
    return {**_resolve(kinds[0], definitions), **resolved} if kinds else resolved


def _words(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "enum" in field:
        return " | ".join(json.dumps(value) for value in field["enum"])
    kind = field.get("type", "text")
    if kind == "array":
        return f"list of {_words(_resolve(field['items'], definitions), definitions)}"
    if kind == "object":
        values = field.get("additionalProperties")
        return "table of " + (_words(_resolve(values, definitions), definitions) if values else "text")
    if kind == "boolean":
        return "true | false"
    if kind == "string":
        return str(field.get("format", "text"))
    return f"{kind}{_limits(field)}"


def _limits(field: Mapping[str, Any]) -> str:
    low, high = field.get("minimum"), field.get("maximum")
    above = field.get("exclusiveMinimum")
    words = f" from {low}" if low is not None else f" above {above}" if above is not None else ""
    return words + (f" to {high}" if high is not None else "")


def _toml(value: object) -> str:
    # JSON and TOML write texts, numbers, booleans and lists of these alike.
    return "" if value in (None, {}) else json.dumps(value, ensure_ascii=False)


def _one_line(given: Mapping[str, Any], field: Mapping[str, Any]) -> str:
    return " ".join(str(given.get("description", field.get("description", ""))).split())


def _variable(path: str) -> str:
    return PREFIX + path.replace("[].", ".0.").replace(".", SEPARATOR).upper()
