"""Participants over HTTP: one at a time by their ref, or a whole CSV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from gateway.domain.access import Right
from gateway.domain.errors import ConflictError
from gateway.domain.participant import FaultyRow
from gateway.ports import Clock, ImportCounts, ParticipantStore
from gateway.web.routes import CSV, Call, Reply, Route, invalid_field
from gateway.web.schemas import (
    CsvIn,
    FaultOut,
    FaultyRowOut,
    ImportOut,
    Nothing,
    ParticipantIn,
    ParticipantOut,
)

MAX_FAULTS = 1000
"""Faulty rows that an answer tells of; the count has them all."""


class ParticipantPages:
    """``/participants``."""

    def __init__(self, participants: ParticipantStore, clock: Clock) -> None:
        self._participants = participants
        self._clock = clock
        self._importing = False

    def routes(self) -> Sequence[Route[Any, Any]]:
        """The table."""
        return (
            Route(
                "GET",
                "/api/v1/participants/{ref}",
                self.show_participant,
                "A participant",
                Right.PARTICIPANTS,
                gives={200: ParticipantOut},
                problems=(404,),
            ),
            Route(
                "PUT",
                "/api/v1/participants/{ref}",
                self.put_participant,
                "Make a participant what the body says",
                Right.PARTICIPANTS,
                takes=ParticipantIn,
                judged_inside=True,
                gives={200: ParticipantOut, 201: ParticipantOut},
                problems=(400, 413, 415, 503),
            ),
            Route(
                "DELETE",
                "/api/v1/participants/{ref}",
                self.delete_participant,
                "Remove a participant",
                Right.PARTICIPANTS,
                gives={204: None},
                problems=(404,),
            ),
            Route(
                "POST",
                "/api/v1/participants/import",
                self.import_participants,
                "Bring in a CSV of participants; faulty rows fall out, the others count",
                Right.PARTICIPANTS,
                takes=CsvIn,
                takes_media=CSV,
                gives={200: ImportOut},
                problems=(409, 413, 415, 503),
            ),
        )

    async def show_participant(self, call: Call[Nothing, Nothing]) -> Reply:
        """``GET /participants/{ref}``."""
        return Reply(ParticipantOut.model_validate(await self._participants.get(call.path["ref"])))

    async def put_participant(self, call: Call[Nothing, Nothing]) -> Reply:
        """``PUT /participants/{ref}``."""
        ref = call.path["ref"]
        if not isinstance(call.raw, dict):
            raise invalid_field("", "should be an object")
        created = await self._participants.put(ref, call.raw, now=self._clock.now())
        now_so = ParticipantOut.model_validate(await self._participants.get(ref))
        location = {"Location": f"/api/v1/participants/{quote(ref)}"} if created else {}
        return Reply(now_so, 201 if created else 200, headers=location)

    async def delete_participant(self, call: Call[Nothing, Nothing]) -> Reply:
        """``DELETE /participants/{ref}``."""
        await self._participants.delete(call.path["ref"], now=self._clock.now())
        return Reply(None, 204)

    async def import_participants(self, call: Call[CsvIn, Nothing]) -> Reply:
        """``POST /participants/import``."""
        if self._importing:
            raise ConflictError("another import is under way; send this one when it has ended")
        self._importing = True
        faults: list[FaultyRow] = []

        def fell_out(row: FaultyRow) -> None:
            if len(faults) < MAX_FAULTS:
                faults.append(row)

        try:
            with call.request.take_content() as file:
                file.seek(0)
                counts = await self._participants.import_csv(
                    file, now=self._clock.now(), progress=_unwatched, faults=fell_out
                )
        finally:
            self._importing = False
        return Reply(_import_out(counts, faults))


def _unwatched(step: str, done: int, total: int | None) -> None:
    """Nobody watches: the answer comes when it is done."""


def _import_out(counts: ImportCounts, faults: Sequence[FaultyRow]) -> ImportOut:
    return ImportOut(
        rows=counts.rows,
        added=counts.added,
        changed=counts.changed,
        unchanged=counts.unchanged,
        faulty=counts.faulty,
        faults=[
            FaultyRowOut(
                line=row.line,
                ref=row.ref,
                errors=[FaultOut(path=fault.path, message=fault.message) for fault in row.faults],
            )
            for row in faults
        ],
    )
