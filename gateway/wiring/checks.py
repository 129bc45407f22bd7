"""``burgernet check``: is everything that the settings name there, and does it answer?"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from audio.engines.chain import check_engine
from audio.engines.engine import Engine
from audio.errors import AudioError
from gateway.carriers.trial import TrialError, bind_once
from gateway.domain.errors import BurgernetError, UnavailableError
from gateway.settings import CarrierSettings, Settings
from gateway.storage.database import make_engine
from gateway.storage.migrate import is_current
from gateway.storage.vault import Vault
from gateway.voice.trial import UNREACHABLE, TrunkTrialError, look_at_trunks
from gateway.wiring.speech import build_renderer


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
    yield _check_speech(settings)
    if settings.trunk:
        yield _check_asterisk(settings)
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


def _check_speech(settings: Settings) -> CheckLine:
    """Whether a message could be spoken and stored now. A third party's engine is not asked to speak."""
    try:
        renderer = build_renderer(settings)
        faults = [error for engine in renderer.chain.engines if (error := check_engine(engine, _spoken_by(engine)))]
        made = renderer.prompt("intro.burgernet")
    except (AudioError, UnavailableError) as error:
        return CheckLine("speech", False, str(error))
    if faults:
        return CheckLine("speech", False, f"speech.engines: {'; '.join(map(str, faults))}")
    names = ", ".join(dict.fromkeys(engine.name for engine in renderer.chain.engines))
    away = "; gtts sends texts to a third party" if renderer.chain.has_third_party else ""
    return CheckLine("speech", True, f"{names} into {made.path.parent}{away}")


def _check_asterisk(settings: Settings) -> CheckLine:
    """Whether Asterisk's manager interface lets us in, with the rights that we use, and knows every trunk."""
    asterisk = settings.asterisk
    where = f"{asterisk.ami_host}:{asterisk.ami_port}"
    try:
        trunks = look_at_trunks(asterisk)
    except (TrunkTrialError, OSError) as error:
        return CheckLine("asterisk", False, f"asterisk.ami_host: {where}: {error}")
    silent = [one.name for one in settings.trunk if trunks.get(one.name, "INVALID") in UNREACHABLE]
    if silent:
        return CheckLine("asterisk", False, f"{where}: nobody answers at the other end of {', '.join(silent)}")
    return CheckLine("asterisk", True, f"{where} as {asterisk.ami_user}; {', '.join(trunks)} reached")


def _spoken_by(engine: Engine) -> str:
    return "nl" if "nl" in engine.languages else min(engine.languages)


def _check_carrier(index: int, carrier: CarrierSettings) -> CheckLine:
    """Whether the carrier binds us, with the very bind that the daemon makes."""
    name = f"carrier {carrier.name}"
    if carrier.outbind:
        return CheckLine(name, True, "connects to us (outbind); whether it does, GET /carriers of the daemon tells")
    try:
        peer = bind_once(carrier)
    except (TrialError, OSError) as error:
        what = "host not found" if isinstance(error, socket.gaierror) else str(error)
        return CheckLine(name, False, f"carrier[{index}]: {carrier.host}:{carrier.port}: {what}")
    return CheckLine(name, True, f"{carrier.host}:{carrier.port} bound as {carrier.bind}{f', {peer}' if peer else ''}")
