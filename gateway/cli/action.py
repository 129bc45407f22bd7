"""``burgernet action``: what a control room does, from a terminal."""

from __future__ import annotations

import re
import sys
from typing import Any, TextIO
from urllib.parse import quote
from uuid import uuid4

import click

from gateway.cli import words
from gateway.cli.area import CircleType, GeoJsonType
from gateway.cli.client import Client
from gateway.cli.common import Options, command_options, example, usage
from gateway.domain.action import LANGUAGES, Kind, Outcome, Urgency
from gateway.domain.delivery import Lane

_UNITS_S = {"s": 1, "m": 60, "h": 3600}
_OTHER_LANGUAGES = {"de": "German", "en": "English", "fr": "French", "fy": "Frisian"}
assert {"nl", *_OTHER_LANGUAGES} == set(LANGUAGES)


class Duration(click.ParamType):
    """``90s``, ``30m``, ``2h``: seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """To seconds."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", str(value))
        if found is None:
            self.fail(f"{value!r} is no duration; write it as 90s, 30m or 2h", param, ctx)
        return float(found[1]) * _UNITS_S[found[2]]


@click.group()
def action() -> None:
    """Start, change, end and follow actions, through the daemon.

    The key comes from BURGERNET_KEY, else from [cli] key_file; the daemon's address from BURGERNET_URL, else from the
    settings.
    """


def _text_options(command: Any) -> Any:
    for language, name in reversed(_OTHER_LANGUAGES.items()):
        command = click.option(f"--text-{language}", metavar="TEXT", help=f"The same in {name}.")(command)
    command = click.option("--speech", metavar="TEXT", help="What is spoken instead of the Dutch text.")(command)
    command = click.option(
        "--text-file", type=click.File(encoding="utf-8"), metavar="FILE", help="Dutch text from a file; - reads stdin."
    )(command)
    return click.option("--text", metavar="TEXT", help="What citizens read and hear, in Dutch.")(command)


def _text(
    text: str | None, text_file: TextIO | None, speech: str | None, others: dict[str, str | None]
) -> dict[str, Any] | None:
    """The API's ``text``; ``None`` where nothing is said."""
    if text is not None and text_file is not None:
        usage("give --text or --text-file, not both")
    dutch = text
    if text_file is not None:
        try:
            dutch = text_file.read().rstrip("\r\n")
        except UnicodeDecodeError:
            usage("--text-file is not UTF-8 text")
    given = {name.removeprefix("text_"): value for name, value in others.items() if value is not None}
    if dutch is None:
        if given or speech is not None:
            usage("give the Dutch text too: --text or --text-file")
        return None
    nl: str | dict[str, str] = dutch if speech is None else {"sms": dutch, "speech": speech}
    return {"nl": nl, **given}


@action.command(
    epilog=example(
        "burgernet action start --kind missing_person --circle 52.312,5.043,3000 \\",
        '    --text "Vermist: jongen van 5, blond haar, rode jas. Gezien? Bel 0800-0011" --preview',
    )
)
@click.option("--kind", type=click.Choice([kind.value for kind in Kind]), required=True, help="What it is about.")
@click.option("--circle", "circles", type=CircleType(), multiple=True, metavar="LAT,LON,RADIUS_M")
@click.option("--polygon", "polygons", type=GeoJsonType(), multiple=True, metavar="FILE.geojson")
@click.option("--municipality", "municipalities", multiple=True, metavar="NAME")
@_text_options
@click.option("--urgency", type=click.Choice([urgency.word for urgency in Urgency]), help="Else the kind decides.")
@click.option(
    "--lane", "lanes", type=click.Choice([lane.word for lane in Lane]), multiple=True, help="Else the policy decides."
)
@click.option("--expires-in", type=Duration(), metavar="30m", help="The action's life; else the policy decides.")
@click.option("--place", help="How people call the place.")
@click.option("--control-room", help="Which room takes the calls.")
@click.option("--allow-long", is_flag=True, help="Send a text of more parts than the policy likes.")
@click.option("--preview", is_flag=True, help="Only show what would happen.")
@click.option("--idempotency-key", metavar="KEY", help="The same key and action start it once.")
@command_options()
def start(
    options: Options,
    kind: str,
    circles: tuple[dict[str, Any], ...],
    polygons: tuple[list[dict[str, Any]], ...],
    municipalities: tuple[str, ...],
    text: str | None,
    text_file: TextIO | None,
    speech: str | None,
    preview: bool,
    idempotency_key: str | None,
    **rest: Any,
) -> None:
    """Start an action. Circles, polygons and municipalities may be given several times, and mixed."""
    area = [*circles, *(shape for file in polygons for shape in file), *({"municipality": m} for m in municipalities)]
    if not area:
        usage("name an area: --circle, --polygon or --municipality")
    others = {name: rest.pop(name) for name in [f"text_{language}" for language in _OTHER_LANGUAGES]}
    wording = _text(text, text_file, speech, others)
    if wording is None:
        usage("give a text: --text or --text-file")
    lanes, expires_in, allow_long = rest.pop("lanes"), rest.pop("expires_in"), rest.pop("allow_long")
    body = {"kind": kind, "area": area, "text": wording, "lanes": list(lanes) or None, "expires_in_s": expires_in}
    body = {name: value for name, value in (body | rest).items() if value is not None}
    if allow_long:
        body["allow_long"] = True
    client = Client.of(options)
    if preview:
        shown = client.post("/api/v1/actions/preview", body)
        options.print(shown, lambda out: words.preview(out, shown))
        return
    started = client.post("/api/v1/actions", body, {"Idempotency-Key": idempotency_key or uuid4().hex})
    options.print(started, lambda out: words.started(out, started))


