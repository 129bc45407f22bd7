"""The show: actions started, followed live, changed, answered and ended as their stories say."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gateway.cli import words
from gateway.cli.demo.stage import Stage
from gateway.cli.demo.story import STORIES, Step, Story

AFTER_S = 3.0
"""How long the last receipts may take before the reports are printed."""

CALLS_S = 70.0
"""How long people may still be listening after the last action has ended."""


@dataclass(slots=True)
class _Running:
    story: Story
    id: str
    code: str
    done: set[int] = field(default_factory=set)
    report: dict[str, Any] = field(default_factory=dict)


class Show:
    """Plays the stories on a stage."""

    def __init__(self, stage: Stage, out: Console) -> None:
        self._stage = stage
        self._out = out
        self._running: list[_Running] = []
        self._told: list[str] = []
        self._began = time.monotonic()

    def run(self) -> None:
        """Play to the end."""
        self._out.print("[bold]4.[/bold] three actions of 2016 start, overlapping")
        self._began = time.monotonic()
        end = max(step.at_s for story in STORIES for step in story.steps) + AFTER_S
        with Live(console=self._out, refresh_per_second=4, transient=False) as live:
            while (now := time.monotonic() - self._began) < end or (now < end + CALLS_S and self._somebody_listens()):
                self._play(now)
                live.update(self._picture())
                time.sleep(0.25)  # noqa: TID251 - a command that follows a daemon

    def _somebody_listens(self) -> bool:
        return any(running.report["lanes"]["voice"]["pending"] for running in self._running) and self._stage.calls

    @property
    def reports(self) -> list[Any]:
        """The report of each action, as the API gives it."""
        return [self._stage.ask("GET", f"/api/v1/actions/{running.id}/report") for running in self._running]

    def print_reports(self) -> None:
        """The same as tables."""
        for running, report in zip(self._running, self.reports, strict=True):
            self._out.print(f"\n[bold]{running.story.title}[/bold]")
            words.report(self._out, report)

    def _play(self, now: float) -> None:
        begun = {running.story.title for running in self._running}
        for story in STORIES:
            if story.title not in begun and now >= story.at_s:
                made = self._stage.ask("POST", "/api/v1/actions", story.request)
                self._running.append(_Running(story, made["id"], made["code"]))
                planned = made["planned"]
                self._tell(f"{made['code']} starts: {planned['sms']} by SMS, {planned['voice']} by telephone")
        for running in self._running:
            for index, step in enumerate(running.story.steps):
                if index not in running.done and now >= step.at_s:
                    running.done.add(index)
                    self._do(running, step)
            running.report = self._stage.ask("GET", f"/api/v1/actions/{running.id}/report")

    def _do(self, running: _Running, step: Step) -> None:
        path = f"/api/v1/actions/{running.id}"
        if step.reply:
            self._stage.reply(self._somebody(running.story), step.reply)
            self._tell(f'{running.code} a citizen replies: "{step.reply}"')
        if step.update is not None:
            self._stage.ask("POST", f"{path}/updates", {"text": step.update})
            self._tell(f"{running.code} is corrected")
        if step.close:
            for response in self._stage.ask("GET", f"{path}/responses")["responses"]:
                useful = {"useful": True, "led_to_success": step.close == "success_by_citizen"}
                self._stage.ask("PATCH", f"/api/v1/responses/{response['id']}", useful)
            self._stage.ask("POST", f"{path}/close", {"outcome": step.close})
            self._tell(f"{running.code} ends: {step.close}")

    def _somebody(self, story: Story) -> str:
        """The number of somebody who got this action's message and no other, from the carrier's own log."""
        texts = story.request["text"]
        assert isinstance(texts, dict)
        start = texts["nl"][:24]
        got: dict[str, bool] = {}
        for line in self._stage.messages.read_text(encoding="utf-8").splitlines():
            message = json.loads(line)
            got[message["to"]] = got.get(message["to"], True) and message["text"].startswith(start)
        return next(number for number, only in got.items() if only)

    def _tell(self, what: str) -> None:
        self._told.append(f"{time.monotonic() - self._began:5.1f} s  {what}")

    def _picture(self) -> Group:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in (
            *("code", "place", "sms", "delivered", "failed", "uncertain"),
            *("calls", "answered", "heard", "voicemail", "failed", "listening", "replies"),
        ):
            table.add_column(name, justify="left" if name in ("code", "place") else "right")
        for running in self._running:
            sms, voice = running.report["lanes"]["sms"], running.report["lanes"]["voice"]
            table.add_row(
                running.code,
                str(running.story.request["place"]),
                *(str(sms[name]) for name in ("planned", "delivered")),
                str(sum(sms["failed"].values())),
                str(sms["uncertain"]),
                str(voice["planned"]),
                str(voice["answered"]),
                str(voice["heard_full"] + voice["heard_part"]),
                str(voice["voicemail"]),
                str(sum(voice["failed"].values())),
                str(voice["pending"]),
                str(running.report["responses"]["total"]),
            )
        return Group(table, Text(), *(Text(line) for line in self._told[-12:]))
