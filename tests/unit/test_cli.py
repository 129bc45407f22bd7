"""The command line: its help, and the commands that work on the database or start something."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from gateway import wiring
from gateway.cli import main

PEOPLE = """\
ref,mobile,landline,lat,lon,municipality
p1,0612345678,,52.312,5.043,Weesp
p2,,0294-412345,52.313,5.044,Weesp
p3,0900-1234,,52.313,5.044,Weesp
"""


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of our own with settings in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "burgernet.toml").write_text('[database]\nurl = "sqlite:///ledger.db"\n')
    return tmp_path


def run(*arguments: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner(mix_stderr=False).invoke(main, list(arguments), input=stdin, catch_exceptions=False)


# ---------------------------------------------------------------- help


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands(main))


def test_the_commands_of_the_contract_are_there() -> None:
    contract = {
        ("serve",), ("check",), ("db", "upgrade"),
        ("participants", "import"), ("participants", "export"), ("participants", "forget"),
        ("action", "start"), ("action", "update"), ("action", "close"), ("action", "show"), ("action", "list"),
        ("action", "report"), ("rehearsal", "smsc"), ("keys", "create"), ("keys", "list"), ("keys", "revoke"),
        ("asterisk", "render"), ("speak",), ("rehearsal", "network"),
    }  # fmt: skip
    assert contract <= set(COMMANDS)


@pytest.mark.parametrize("path", sorted(COMMANDS), ids=" ".join)
def test_every_command_has_help_with_an_example_and_takes_a_config(path: tuple[str, ...]) -> None:
    result = run(*path, "--help")
    assert result.exit_code == 0
    assert f"Example:\n    burgernet {' '.join(path)}" in result.stdout
    assert "-c, --config FILE" in result.stdout
    assert run(*path, "-h").stdout == result.stdout


@pytest.mark.parametrize(
    "path", sorted(set(COMMANDS) - {("serve",), ("rehearsal", "smsc"), ("rehearsal", "network")}), ids=" ".join
)
def test_every_command_with_a_result_gives_it_as_json(path: tuple[str, ...]) -> None:
    assert "--json" in run(*path, "--help").stdout


def test_help_imports_no_part_of_the_daemon() -> None:
    script = (
        "import sys; from gateway.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'twisted', 'sqlalchemy', 'pydantic', 'rich', 'numpy', 'phonenumbers'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "gateway", "--version"], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("burgernet, version")


@pytest.mark.parametrize("arguments", [("fly",), ("action", "fly"), ("--fly",), ("keys", "create", "desk-1")])
def test_what_is_not_known_is_a_usage_error(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


def test_settings_that_are_not_there_are_told() -> None:
    result = run("keys", "list", "-c", "elsewhere.toml")
    assert result.exit_code == 1
    assert "elsewhere.toml" in result.stderr


# ---------------------------------------------------------------- keys


def test_a_key_is_made_shown_once_listed_and_revoked() -> None:
    made = run("keys", "create", "desk-1", "--role", "operator")
    assert made.exit_code == 0, made.output
    key = made.stdout.strip()
    assert key.startswith("bn_")
    assert "not shown again" in made.stderr
    [listed] = json.loads(run("keys", "list", "--json").stdout)
    assert (listed["name"], listed["role"], listed["revoked_at"]) == ("desk-1", "operator", None)
    assert key not in run("keys", "list").stdout
    assert run("keys", "revoke", "desk-1").stdout == "The key desk-1 is revoked.\n"
    [revoked] = json.loads(run("keys", "list", "--json").stdout)
    assert revoked["revoked_at"] is not None


def test_a_key_as_json_has_name_role_and_key() -> None:
    made = json.loads(run("keys", "create", "desk-1", "--role", "reader", "--json").stdout)
    assert set(made) == {"name", "role", "key"}
    assert (made["name"], made["role"]) == ("desk-1", "reader")


def test_a_name_is_given_once() -> None:
    run("keys", "create", "desk-1", "--role", "reader")
    again = run("keys", "create", "desk-1", "--role", "reader")
    assert again.exit_code == 1
    assert "desk-1" in again.stderr


def test_a_key_that_nobody_has_cannot_be_revoked() -> None:
    result = run("keys", "revoke", "desk-1")
    assert (result.exit_code, result.stderr) == (1, "Error: there is no key named 'desk-1'\n")


def test_no_keys_is_said_so() -> None:
    assert run("keys", "list").stdout == "There are no keys.\n"


# ---------------------------------------------------------------- the database


def test_upgrade_makes_the_tables_and_may_be_repeated(folder: Path) -> None:
    for _ in range(2):
        result = run("db", "upgrade", "--json")
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["current"] is True
    assert (folder / "ledger.db").exists()


def test_a_database_of_another_version_is_not_touched(folder: Path) -> None:
    import sqlite3

    with sqlite3.connect(folder / "ledger.db") as connection:
        connection.execute("CREATE TABLE person (id INTEGER)")
    connection.close()
    result = run("keys", "list")
    assert result.exit_code == 1
    assert "burgernet db upgrade" in result.stderr


def test_a_database_that_cannot_be_opened_is_told(folder: Path) -> None:
    (folder / "ledger.db").mkdir()
    result = run("keys", "list")
    assert result.exit_code == 1
    assert "ledger.db" in result.stderr


# ---------------------------------------------------------------- participants


def test_an_import_prints_faults_and_counts_and_fails_if_any_fell_out(folder: Path) -> None:
    (folder / "people.csv").write_text(PEOPLE)
    result = run("participants", "import", "people.csv", "--faults", "faults.csv")
    assert result.exit_code == 1, result.output
    assert "3 rows: 2 participants added" in result.stdout
    assert "line 4 (p3): mobile:" in result.stderr
    with (folder / "faults.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["line", "ref", "field", "reason"]
    assert [row[:3] for row in rows] == [["4", "p3", "mobile"]]


def test_a_second_import_changes_nothing(folder: Path) -> None:
    good = "".join(PEOPLE.splitlines(keepends=True)[:-1])
    counts = [json.loads(run("participants", "import", "-", "--json", stdin=good).stdout) for _ in range(2)]
    assert [(c["rows"], c["added"], c["unchanged"], c["faulty"]) for c in counts] == [(2, 2, 0, 0), (2, 0, 2, 0)]
    assert run("participants", "import", "-", stdin=good).exit_code == 0


def test_a_file_with_other_columns_is_refused_by_name(folder: Path) -> None:
    result = run("participants", "import", "-", stdin="ref,phone,lat,lon\n")
    assert result.exit_code == 1
    assert "phone" in result.stderr


def test_only_the_first_faults_are_printed() -> None:
    many = PEOPLE.splitlines()[0] + "\n" + "".join(f"q{n},0900-1234,,52.3,5.0,Weesp\n" for n in range(80))
    result = run("participants", "import", "-", stdin=many)
    assert result.stderr.count("line ") == 50
    assert "... and 30 more; --faults FILE.csv keeps all" in result.stderr


def test_export_shows_what_is_held_and_forget_removes_it() -> None:
    run("participants", "import", "-", stdin=PEOPLE)
    held = json.loads(run("participants", "export", "06-12345678").stdout)
    assert [person["ref"] for person in held["participants"]] == ["p1"]
    done = json.loads(run("participants", "forget", "+31612345678", "--json").stdout)
    assert done["removed"] == 1
    assert json.loads(run("participants", "export", "0612345678").stdout)["known"] is False
    assert run("participants", "forget", "0612345678").stdout == "This number was not known.\n"


@pytest.mark.parametrize("command", ["export", "forget"])
def test_what_is_no_number_is_a_usage_error(command: str) -> None:
    result = run("participants", command, "12")
    assert result.exit_code == 2
    assert "NUMBER" in result.stderr


# ---------------------------------------------------------------- check and serve


def lines(*found: tuple[str, bool, str]) -> Any:
    return lambda settings: iter([wiring.CheckLine(*line) for line in found])


def test_check_prints_a_line_each_and_fails_on_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "check", lines(("database", True, "there"), ("carrier alpha", False, "carrier[0]: no")))
    result = run("check")
    assert result.exit_code == 1
    assert [line.split(maxsplit=1)[0] for line in result.stdout.splitlines()] == ["ok", "FAULT"]
    assert "carrier[0]: no" in result.stdout


def test_check_as_json_is_well_where_all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "check", lines(("database", True, "there")))
    result = run("check", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == [{"name": "database", "ok": True, "detail": "there"}]


def test_check_names_every_fault_of_the_settings(folder: Path) -> None:
    (folder / "burgernet.toml").write_text('[http]\nlisten = "nowhere"\n[[carrier]]\nname = "alpha"\nwindow = 0\n')
    result = run("check", "--json")
    assert result.exit_code == 1
    told = [line["detail"] for line in json.loads(result.stdout)]
    assert [detail for detail in told if detail.startswith("http.listen:")]
    assert [detail for detail in told if detail.startswith("carrier[0].window:")]


@pytest.mark.parametrize("code", [0, 1])
def test_serve_hands_over_the_settings_and_ends_as_the_daemon_does(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    served: list[Any] = []

    def serve(settings: Any, reactor: Any) -> int:
        served.append(settings.database.shown_url)
        return code

    monkeypatch.setattr(wiring, "run", serve)
    assert run("serve").exit_code == code
    assert served[0].endswith("ledger.db")


# ---------------------------------------------------------------- rehearsal


@pytest.fixture
def rehearsed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    from gateway.cli import rehearsal

    started: list[Any] = []
    monkeypatch.setattr(rehearsal, "_run", started.append)
    return started


def test_an_smsc_takes_what_the_command_line_says(rehearsed: list[Any]) -> None:
    result = run("rehearsal", "smsc", "--port", "0", "--account", "burgernet:ge:heim", "--latency", "10",
                 "--throttle", "1000", "--receipt-delay", "5", "--final", "UNDELIV", "--seed", "7")  # fmt: skip
    assert result.exit_code == 0, result.output
    [options] = rehearsed
    assert (options.port, options.accounts) == (0, (("burgernet", "ge:heim"),))
    assert (options.latency_ms, options.throttle_per_s, options.receipt_delay_ms) == (10.0, 1000.0, 5.0)
    assert (options.final, options.seed) == ("UNDELIV", 7)


def test_an_smsc_plays_the_carriers_of_settings_that_are_named(rehearsed: list[Any], folder: Path) -> None:
    (folder / "own.toml").write_text(
        '[[carrier]]\nname = "alpha"\nhost = "127.0.0.1"\nport = 12775\nsystem_id = "us"\npassword = "geheim"\n'
    )
    assert run("rehearsal", "smsc", "-c", "own.toml").exit_code == 0
    [options] = rehearsed
    assert (options.port, options.accounts) == (12775, (("us", "geheim"),))
    assert "geheim" not in repr(options)


def test_an_account_without_a_password_is_a_usage_error(rehearsed: list[Any]) -> None:
    result = run("rehearsal", "smsc", "--account", "burgernet")
    assert (result.exit_code, rehearsed) == (2, [])
