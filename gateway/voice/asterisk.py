"""The files of an Asterisk: made from the settings and the templates in ``config/asterisk``; and running one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway.domain.errors import UnavailableError
from gateway.settings import Settings
from ivr.calls import EVENTS

PROGRAM_VARIABLE = "BURGERNET_ASTERISK"
READY_S = 30.0
STOP_S = 10.0

_ROOT = Path(__file__).resolve().parents[2]
_TEMPLATES = (Path(__file__).parent / "config", _ROOT / "config")

_SIP = (
    "res_pjproject res_sorcery_config res_sorcery_memory res_sorcery_astdb res_pjsip res_pjsip_session"
    " res_pjsip_sdp_rtp res_pjsip_authenticator_digest res_pjsip_outbound_authenticator_digest"
    " res_pjsip_outbound_registration res_pjsip_endpoint_identifier_ip res_pjsip_endpoint_identifier_user"
    " res_pjsip_caller_id res_pjsip_nat res_pjsip_rfc3326 res_pjsip_dtmf_info res_pjsip_pubsub chan_pjsip"
    " res_crypto res_srtp res_rtp_asterisk"
)
_SOUND = "codec_alaw codec_ulaw codec_resample format_pcm format_sln format_wav res_timing_timerfd"
_PLAN = (
    "pbx_config app_playback app_dial app_userevent app_stack func_callerid func_channel func_timeout"
    " func_talkdetect func_logic func_strings func_hangupcause bridge_simple bridge_native_rtp bridge_softmix"
)
MODULES = tuple(f"{_SIP} {_SOUND} {_PLAN} res_speech res_agi res_manager_devicestate".split())
"""What the gateway's Asterisk loads."""

NETWORK_MODULES = tuple(f"{_SIP} {_SOUND} {_PLAN} app_record app_senddtmf func_dialplan func_rand".split())

_SHARED = ("asterisk.conf", "modules.conf", "logger.conf", "rtp.conf", "cdr.conf", "cel.conf")


@dataclass(frozen=True, slots=True)
class Program:
    """An Asterisk that can be run.

    Attributes:
        path: the program.
        modules_dir, data_dir: where its modules and its own data are.
    """

    path: Path
    modules_dir: Path
    data_dir: Path


def find_program(environ: Mapping[str, str] = os.environ) -> Program:
    """The Asterisk of this machine, else the one that ``scripts/setup`` fetched.

    Raises:
        UnavailableError: there is none.
    """
    named = environ.get(PROGRAM_VARIABLE)
    candidates = [named, shutil.which("asterisk"), str(_ROOT / ".state" / "asterisk" / "asterisk")]
    for candidate in candidates:
        if candidate and os.access(candidate, os.X_OK):
            path = Path(candidate).resolve()
            private = sorted((path.parent / "usr" / "lib").glob("*/asterisk/modules"))
            if private:
                return Program(path, private[0], path.parent / "usr" / "share" / "asterisk")
            system = [*Path("/usr/lib").glob("*/asterisk/modules"), Path("/usr/lib/asterisk/modules")]
            modules = next((found for found in system if found.is_dir()), system[-1])
            return Program(path, modules, Path("/usr/share/asterisk"))
    raise UnavailableError(f"there is no Asterisk; run ./scripts/setup, or name one in {PROGRAM_VARIABLE}")


def render(settings: Settings, folder: Path, program: Program) -> list[Path]:
    """Write every file of the gateway's Asterisk; returns them.

    Raises:
        OSError: the folder cannot be written.
    """
    asterisk = settings.asterisk
    trunks = [{**trunk.model_dump(), "password": trunk.password.get_secret_value()} for trunk in settings.trunk]
    values = {
        **_common(
            folder, program, MODULES, str(asterisk.sip_listen), asterisk.rtp_ports.first, asterisk.rtp_ports.last
        ),
        "ami_bind": asterisk.ami_host,
        "ami_port": asterisk.ami_port,
        "ami_user": asterisk.ami_user,
        "ami_secret": asterisk.ami_secret.get_secret_value(),
        "events": sorted(EVENTS),
        "agi": str(asterisk.agi_listen),
        "transports": sorted({trunk.transport for trunk in settings.trunk} or {"udp"}),
        "trunks": trunks,
        "rooms": [
            {"name": _plain(room.name), "dial": _dial(room.operators, settings)} for room in settings.control_room
        ],
    }
    return _write("asterisk", folder, values)


