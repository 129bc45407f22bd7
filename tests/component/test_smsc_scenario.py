"""The scenario file of the simulated SMSC: read whole, or every fault named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.rehearsal.scenario import FinalState, Scenario
from gateway.rehearsal.scenario_file import load_scenario, parse_scenario
from gateway.rehearsal.smsc.run import SmscOptions, scenario_of
from gateway.settings.loading import SettingsError

DOCS = Path(__file__).resolve().parents[2] / "docs" / "rehearsal.md"


def faults(text: str) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        parse_scenario(text)
    return {fault.path: fault.message for fault in caught.value.faults}


def test_an_empty_scenario_is_a_carrier_without_faults() -> None:
    assert parse_scenario("") == Scenario()


def test_a_numbers_rule_changes_only_what_it_names() -> None:
    scenario = parse_scenario("""
        [messages]
        latency_ms = 5
        final = { DELIVRD = 95, EXPIRED = 5 }
        [[number]]
        pattern = "+31612*"
        refuse = "RTHROTTLED"
    """)
    knobs = scenario.knobs_for(scenario.number[0])
    assert (scenario.number[0].pattern, knobs.refuse, knobs.latency_ms) == ("31612*", 0x58, 5)
    assert knobs.final == {FinalState.DELIVRD: 95, FinalState.EXPIRED: 5}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("seeds = 3", "seeds"),
        ('time_zone = "Mars/Olympus"', "time_zone"),
        ("[messages]\nlatency_ms = -5", "messages.latency_ms"),
        ("[messages]\nlatency_ms = nan", "messages.latency_ms"),
        ("[messages]\nfinal = { LOST = 1 }", "messages.final.LOST"),
        ("[messages]\nfinal = { DELIVRD = 0 }", "messages.final"),
        ("[messages]\nrefuse = 0", "messages.refuse"),
        ("[messages]\nrefuse_times = 2", "messages.refuse_times"),
        ("[messages]\nout_of_order = true", "messages.out_of_order"),
        ('[messages]\ncongestion = "throttle"', "messages.congestion"),
        ("[messages]\ncongestion = 101", "messages.congestion"),
        ('[messages]\nreceipt_id_form = "roman"', "messages.receipt_id_form"),
        ('[messages]\nid_form = "uuid"\nreceipt_id_form = "hex"', "messages.receipt_id_form"),
        ("[links]\ndeliver_window = 0", "links.deliver_window"),
        ('[[number]]\npattern = "316 12"', "number[0].pattern"),
        ('[[number]]\npattern = "316*"\nrefuse = "MAYBE"', "number[0].refuse"),
        ('[[number]]\npattern = "316*"\nout_of_order = true', "number[0].out_of_order"),
        ('[[account]]\nsystem_id = "a"\npassword = "much too long"', "account[0].password"),
        ('[[account]]\nsystem_id = "a"\n[[account]]\nsystem_id = "a"', "account[1].system_id"),
        ('[[reply]]\nsender = "Jan"\ntext = "x"', "reply[0].sender"),
        ('[[reply]]\nsender = "+31612345678"\ntext = "x"\nunasked = true', "reply[0].to"),
        ('[[event]]\nafter_s = 1\ndo = "explode"', "event[0].do"),
        ("[[event]]\nafter_s = 1", "event[0].do"),
        ('[[event]]\ndo = "drop"', "event[0].after_s"),
        ('[[event]]\nafter_submits = 1\nevery_s = 1\ndo = "drop"', "event[0].every_s"),
        ('[[event]]\nafter_s = 1\ndo = "outbind"', "event[0].do"),
        ("[[event]]\nafter_s = 1\nset = { messages = { latency_ms = -1 } }", "event[0].set.messages.latency_ms"),
        ('[[event]]\nafter_s = 1\nset = { number = [{ final = "DELIVRD" }] }', "event[0].set.number[0].pattern"),
        ("[limits]\npending = 0", "limits.pending"),
    ],
)
def test_a_fault_is_named_by_its_path(text: str, path: str) -> None:
    assert list(faults(text)) == [path]


def test_an_unknown_account_is_a_fault_only_where_accounts_are_listed() -> None:
    event = '[[event]]\nafter_s = 1\ndo = "drop"\naccount = "b"\n'
    assert faults('[[account]]\nsystem_id = "a"\n' + event) == {"event[0].account": "there is no account b"}
    parse_scenario(event)


def test_all_faults_come_at_once() -> None:
    found = faults('seeds = 3\n[messages]\nlatency_ms = -5\n[[number]]\npattern = "x y"\nrefuse = "MAYBE"')
    assert set(found) == {"seeds", "messages.latency_ms", "number[0].pattern", "number[0].refuse"}


def test_no_toml_is_a_fault_with_its_place(tmp_path: Path) -> None:
    assert "TOML" in faults("[messages")[""]
    file = tmp_path / "broken.toml"
    file.write_text("seed = 1\n[messages\n")
    with pytest.raises(SettingsError, match=r"broken\.toml:2:"):
        load_scenario(file)


def test_a_password_is_never_shown() -> None:
    scenario = parse_scenario('[[account]]\nsystem_id = "a"\npassword = "geheim"')
    assert "geheim" not in repr(scenario)
    assert "geheim" not in repr(SmscOptions(accounts=[("a", "geheim")]))


def test_the_command_line_goes_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "scenario.toml"
    file.write_text("seed = 3\n[messages]\nlatency_ms = 5\nlatency_jitter_ms = 2\n")
    options = SmscOptions(
        scenario=file, accounts=[("a", "geheim")], latency_ms=20, throttle_per_s=100, final={"UNDELIV": 1}
    )
    scenario = scenario_of(options)
    assert (scenario.seed, scenario.account[0].system_id) == (3, "a")
    knobs = scenario.messages
    assert (knobs.latency_ms, knobs.latency_jitter_ms, knobs.throttle_per_s) == (20, 2, 100)
    assert list(knobs.final) == [FinalState.UNDELIV]
    with pytest.raises(SettingsError, match=r"messages\.latency_ms"):
        scenario_of(SmscOptions(latency_ms=-1))


def test_every_example_of_the_documentation_is_a_scenario() -> None:
    examples = re.findall(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) >= 5
    for example in examples:
        parse_scenario(example)


def test_the_documentation_names_every_key() -> None:
    text = DOCS.read_text(encoding="utf-8")
    keys = {key for section in Scenario.model_fields.values() for key in _keys(section.annotation)}
    missing = [key for key in sorted(keys) if f"`{key}`" not in text]
    assert missing == []


def _keys(annotation: object) -> set[str]:
    kinds = getattr(annotation, "__args__", (annotation,))
    return {key for kind in kinds if hasattr(kind, "model_fields") for key in kind.model_fields}
