"""The catalogue: complete in every language, and speakable."""

from __future__ import annotations

import pytest

from audio.catalogue import fixed_prompt_ids, placeholders, prompt_ids, prompt_text, template
from audio.errors import CatalogueError
from audio.jingle import DOMAINS
from audio.normalise.speech import LANGUAGES, to_speech

VALUES = {
    "place": "Weesp",
    "number": "0800-0011",
    "time": "12:45",
    "key": 2,
    "code": "471",
    "count": 3,
    "total": 12,
    "date": "2016-06-13",
    "from": 22,
    "to": 7,
}
EVERY = [(language, prompt_id) for language in LANGUAGES for prompt_id in prompt_ids()]


def filled(prompt_id: str, language: str) -> str:
    names = placeholders(template(prompt_id, language))
    return prompt_text(prompt_id, language, **{name: VALUES[name] for name in names})


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_prompt_with_the_same_placeholders(language: str) -> None:
    for prompt_id in prompt_ids():
        assert placeholders(template(prompt_id, language)) == placeholders(template(prompt_id, "nl")), prompt_id


@pytest.mark.parametrize(("language", "prompt_id"), EVERY)
def test_every_prompt_can_be_spoken_whole_and_is_soon_said(language: str, prompt_id: str) -> None:
    speech = to_speech(filled(prompt_id, language), language)
    assert speech.notes == ()
    assert speech.text
    # A sentence of more than twenty words is forgotten before it ends. Plates and numbers are words here too.
    assert all(len(sentence.split()) <= 20 for sentence in speech.sentences)
    assert len(speech.text.split()) <= 36


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_domain_says_who_is_calling(domain: str) -> None:
    for language in LANGUAGES:
        assert prompt_text(f"intro.{domain}", language)
        assert "Weesp" in prompt_text(f"intro.{domain}_place", language, place="Weesp")


SAID = [
    ("intro.burgernet", {}, "Dit is Burgernet."),
    ("out.seen", {}, "Hebt u iets gezien? Druk op één. Dan spreekt u meteen met de meldkamer."),
    ("in.choice_place", {"place": "Weesp", "key": 2}, "Voor Weesp, druk op twee."),
    ("in.choice_code", {"code": "471", "key": 1}, "Voor de actie met code vier zeven één, druk op één."),
    ("in.waiting_many", {"count": 3}, "Er zijn nog drie bellers voor u."),
    ("in.closed_at", {"time": "12:45"}, "Deze actie is om kwart voor één afgelopen."),
    ("self.quiet_done", {"from": 22, "to": 7}, "Dat is goed. Van tweeëntwintig uur tot zeven uur storen wij u niet."),
    (
        "self.paused_until",
        {"date": "2016-06-13"},
        "Dat is goed. Tot dertien juni tweeduizend zestien krijgt u geen berichten.",
    ),
]


@pytest.mark.parametrize(("prompt_id", "values", "said"), SAID)
def test_a_prompt_is_filled_and_said(prompt_id: str, values: dict[str, object], said: str) -> None:
    assert to_speech(prompt_text(prompt_id, "nl", **values), "nl").text == said


def test_a_language_that_we_do_not_have_is_dutch() -> None:
    assert prompt_text("intro.burgernet", "pl") == "Dit is Burgernet."


def test_braces_in_a_value_mean_nothing() -> None:
    assert prompt_text("in.choice_place", "nl", place="{key}{place}", key=1) == "Voor {key}{place}, druk op 1."


@pytest.mark.parametrize(
    ("prompt_id", "values"),
    [
        ("out.nonsense", {}),
        ("in.choice_place", {}),
        ("in.choice_place", {"place": "Weesp"}),
        ("intro.burgernet", {"place": "Weesp"}),
    ],
)
def test_a_missing_prompt_and_wrong_values_are_refused(prompt_id: str, values: dict[str, object]) -> None:
    with pytest.raises(CatalogueError, match=prompt_id):
        prompt_text(prompt_id, "nl", **values)


def test_fixed_prompts_need_no_values() -> None:
    assert "out.seen" in fixed_prompt_ids()
    assert "in.choice_place" not in fixed_prompt_ids()
