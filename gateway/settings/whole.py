"""The settings as a whole, and what must be right between their sections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import Field

from gateway.domain.action import Policy
from gateway.domain.errors import Fault
from gateway.settings.carrier import CarrierSettings, SmppListenerSettings
from gateway.settings.general import (
    CliSettings,
    DatabaseSettings,
    HttpSettings,
    LogSettings,
    PolicySettings,
    PrivacySettings,
)
from gateway.settings.values import Section
from gateway.settings.voice import (
    AsteriskSettings,
    ControlRoomSettings,
    NumberSettings,
    SpeechSettings,
    TrunkSettings,
)

KEY_FILE = "burgernet.key"


class Settings(Section):
    """Everything that is configured. An adapter receives its own slice."""

    database: DatabaseSettings = Field(default_factory=DatabaseSettings, validate_default=True)
    """Where the ledger is."""
    http: HttpSettings = Field(default_factory=HttpSettings)
    """The HTTP API and console."""
    carrier: tuple[CarrierSettings, ...] = ()
    """The SMSCs that we bind to."""
    smpp_listener: SmppListenerSettings = Field(default_factory=SmppListenerSettings)
    """Carriers that connect to us."""
    asterisk: AsteriskSettings = Field(default_factory=AsteriskSettings)
    """The Asterisk beside us."""
    trunk: tuple[TrunkSettings, ...] = ()
    """SIP trunks to telephone companies."""
    number: tuple[NumberSettings, ...] = ()
    """The Burgernet numbers that we answer."""
    control_room: tuple[ControlRoomSettings, ...] = ()
    """Control rooms and their operators."""
    speech: SpeechSettings = Field(default_factory=SpeechSettings)
    """How text becomes sound."""
    policy: PolicySettings = Field(default_factory=PolicySettings)
    """What the municipality decided once."""
    privacy: PrivacySettings = Field(default_factory=PrivacySettings)
    """What is kept, and how long."""
    cli: CliSettings = Field(default_factory=CliSettings)
    """How the commands reach the daemon."""
    log: LogSettings = Field(default_factory=LogSettings)
    """What the daemon writes."""

    def faults(self) -> Iterable[Fault]:
        """What is wrong between the sections."""
        yield from _repeated("carrier[{}].name", [carrier.name for carrier in self.carrier])
        yield from _repeated("trunk[{}].name", [trunk.name for trunk in self.trunk])
        yield from _repeated("control_room[{}].name", [room.name for room in self.control_room])
        yield from _repeated("number[{}].number", [number.number for number in self.number])
        peers = self.smpp_listener.peer
        yield from _repeated("smpp_listener.peer[{}].system_id", [peer.system_id for peer in peers])
        yield from _unknown(
            "smpp_listener.peer[{}].carrier", "carrier", [p.carrier for p in peers], [c.name for c in self.carrier]
        )
        yield from self._listener_faults()
        yield from _unknown(
            "number[{}].control_room", "control room", [n.control_room for n in self.number], self.rooms
        )
        yield from _unknown(
            "control_room[{}].overflow", "control room", [room.overflow for room in self.control_room], self.rooms
        )
        for index, room in enumerate(self.control_room):
            if room.overflow == room.name:
                yield Fault(f"control_room[{index}].overflow", "must be another room")

    def _listener_faults(self) -> Iterable[Fault]:
        peers = self.smpp_listener.peer
        for index, peer in enumerate(peers):
            if peer.carrier is None and len(self.carrier) != 1:
                yield Fault(f"smpp_listener.peer[{index}].carrier", "is required: say whose receipts and replies come")
        called = {peer.carrier or (self.carrier[0].name if self.carrier else None) for peer in peers}
        for index, carrier in enumerate(self.carrier):
            if carrier.outbind and (self.smpp_listener.listen is None or carrier.name not in called):
                yield Fault(f"carrier[{index}].outbind", "needs [smpp_listener] with listen and a peer of this carrier")

    @property
    def rooms(self) -> tuple[str, ...]:
        """The names of the control rooms."""
        return tuple(room.name for room in self.control_room)

    @property
    def key_path(self) -> Path:
        """Where the key of the numbers is kept."""
        return self.privacy.key_file or self.database.state_dir / KEY_FILE

    @property
    def sounds_path(self) -> Path:
        """Where the sounds are kept that Asterisk plays."""
        return self.asterisk.sounds or self.database.state_dir / "sounds"

    @property
    def cli_url(self) -> str:
        """Where commands reach the daemon, without a trailing slash."""
        if self.cli.url is not None:
            return self.cli.url.rstrip("/")
        return f"{'http' if self.http.tls_cert_file is None else 'https'}://{self.http.listen}"

    def to_policy(self) -> Policy:
        """The policy as the flows know it."""
        return self.policy.to_domain(self.rooms)


def _repeated(path: str, names: Sequence[str]) -> Iterable[Fault]:
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        earlier = first.setdefault(name.casefold(), index)
        if earlier != index:
            yield Fault(path.format(index), f"{name!r} is taken by {path.format(earlier)}")


def _unknown(path: str, what: str, names: Sequence[str | None], known: Sequence[str]) -> Iterable[Fault]:
    for index, name in enumerate(names):
        if name is not None and name not in known:
            listed = ", ".join(known) or "none is configured"
            yield Fault(path.format(index), f"there is no {what} {name!r}; known: {listed}")
