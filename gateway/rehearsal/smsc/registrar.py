"""Who may bind, and who is bound."""

from __future__ import annotations

import hmac
from collections.abc import Collection

from gateway.rehearsal.scenario import ANY_ACCOUNT, Account, Scenario
from gateway.rehearsal.smsc.esme import Esme
from gateway.rehearsal.smsc.rules import Bucket
from gateway.rehearsal.smsc.session import BINDS, BindAsked, SmscSession
from gateway.smpp.pdu import Status

MAX_ESMES = 1000
"""System ids that are remembered where any may bind."""


class Registrar:
    """The ESMEs, by system_id."""

    def __init__(self, scenario: Scenario) -> None:
        self._esmes: dict[str, Esme] = {}
        self._refusals = 0
        self._bucket: Bucket | None = None
        self.change(scenario)

    def change(self, scenario: Scenario) -> None:
        """Follow another scenario from now on; binds stay."""
        self._scenario = scenario
        self._accounts = {account.system_id: account for account in scenario.account}
        self._refusals = scenario.links.refuse_binds
        per_minute = scenario.links.binds_per_minute
        self._bucket = None if per_minute is None else Bucket(per_minute / 60, per_minute)

    def judge(self, asked: BindAsked, now: float) -> int:
        """The status that a bind gets."""
        if self._refusals > 0:
            self._refusals -= 1
            return self._scenario.links.refuse_binds_status
        if self._bucket is not None and not self._bucket.take(now):
            return Status.ESME_RTHROTTLED
        account = self._account(asked.bind.system_id)
        if account is None:
            return Status.ESME_RINVSYSID
        password = account.password.get_secret_value()
        if password and not hmac.compare_digest(password.encode(), asked.bind.password.encode()):
            return Status.ESME_RINVPASWD
        if BINDS[asked.command] not in account.kinds:
            return Status.ESME_RBINDFAIL
        esme = self._esmes.get(asked.bind.system_id)
        if esme is not None and esme.binds(now) >= account.max_binds:
            return Status.ESME_RALYBND
        if esme is None and len(self._esmes) >= MAX_ESMES:
            return Status.ESME_RBINDFAIL
        return Status.ESME_ROK

    def bound(self, session: SmscSession, now: float) -> None:
        """Count a bind that was accepted."""
        self.esme(session.system_id).bound(session, now)

    def left(self, session: SmscSession, now: float, *, properly: bool) -> None:
        """A bind has gone; it haunts its account for a while where it went without unbind."""
        esme = self._esmes.get(session.system_id)
        if esme is None or session not in esme.sessions:
            return
        esme.left(session, now)
        if not properly and session.links.ghost_s:
            esme.ghosts.append(now + session.links.ghost_s)

    def esme(self, system_id: str) -> Esme:
        """The ESME of that name; one that is allowed exists from the first time it is asked for."""
        found = self._esmes.get(system_id)
        if found is None:
            account = self._account(system_id) or Account(system_id=system_id)
            found = self._esmes[system_id] = Esme(system_id, account, self._scenario.limits.deliveries)
        return found

    def receiver(self, system_id: str) -> Esme | None:
        """Who gets a citizen's message: the one named, or with ``*`` one that receives, else any that ever bound."""
        if system_id != ANY_ACCOUNT:
            return self.esme(system_id)
        receiving = (e for e in self._esmes.values() if any(session.receives for session in e.sessions))
        return next(receiving, next(iter(self._esmes.values()), None))

    def esmes(self) -> Collection[Esme]:
        """Those that ever bound."""
        return self._esmes.values()

    def _account(self, system_id: str) -> Account | None:
        return self._accounts.get(system_id) or self._accounts.get(ANY_ACCOUNT)