def render_network(
    folder: Path,
    program: Program,
    *,
    sip_listen: str,
    gateway: str,
    recordings: Path,
    greeting: Path,
    beep: Path,
    rtp: tuple[int, int] = (30_000, 39_998),
) -> list[Path]:
    """Write every file of the Asterisk that plays the telephone network.

    Args:
        folder: where; made where it is missing.
        program: what will run it.
        sip_listen: where it listens for the gateway, ``127.0.0.1:5070``.
        gateway: where the gateway's Asterisk listens for SIP.
        recordings: what telephones hear is kept here.
        greeting: of the answering machine, a sound without extension.
        beep: what follows it.
        rtp: the first and the last port of its sound.
    """
    values = {
        **_common(folder, program, NETWORK_MODULES, sip_listen, *rtp),
        "gateway": gateway,
        "recordings": recordings,
        "greeting": greeting,
        "beep": beep,
    }
    recordings.mkdir(parents=True, exist_ok=True)
    files = _write("asterisk", folder, values, names=_SHARED)
    return files + _write("asterisk-network", folder, values)


def _common(
    folder: Path, program: Program, modules: Iterable[str], sip: str, rtp_first: int, rtp_last: int
) -> dict[str, Any]:
    there = [module for module in modules if (program.modules_dir / f"{module}.so").exists()]
    return {
        "folder": folder.absolute(),
        "modules_dir": program.modules_dir,
        "data_dir": program.data_dir,
        "modules": there,
        "sip_bind": sip,
        "rtp_first": rtp_first,
        "rtp_last": rtp_last,
    }


def _write(templates: str, folder: Path, values: Mapping[str, Any], names: Iterable[str] | None = None) -> list[Path]:
    source = next(base / templates for base in _TEMPLATES if (base / templates).is_dir())
    # Not HTML: what may not stand in a value is refused by the settings, and a semicolon begins a comment.
    jinja = Environment(loader=FileSystemLoader(source), undefined=StrictUndefined, autoescape=False)  # noqa: S701
    jinja.filters["conf"] = lambda value: str(value).replace(";", "\\;")
    for inner in ("", "var", "var/keys", "var/spool", "run", "log"):
        (folder / inner).mkdir(parents=True, exist_ok=True)
    written = []
    for name in sorted(names or (file.name for file in source.glob("*.conf"))):
        path = folder / name
        # Secrets are in them.
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640), "w", encoding="utf-8") as file:
            file.write(jinja.get_template(name).render(values))
        written.append(path)
    return written


def _dial(operators: Iterable[str], settings: Settings) -> str:
    """What Dial rings for a control room: all of its operators at once; numbers through the first trunk."""
    trunk = settings.trunk[0].name if settings.trunk else ""
    return "&".join(one if one.startswith("PJSIP/") else f"PJSIP/{one}@{trunk}" for one in operators)


def _plain(name: str) -> str:
    """A control room's name as the dialplan compares it (gateway.voice.lane says it likewise)."""
    return "".join(char for char in name if char.isascii() and (char.isalnum() or char in "-_ "))[:80].strip()


class AsteriskProcess:
    """An Asterisk that we start and end.

    Args:
        program: what to run.
        folder: its rendered files.

    Raises:
        UnavailableError: from :meth:`start`, with the end of its log.
    """

    def __init__(self, program: Program, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> AsteriskProcess:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it takes calls."""
        log = (self._folder / "log" / "console").open("ab")
        self._process = subprocess.Popen(
            [self._program.path, "-C", self._folder / "asterisk.conf", "-f", "-n"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        log.close()
        until = time.monotonic() + READY_S
        while time.monotonic() < until and self._process.poll() is None:
            if "fully booted" in self.command("core waitfullybooted"):
                return
            time.sleep(0.1)  # noqa: TID251 - a command that waits for a process
        self.stop()
        end = (self._folder / "log" / "console").read_text(errors="replace")[-2000:]
        raise UnavailableError(f"Asterisk does not come up:\n{end}")

    def command(self, words: str) -> str:
        """What its console answers."""
        done = subprocess.run(
            [self._program.path, "-C", self._folder / "asterisk.conf", "-rx", words],
            capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=READY_S, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr

    def stop(self, *, at_once: bool = False) -> None:
        """End it."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGKILL if at_once else signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
