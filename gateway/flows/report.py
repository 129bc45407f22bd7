"""The report: what the ledger counted, and what it will cost."""

from __future__ import annotations

from dataclasses import replace

from gateway.domain.report import Report
from gateway.ports import ActionStore, SmsLane


class Reports:
    """Makes reports."""

    def __init__(self, store: ActionStore, sms: SmsLane) -> None:
        self._store = store
        self._sms = sms

    async def of_action(self, action_id: str) -> Report:
        """The report on an action. Raises NotFoundError."""
        report = await self._store.report(action_id)
        return replace(report, cost_eur=self._sms.estimate(report.segments).cost_eur)
