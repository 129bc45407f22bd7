"""Results as people read them in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_LEFT_OUT = {
    "left": "have left",
    "paused": "have paused",
    "quiet_hours": "have quiet hours",
    "no_lane": "have no number for these lanes",
    "duplicate_number": "share a number with somebody",
}


def started(out: Console, result: Mapping[str, Any]) -> None:
    """An action that was started."""
    table = _facts()
    table.add_row("action", f"{result['id']}  (code {result['code']})")
    table.add_row("state", f"{result['state']}, version {result['version']}")
    _plan(table, result)
    out.print(table)


def preview(out: Console, result: Mapping[str, Any]) -> None:
    """What an action would do."""
    table = _facts()
    table.add_row("urgency", f"{result['urgency']}; lanes {', '.join(result['lanes'])}")
    table.add_row("life", f"{result['expires_in_s'] / 60:g} minutes")
    _plan(table, result)
    for language, sms in result["sms"].items():
        counted = f"{len(sms['parts'])} part(s), {sms['encoding']}, {sms['units_left']} left"
        table.add_row(f"sms {language}", f"{escape(sms['text'])}\n[dim]{counted}[/dim]")
        for costly in sms["costly"]:
            effect = "counts double" if costly["effect"] == "two" else "makes the whole text longer (70 a part)"
            instead = f"; write {costly['instead']!r}" if costly["instead"] is not None else ""
            table.add_row("", escape(f"{costly['character']!r} {effect}{instead}"))
    for language, spoken in result["speech"].items():
        heard = (
            f"{spoken['seconds']:g} s by {spoken['engine']}: {spoken['url']}" if spoken["url"] else spoken["problem"]
        )
        table.add_row(f"speech {language}", escape(spoken["text"]) + (f"\n[dim]{escape(heard)}[/dim]" if heard else ""))
    for hints in result["hints"].values():
        for hint in hints:
            instead = f" -> {hint['instead']}" if hint["instead"] else ""
            table.add_row("hint", escape(f"{hint['found']}{instead}: {hint['why']}"))
    out.print(table)


def action(out: Console, result: Mapping[str, Any]) -> None:
    """An action on record."""
    table = _facts()
    table.add_row("action", f"{result['id']}  (code {result['code']})")
    table.add_row("kind", f"{result['kind']}, {result['urgency']}")
    ended = f"; {result['outcome']} at {_time(result['closed_at'])}" if result["outcome"] else ""
    table.add_row("state", f"{result['state']}, version {result['version']}{ended}")
    table.add_row("place", escape(result["place"] or "-"))
    table.add_row("area", escape("; ".join(map(_shape, result["area"]))))
    table.add_row("from, to", f"{_time(result['created_at'])}  {_time(result['expires_at'])}")
    table.add_row("by", escape(result["created_by"]))
    _plan(table, result)
    for language, wording in result["text"].items():
        table.add_row(f"text {language}", escape(wording["sms"]))
        if wording.get("speech"):
            table.add_row(f"speech {language}", escape(wording["speech"]))
    out.print(table)


def actions(out: Console, found: Sequence[Mapping[str, Any]]) -> None:
    """Actions, a row each."""
    table = Table("code", "id", "kind", "state", "since", "planned", "place", box=None, pad_edge=False)
    for one in found:
        table.add_row(
            one["code"],
            one["id"],
            one["kind"],
            one["outcome"] or one["state"],
            _time(one["created_at"]),
            f"{one['planned']['sms']} sms, {one['planned']['voice']} voice",
            escape(one["place"] or ""),
        )
    out.print(table if found else "There are no actions.")


def report(out: Console, result: Mapping[str, Any]) -> None:
    """A report: the lanes side by side, then how fast, then what citizens gave back."""
    what = result["action"]
    out.print(f"[bold]Action {escape(str(what.get('code', '')))}[/bold]  {escape(str(what.get('id', '')))}")
    sms, voice = result["lanes"]["sms"], result["lanes"]["voice"]
    lanes = Table("", "sms", "voice", box=None, pad_edge=False)
    for column in lanes.columns[1:]:
        column.justify = "right"
    for name in dict.fromkeys([*sms, *voice]):
        if name == "failed":
            for reason in dict.fromkeys([*sms["failed"], *voice["failed"]]):
                lanes.add_row(f"failed: {reason}", _count(sms["failed"], reason), _count(voice["failed"], reason))
        else:
            lanes.add_row(name.replace("_", " "), _count(sms, name), _count(voice, name))
    out.print(lanes)
    out.print()
    facts = _facts()
    for name, label in (("first_s", "first reached"), ("t50_s", "half reached"), ("t95_s", "95 % reached")):
        facts.add_row(label, "-" if result[name] is None else f"{result[name]:.2f} s")
    for name, count in result["responses"].items():
        if count or name == "total":
            facts.add_row("responses" if name == "total" else f"  {name.replace('_', ' ')}", str(count))
    facts.add_row("cost", f"€ {result['cost_eur']:.2f}")
    out.print(facts)


def keys(out: Console, found: Iterable[Mapping[str, Any]]) -> None:
    """Keys, a row each."""
    table = Table("name", "role", "since", "revoked", box=None, pad_edge=False)
    for key in found:
        table.add_row(escape(key["name"]), key["role"], _time(key["created_at"]), _time(key["revoked_at"]))
    out.print(table if table.row_count else "There are no keys.")


def _facts() -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _plan(table: Table, result: Mapping[str, Any]) -> None:
    planned = result["planned"]
    table.add_row("planned", f"{planned['sms']} by sms, {planned['voice']} by voice")
    for reason, count in planned["left_out"].items():
        table.add_row("left out", f"{count} {_LEFT_OUT.get(reason, reason)}")
    if "estimate" in result:
        estimate = result["estimate"]
        table.add_row(
            "estimate",
            f"{estimate['segments']} segments, € {estimate['cost_eur']:.2f}, {estimate['seconds']:g} s to send",
        )


def _shape(shape: Mapping[str, Any]) -> str:
    if "circle" in shape:
        circle = shape["circle"]
        return f"{circle['radius_m']:g} m around {circle['lat']:g} N {circle['lon']:g} E"
    if "municipality" in shape:
        return str(shape["municipality"])
    return f"a polygon of {len(shape['polygon']['coordinates'][0]) - 1} corners"


def _count(counts: Mapping[str, Any], name: str) -> str:
    return str(counts[name]) if name in counts else ""


def _time(text: str | None) -> str:
    """A time of the API as people write it, in UTC."""
    return "-" if text is None else text.replace("T", " ").partition(".")[0].removesuffix("Z") + " UTC"
