"""The settings: one TOML file, parsed once, checked whole; the environment goes before it.

``load`` gives :class:`Settings` or raises :class:`SettingsError` with every fault and its path. Sections are frozen; an
adapter receives its own slice (``settings.carrier[0]``). The shortest useful file names one carrier::

    [[carrier]]
    name = "alpha"
    host = "smsc.example.net"
    system_id = "burgernet"
    password_file = "alpha.password"

Units stand in the names of the keys (``_s``, ``_minutes``, ``_km``). Relative paths, an SQLite file among them, count
from the folder of the settings file, so that every command finds the same ledger wherever it is started.

A variable overrides the key of its name: ``BURGERNET_DATABASE__URL``, ``BURGERNET_CARRIER__0__PASSWORD`` (lists are
numbered from 0, as in the faults). A misspelt one is a fault like a misspelt key. ``loading.overlay`` does it rather
than pydantic-settings, which knows neither elements of lists nor where a value came from.
"""

from __future__ import annotations

from gateway.settings.carrier import CarrierSettings, ErrorClass, PeerSettings, SmppListenerSettings, source_address
from gateway.settings.describing import Key, describe
from gateway.settings.general import (
    CliSettings,
    DatabaseSettings,
    HttpSettings,
    LogSettings,
    PolicySettings,
    PrivacySettings,
)
from gateway.settings.loading import SettingsError, load
from gateway.settings.values import Address, PortRange, Secret
from gateway.settings.voice import (
    AsteriskSettings,
    ControlRoomSettings,
    NumberSettings,
    SpeechSettings,
    TrunkSettings,
)
from gateway.settings.whole import Settings

__all__ = [
    "Address",
    "AsteriskSettings",
    "CarrierSettings",
    "CliSettings",
    "ControlRoomSettings",
    "DatabaseSettings",
    "ErrorClass",
    "HttpSettings",
    "Key",
    "LogSettings",
    "NumberSettings",
    "PeerSettings",
    "PolicySettings",
    "PortRange",
    "PrivacySettings",
    "Secret",
    "Settings",
    "SettingsError",
    "SmppListenerSettings",
    "SpeechSettings",
    "TrunkSettings",
    "describe",
    "load",
    "source_address",
]
