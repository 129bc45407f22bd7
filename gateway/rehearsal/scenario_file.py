"""From a TOML file to a scenario, or to every fault at once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gateway.domain.errors import Fault
from gateway.rehearsal.scenario import Scenario
from gateway.rehearsal.scenario_faults import faults_of
from gateway.settings.loading import SettingsError, read


def load_scenario(path: Path) -> Scenario:
    """The scenario of a file.

    Raises:
        SettingsError: with every fault and its path, or file, line and column where it is no TOML.
    """
    return make_scenario(read(path))


def parse_scenario(text: str) -> Scenario:
    """The scenario of a TOML text.

    Raises:
        SettingsError: with every fault and its path.
    """
    try:
        return make_scenario(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([Fault("", f"is no TOML: {error}")]) from None


def make_scenario(document: Mapping[str, Any]) -> Scenario:
    """The scenario of a document that was read already.

    Raises:
        SettingsError: with every fault and its path.
    """
    try:
        return Scenario.model_validate(document)
    except ValidationError as error:
        raise SettingsError(list(faults_of(error))) from None
