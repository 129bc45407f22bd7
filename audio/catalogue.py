"""The fixed prompts, by language and id (``out.seen``), as text with placeholders; the words are in ``prompts/``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from audio.errors import CatalogueError
from audio.normalise.speech import LANGUAGES

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def prompt_text(prompt_id: str, language: str, **values: object) -> str:
    """A prompt's words with the values filled in; in Dutch where the language is none of ours.

    Values are put in as they are, once: braces in a value mean nothing.

    Raises:
        CatalogueError: there is no such prompt, or the values are not exactly those that it names.
    """
    template = _prompts(language if language in LANGUAGES else LANGUAGES[0]).get(prompt_id)
    if template is None:
        raise CatalogueError(f"there is no prompt {prompt_id!r}")
    wanted = placeholders(template)
    if wanted != values.keys():
        raise CatalogueError(f"prompt {prompt_id!r} takes {sorted(wanted)}, not {sorted(values)}")
    return _PLACEHOLDER.sub(lambda match: str(values[match[1]]), template)


def prompt_ids() -> tuple[str, ...]:
    """Every prompt, in the order of the Dutch file."""
    return tuple(_prompts(LANGUAGES[0]))


def fixed_prompt_ids() -> tuple[str, ...]:
    """The prompts without placeholders: they can be rendered beforehand."""
    return tuple(prompt_id for prompt_id, text in _prompts(LANGUAGES[0]).items() if not placeholders(text))


def template(prompt_id: str, language: str) -> str:
    """A prompt as it stands in the file. Raises CatalogueError."""
    try:
        return _prompts(language)[prompt_id]
    except KeyError:
        raise CatalogueError(f"there is no prompt {prompt_id!r}") from None


def placeholders(text: str) -> frozenset[str]:
    """The names between braces."""
    return frozenset(_PLACEHOLDER.findall(text))


@cache
def _prompts(language: str) -> Mapping[str, str]:
    if language not in LANGUAGES:
        raise CatalogueError(f"there are no prompts in {language!r}")
    data = tomllib.loads(files("audio").joinpath("prompts", f"{language}.toml").read_text("utf-8"))
    return {f"{group}.{name}": str(text) for group, prompts in data.items() for name, text in prompts.items()}
