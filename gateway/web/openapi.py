"""The API's description (OpenAPI 3.1), made from the table of routes and the schemas."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gateway import __version__
from gateway.web.problems import KINDS
from gateway.web.problems import MEDIA_TYPE as PROBLEM
from gateway.web.routes import EVENT_STREAM, JSON, Route
from gateway.web.schemas import Nothing, ProblemOut

_REF = "#/components/schemas/{model}"
_WORDS = {kind.status: kind.title for kind in KINDS}

Models = Mapping[tuple[Any, Literal["validation", "serialization"]], Mapping[str, Any]]


def describe(routes: Sequence[Route[Any, Any]]) -> dict[str, Any]:
    """The document."""
    models, components = _schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, models)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Burgernet gateway",
            "version": __version__,
            "description": "Actions to the people whom an app misses, by SMS and by telephone.",
            "license": {"name": "EUPL 1.2", "identifier": "EUPL-1.2"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _schemas(routes: Sequence[Route[Any, Any]]) -> tuple[Models, dict[str, Any]]:
    wanted: dict[tuple[type[BaseModel], Literal["validation", "serialization"]], None] = {
        (ProblemOut, "serialization"): None
    }
    for route in routes:
        if route.takes is not Nothing:
            wanted[route.takes, "validation"] = None
        for model in route.gives.values():
            if model is not None:
                wanted[model, "serialization"] = None
    references, whole = models_json_schema(list(wanted), ref_template=_REF)
    return references, whole["$defs"]


def _operation(route: Route[Any, Any], models: Models) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.handler.__name__,
        "summary": route.summary,
        "tags": [_tag(route.path)],
        "responses": _answers(route, models),
    }
    parameters = [*_path_parameters(route.path), *_query_parameters(route.query), *_header_parameters(route.headers)]
    if parameters:
        operation["parameters"] = parameters
    if route.takes is not Nothing:
        schema = models[route.takes, "validation"] if route.takes_media == JSON else {"type": "string"}
        operation["requestBody"] = {"required": True, "content": {route.takes_media: {"schema": schema}}}
    if route.right is not None:
        operation["security"] = [{"key": []}]
        operation["description"] = f"Needs the right to {route.right.value}."
    return operation


def _answers(route: Route[Any, Any], models: Models) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for status, model in route.gives.items():
        content: dict[str, Any] = {media: {"schema": {"type": "string"}} for media in route.gives_media}
        if model is not None:
            content[JSON] = {"schema": models[model, "serialization"]}
        elif not content and status != 204:
            content[JSON] = {"schema": {"type": "object"}}
        description = "Server-sent events" if EVENT_STREAM in content else HTTPStatus(status).phrase
        answers[str(status)] = {"description": description} | ({"content": content} if content else {})
    usual = (401, 403, 429) if route.right is not None else ()
    faulty = (422,) if route.takes is not Nothing or route.query is not Nothing else ()
    for status in sorted({*route.problems, *usual, *faulty, 500} - set(route.gives)):
        schema = models[ProblemOut, "serialization"]
        answers[str(status)] = {"description": _WORDS[status], "content": {PROBLEM: {"schema": schema}}}
    return answers


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", path)
    ]


def _query_parameters(query: type[BaseModel]) -> list[dict[str, Any]]:
    properties = query.model_json_schema().get("properties", {})
    parameters = []
    for name, schema in properties.items():
        described = {key: value for key, value in schema.items() if key not in ("title", "description")}
        parameter = {"name": name, "in": "query", "schema": described}
        if "description" in schema:
            parameter["description"] = schema["description"]
        parameters.append(parameter)
    return parameters


def _header_parameters(headers: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "header", "description": meaning, "schema": {"type": "string"}}
        for name, meaning in headers.items()
    ]


def _tag(path: str) -> str:
    parts = path.removeprefix("/api/v1/").strip("/").split("/")
    return parts[0] if path.startswith("/api/v1/") and "." not in parts[0] else "gateway"
