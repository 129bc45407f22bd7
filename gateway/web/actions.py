"""Actions over HTTP: preview, start, update, close; and what became of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from twisted.internet.interfaces import IReactorTime

from gateway.domain.access import Right
from gateway.domain.delivery import Lane
from gateway.domain.events import RESPONSE_CHANGED, Event
from gateway.domain.report import Report
from gateway.domain.response import Response
from gateway.flows.alert import Alert
from gateway.ports import ActionStore, Clock, EventSink, Idempotency, ResponseStore, Speech
from gateway.web import csvs, jsonbody
from gateway.web.outflow import Outflow
from gateway.web.routes import CSV, STREAMED, Call, Reply, Route, Streamed, invalid_field
from gateway.web.schemas import (
    ActionIn,
    ActionOut,
    ActionsOut,
    ActionsQuery,
    CloseIn,
    DeliveriesOut,
    DeliveriesQuery,
    Nothing,
    PreviewOut,
    ReportOut,
    ReportQuery,
    ResponseOut,
    ResponsePatch,
    ResponsesOut,
    ResponsesQuery,
    StartedOut,
    TextIn,
    UpdateIn,
    action_out,
    delivery_out,
    preview_out,
    report_out,
    response_out,
    started_out,
)
from gateway.web.site import begin

IDEMPOTENCY_KEY = "Idempotency-Key"
MAX_KEY_CHARS = 255
PAGE = 1000
"""Deliveries of a page, where the request does not say; and rows read at once for a CSV."""

Reporter = Callable[[str], Awaitable[Report]]
"""The report on an action by its id, with its cost. Raises NotFoundError."""


class ActionPages:
    """Everything below ``/actions``, and ``/responses``.

    Args:
        reactor_clock: the reactor's time, for answers that take long.
    """

    def __init__(
        self,
        alert: Alert,
        actions: ActionStore,
        responses: ResponseStore,
        speech: Speech,
        report: Reporter,
        sink: EventSink,
        clock: Clock,
        reactor_clock: IReactorTime,
    ) -> None:
        self._alert = alert
        self._actions = actions
        self._responses = responses
        self._speech = speech
        self._report = report
        self._sink = sink
        self._clock = clock
        self._reactor_clock = reactor_clock

    def routes(self) -> Sequence[Route[Any, Any]]:
        """The table."""
        return (*self._changing(), *self._reading())

    def _changing(self) -> Sequence[Route[Any, Any]]:
        return (
            Route(
                "POST",
                "/api/v1/actions",
                self.start,
                "Start an action",
                Right.ACT,
                takes=ActionIn,
                gives={201: StartedOut},
                problems=(400, 409, 413, 415, 503),
                headers={IDEMPOTENCY_KEY: "the same key and body answer the same action; at most 255 characters"},
            ),
            Route(
                "POST",
                "/api/v1/actions/preview",
                self.preview,
                "What an action would do; stores nothing",
                Right.ACT,
                takes=ActionIn,
                gives={200: PreviewOut},
                problems=(400, 413, 415, 503),
            ),
            Route(
                "POST",
                "/api/v1/actions/{id}/updates",
                self.update,
                "A newer text; what has not left yet goes out with it",
                Right.ACT,
                takes=UpdateIn,
                gives={201: ActionOut},
                problems=(400, 404, 409, 413, 415, 503),
            ),
            Route(
                "POST",
                "/api/v1/actions/{id}/close",
                self.close,
                "End an action, and tell those reached how it ended",
                Right.ACT,
                takes=CloseIn,
                gives={200: ActionOut},
                problems=(400, 404, 409, 413, 415, 503),
            ),
            Route(
                "PATCH",
                "/api/v1/responses/{id}",
                self.judge_response,
                "What the operator made of a response",
                Right.JUDGE,
                takes=ResponsePatch,
                gives={200: ResponseOut},
                problems=(400, 404, 413, 415, 503),
            ),
        )

    def _reading(self) -> Sequence[Route[Any, Any]]:
        return (
            Route(
                "GET",
                "/api/v1/actions",
                self.list_actions,
                "Actions, newest first",
                Right.READ,
                query=ActionsQuery,
                gives={200: ActionsOut},
            ),
            Route(
                "GET",
                "/api/v1/actions/{id}",
                self.show,
                "An action",
                Right.READ,
                gives={200: ActionOut},
                problems=(404,),
            ),
            Route(
                "GET",
                "/api/v1/actions/{id}/deliveries",
                self.list_deliveries,
                "What became of each delivery",
                Right.READ,
                query=DeliveriesQuery,
                gives={200: DeliveriesOut},
                gives_media=(CSV,),
                problems=(404,),
            ),
            Route(
                "GET",
                "/api/v1/actions/{id}/responses",
                self.list_responses,
                "What citizens gave back, oldest first",
                Right.READ,
                query=ResponsesQuery,
                gives={200: ResponsesOut},
                problems=(404,),
            ),
            Route(
                "GET",
                "/api/v1/actions/{id}/report",
                self.report,
                "Who was reached, how fast, and who responded",
                Right.READ,
                query=ReportQuery,
                gives={200: ReportOut},
                gives_media=(CSV,),
                problems=(404,),
            ),
        )

    # ------------------------------------------------------------ changing

    async def start(self, call: Call[ActionIn, Nothing]) -> Reply:
        """``POST /actions``."""
        action, estimate, created = await self._alert.start(
            call.body.to_draft(await self._keep(call.body.text)), by=call.by, idempotency=_idempotency(call)
        )
        call.request.action_id = action.id
        headers = {"Location": f"/api/v1/actions/{action.id}"}
        if not created:
            headers["Idempotency-Replayed"] = "true"
        return Reply(started_out(action, estimate), 201, headers=headers)

    async def preview(self, call: Call[ActionIn, Nothing]) -> Reply:
        """``POST /actions/preview``."""
        return Reply(preview_out(await self._alert.preview(call.body.to_draft(await self._keep(call.body.text)))))

    async def update(self, call: Call[UpdateIn, Nothing]) -> Reply:
        """``POST /actions/{id}/updates``."""
        action = await self._alert.update(
            call.path["id"],
            call.body.text.to_domain(await self._keep(call.body.text)),
            by=call.by,
            allow_long=call.body.allow_long,
        )
        return Reply(action_out(action), 201, headers={"Location": f"/api/v1/actions/{action.id}"})

    async def close(self, call: Call[CloseIn, Nothing]) -> Reply:
        """``POST /actions/{id}/close``."""
        given = call.body.text
        text = None if given is None else given.to_domain(await self._keep(given))
        return Reply(action_out(await self._alert.close(call.path["id"], call.body.outcome, text=text, by=call.by)))

    async def _keep(self, text: TextIn) -> dict[str, str]:
        """Keep the recordings that came along; raises InvalidRequestError where one cannot be played."""
        return {
            language: await self._speech.keep_recording(f"text.{language}.recording", data, language)
            for language, data in text.recordings.items()
        }

    async def judge_response(self, call: Call[ResponsePatch, Nothing]) -> Reply:
        """``PATCH /responses/{id}``."""
        changed = await self._responses.change(
            call.path["id"],
            useful=call.body.useful,
            led_to_success=call.body.led_to_success,
            note=call.body.note,
            by=call.by,
        )
        self._sink.emit(_response_changed(changed, self._clock, call.by))
        return Reply(response_out(changed))

    # ------------------------------------------------------------ reading

    async def list_actions(self, call: Call[Nothing, ActionsQuery]) -> Reply:
        """``GET /actions``."""
        query = call.query
        # One more than asked for tells whether there is a next page.
        found = await self._actions.find(open_only=query.open, limit=query.limit + 1, before=query.before)
        page = found[: query.limit]
        more = len(found) > query.limit
        return Reply(
            ActionsOut(actions=[action_out(action) for action in page], next_before=page[-1].number if more else None)
        )

    async def show(self, call: Call[Nothing, Nothing]) -> Reply:
        """``GET /actions/{id}``."""
        return Reply(action_out(await self._actions.get(call.path["id"])))

    async def list_deliveries(self, call: Call[Nothing, DeliveriesQuery]) -> Reply | Streamed:
        """``GET /actions/{id}/deliveries``."""
        if call.wants_csv(call.query.format):
            return await self._stream_deliveries(call)
        limit = call.query.limit or PAGE
        rows = await self._deliveries(call, call.query.after, limit + 1)
        page = rows[:limit]
        more = len(rows) > limit
        return Reply(
            DeliveriesOut(deliveries=[delivery_out(row) for row in page], next_after=page[-1].id if more else None)
        )

    async def list_responses(self, call: Call[Nothing, ResponsesQuery]) -> Reply:
        """``GET /actions/{id}/responses``."""
        found = await self._responses.responses(call.path["id"], limit=call.query.limit)
        return Reply(ResponsesOut(responses=[response_out(response) for response in found]))

    async def report(self, call: Call[Nothing, ReportQuery]) -> Reply:
        """``GET /actions/{id}/report``."""
        report = await self._report(call.path["id"])
        if call.wants_csv(call.query.format):
            table = csvs.lines([csvs.REPORT_COLUMNS, *csvs.report_rows(report)])
            return Reply(table, media=csvs.MEDIA_TYPE, headers=_download(f"report-{call.path['id']}.csv"))
        return Reply(report_out(report))

    async def _deliveries(self, call: Call[Nothing, DeliveriesQuery], after: int, limit: int) -> Sequence[Any]:
        lane = None if call.query.lane is None else Lane[call.query.lane.upper()]
        return await self._actions.deliveries(
            call.path["id"], lane=lane, state=call.query.state, after=after, limit=limit
        )

    async def _stream_deliveries(self, call: Call[Nothing, DeliveriesQuery]) -> Streamed:
        """All of them, or ``limit``, a page at a time."""
        left = call.query.limit
        rows = await self._deliveries(call, call.query.after, PAGE if left is None else min(left, PAGE))
        begin(call.request, 200, csvs.MEDIA_TYPE, _download(f"deliveries-{call.path['id']}.csv"))
        out = Outflow(call.request, self._reactor_clock)
        try:
            await out.write(csvs.lines([csvs.DELIVERY_COLUMNS]))
            while rows:
                await out.write(csvs.lines(map(csvs.delivery_row, rows)))
                if left is not None:
                    left -= len(rows)
                wanted = PAGE if left is None else min(left, PAGE)
                rows = await self._deliveries(call, rows[-1].id, wanted) if wanted else ()
        finally:
            out.close()
        return STREAMED


def _idempotency(call: Call[Any, Any]) -> Idempotency | None:
    key = call.header(IDEMPOTENCY_KEY)
    if key is None:
        return None
    if not 0 < len(key) <= MAX_KEY_CHARS or not key.isascii() or not key.isprintable():
        raise invalid_field(IDEMPOTENCY_KEY, f"must be 1 to {MAX_KEY_CHARS} printable ASCII characters")
    return Idempotency(key, call.by, jsonbody.digest(call.raw))


def _response_changed(response: Response, clock: Clock, by: str) -> Event:
    judged = {"id": response.id, "useful": response.useful, "led_to_success": response.led_to_success, "by": by}
    return Event(RESPONSE_CHANGED, clock.now(), response.action_id, judged)


def _download(name: str) -> dict[str, str]:
    safe = "".join(
        character for character in name if character.isascii() and (character.isalnum() or character in "-.")
    )
    return {"Content-Disposition": f'attachment; filename="{safe}"'}