@action.command(epilog=example('burgernet action update k3v9... --text "De jongen draagt een BLAUWE jas"'))
@click.argument("id")
@_text_options
@click.option("--allow-long", is_flag=True, help="Send a text of more parts than the policy likes.")
@command_options()
def update(
    options: Options,
    id: str,
    text: str | None,
    text_file: TextIO | None,
    speech: str | None,
    allow_long: bool,
    **others: str | None,
) -> None:
    """Send a newer text; who has not had the older one gets only this."""
    wording = _text(text, text_file, speech, others)
    if wording is None:
        usage("give a text: --text or --text-file")
    body = {"text": wording} | ({"allow_long": True} if allow_long else {})
    changed = Client.of(options).post(f"/api/v1/actions/{quote(id, safe='')}/updates", body)
    options.print(changed, lambda out: out.print(f"Action {changed['code']} is at version {changed['version']}."))


@action.command(
    epilog=example(
        'burgernet action close k3v9... --outcome success_by_citizen --text "Gevonden! Dank voor het uitkijken."'
    )
)
@click.argument("id")
@click.option("--outcome", type=click.Choice([outcome.value for outcome in Outcome]), required=True)
@_text_options
@command_options()
def close(
    options: Options,
    id: str,
    outcome: str,
    text: str | None,
    text_file: TextIO | None,
    speech: str | None,
    **others: str | None,
) -> None:
    """End an action: what has not left stays here, and those reached get the text, if there is one."""
    wording = _text(text, text_file, speech, others)
    body = {"outcome": outcome} | ({} if wording is None else {"text": wording})
    closed = Client.of(options).post(f"/api/v1/actions/{quote(id, safe='')}/close", body)
    options.print(closed, lambda out: out.print(f"Action {closed['code']} is closed: {closed['outcome']}."))


@action.command(epilog=example("burgernet action show k3v9..."))
@click.argument("id")
@command_options()
def show(options: Options, id: str) -> None:
    """Show an action."""
    shown = Client.of(options).get(f"/api/v1/actions/{quote(id, safe='')}")
    options.print(shown, lambda out: words.action(out, shown))


@action.command("list", epilog=example("burgernet action list --open"))
@click.option("--open", "open_only", is_flag=True, help="Only those that are open.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@command_options()
def list_actions(options: Options, open_only: bool, limit: int) -> None:
    """List actions, newest first."""
    found = Client.of(options).get("/api/v1/actions", open="true" if open_only else None, limit=limit)["actions"]
    options.print(found, lambda out: words.actions(out, found))


@action.command(epilog=example("burgernet action report k3v9... --csv > report.csv"))
@click.argument("id")
@click.option("--csv", "as_csv", is_flag=True, help="Print it as CSV.")
@command_options()
def report(options: Options, id: str, as_csv: bool) -> None:
    """Who was reached, how fast, and who responded."""
    path = f"/api/v1/actions/{quote(id, safe='')}/report"
    if as_csv:
        if options.json:
            usage("give --csv or --json, not both")
        sys.stdout.write(Client.of(options).get(path, format="csv"))
        return
    found = Client.of(options).get(path)
    options.print(found, lambda out: words.report(out, found))
