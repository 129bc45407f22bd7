"""``burgernet check``: is everything that the settings name there, and does it answer?"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from gateway.carriers.trial import TrialError, bind_once
from gateway.domain.errors import BurgernetError
from gateway.settings import CarrierSettings, Settings
from gateway.storage.database import make_engine
from gateway.storage.migrate import is_current
from gateway.storage.vault import Vault


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One part: its name, whether it is well, and what was found."""

    name: str
    ok: bool
    detail: str


def check(settings: Settings) -> Iterator[CheckLine]:
    """Try each part in turn; a fault in one does not keep the others from being tried."""
    yield CheckLine("settings", True, f"{len(settings.carrier)} carriers, {len(settings.trunk)} trunks")
    yield _check_database(settings)
    yield _check_key(settings)
    if not settings.carrier:
        yield CheckLine("carriers", False, "carrier: none is named, so no SMS can leave")
    for index, carrier in enumerate(settings.carrier):
        yield _check_carrier(index, carrier)


def _check_database(settings: Settings) -> CheckLine:
    shown = settings.database.shown_url
    engine = make_engine(settings.database.url.get_secret_value())
    try:
        current = is_current(engine)
    except (SQLAlchemyError, OSError) as error:
        return CheckLine("database", False, f"database.url: {shown}: {str(error).splitlines()[0]}")
    finally:
        engine.dispose()
    if not current:
        return CheckLine("database", False, f"database.url: {shown}: schema is not current; run burgernet db upgrade")
    return CheckLine("database", True, shown)


def _check_key(settings: Settings) -> CheckLine:
    try:
        Vault.from_key_file(settings.key_path, create=False)
    except BurgernetError as error:
        return CheckLine("key", False, f"privacy.key_file: {error}")
    return CheckLine("key", True, str(settings.key_path))


def _check_carrier(index: int, carrier: CarrierSettings) -> CheckLine:
    """Whether the carrier binds us, with the very bind that the daemon makes."""
    name = f"carrier {carrier.name}"
    try:
        peer = bind_once(carrier)
    except (TrialError, OSError) as error:
        what = "host not found" if isinstance(error, socket.gaierror) else str(error)
        return CheckLine(name, False, f"carrier[{index}]: {carrier.host}:{carrier.port}: {what}")
    return CheckLine(name, True, f"{carrier.host}:{carrier.port} bound as {carrier.bind}{f', {peer}' if peer else ''}")
