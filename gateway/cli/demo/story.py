"""The three actions as facts; the words are ours. Seconds count from the beginning of the show, not of that day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens.

    Attributes:
        at_s: when.
        reply: what a citizen who got the message writes.
        update: the newer text.
        close: how it ends.
    """

    at_s: float
    reply: str = ""
    update: Mapping[str, str] | None = None
    close: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """One action: the request as the API takes it, and what follows."""

    title: str
    at_s: float
    request: Mapping[str, object]
    steps: Sequence[Step]


STORIES = (
    Story(
        "Weesp, woensdag 4 mei 2016, 12.30 uur",
        0.0,
        {
            "kind": "missing_person",
            "place": "Weesp, rond het Stationsplein",
            "area": {"circle": {"lat": 52.312, "lon": 5.043, "radius_m": 3000}},
            "text": {
                "nl": "Burgernet Weesp: vermist sinds 12.00 uur een jongen van 5 jaar bij het Stationsplein. Liep"
                " richting centrum. Ziet u hem? Blijf bij hem en bel 0800-0011. Bij gevaar 112."
            },
        },
        (
            Step(6.0, reply="Ik zie een jongetje alleen op de Nieuwstraat bij de brug"),
            Step(9.0, reply="Hij staat nu bij de bakker, ik blijf bij hem"),
            Step(13.0, close="success_by_citizen"),
        ),
    ),
    Story(
        "Amsterdam-Oost, maandag 13 juni 2016, 12.10 uur",
        2.0,
        {
            "kind": "caught_in_the_act",
            "place": "Amsterdam-Oost, Platanenweg",
            "area": {"circle": {"lat": 52.353, "lon": 4.923, "radius_m": 2500}},
            "text": {
                "nl": "Burgernet Amsterdam: na een aanrijding bij de Platanenweg zijn een man en een vrouw in een"
                " zwarte jurk weggerend. Ziet u hen? Niet benaderen, bel 0800-0011."
            },
        },
        (
            Step(
                7.0,
                update={
                    "nl": "Burgernet Amsterdam, nieuw: het zijn twee mannen. Een heeft halflang haar en een korte"
                    " zwarte broek. Ziet u hen? Niet benaderen, bel 0800-0011."
                },
            ),
            Step(9.0, reply="Ze lopen in de 3e Oosterparkstraat, ik hou ze in het zicht"),
            Step(14.0, close="success"),
        ),
    ),
    Story(
        "Gemert-Bakel, zondag 19 juni 2016, 14.58 uur",
        4.0,
        {
            "kind": "burglary",
            "place": "Gemert",
            "area": {"circle": {"lat": 51.556, "lon": 5.688, "radius_m": 4000}},
            "text": {
                "nl": "Burgernet Gemert: ingeslopen in een woning. De dader reed weg in een auto met Duits kenteken"
                " GK-AB 123. Ziet u de auto? Rijd niet achterna, bel 0800-0011.",
                "de": "Burgernet Gemert: Einbruch in ein Haus. Der Täter floh in einem Auto, Kennzeichen"
                " GK-AB 123. Gesehen? Nicht verfolgen, 0800-0011 anrufen.",
            },
        },
        (
            Step(10.0, reply="Auto met dat kenteken staat op de Markt in Gemert"),
            Step(15.0, close="success_by_citizen"),
        ),
    ),
)
