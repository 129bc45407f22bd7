"""Settings: what stands where nothing is said, every fault with its path, and secrets that stay secret."""

from __future__ import annotations

import contextlib
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.action import Policy, Urgency
from gateway.domain.delivery import Lane
from gateway.settings import CarrierSettings, Settings, SettingsError, describe, load, source_address

EXAMPLE = Path(__file__).parents[2] / "config" / "burgernet.example.toml"

SHORTEST = """
[[carrier]]
name = "alpha"
host = "smsc.example.net"
port = 2775
system_id = "burgernet"
password = "geheim"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "burgernet.toml"
    path.write_text(text, encoding="utf-8")
    return path


def faults_of(folder: Path, text: str, environ: dict[str, str] | None = None) -> dict[str, str]:
    with pytest.raises(SettingsError) as refused:
        load(write(folder, text), environ or {})
    paths = [fault.path for fault in refused.value.faults]
    assert len(set(paths)) == len(paths)
    return {fault.path: fault.message for fault in refused.value.faults}


def carrier(folder: Path, lines: str, environ: dict[str, str] | None = None) -> CarrierSettings:
    return load(write(folder, SHORTEST + lines), environ or {}).carrier[0]


# ---------------------------------------------------------------- what stands where nothing is said


def test_without_a_file_everything_has_a_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load(None, {})
    assert settings.database.url.get_secret_value() == f"sqlite:///{tmp_path}/burgernet.db"
    assert settings.database.state_dir == tmp_path
    assert settings.key_path == tmp_path / "burgernet.key"
    assert str(settings.http.listen) == "127.0.0.1:8080"
    assert settings.cli_url == "http://127.0.0.1:8080"
    assert settings.carrier == ()
    assert settings.trunk == ()


def test_shortest_useful_file_names_one_carrier(tmp_path: Path) -> None:
    alpha = carrier(tmp_path, "")
    assert (alpha.name, alpha.host, alpha.port, alpha.system_id) == ("alpha", "smsc.example.net", 2775, "burgernet")
    assert alpha.password.get_secret_value() == "geheim"
    assert (alpha.bind, alpha.binds, alpha.window, alpha.rate_per_s) == ("transceiver", 1, 10, None)
    assert alpha.registered_delivery_octet == 1
    assert alpha.source_for(31, "burgernet") == (0, 0, "")


def test_example_file_is_right_as_it_stands() -> None:
    settings = load(EXAMPLE, {"ALPHA_PASSWORD": "geheim"})
    assert [one.name for one in settings.carrier] == ["alpha"]
    assert settings.carrier[0].password.get_secret_value() == "geheim"


def test_example_file_is_right_with_what_it_shows_as_well(tmp_path: Path) -> None:
    shown = re.sub(r"(?m)^#(?=\S)", "", EXAMPLE.read_text(encoding="utf-8"))
    once = shown.replace('url = "sqlite:///burgernet.db"\n', "")
    environ = {
        "ALPHA_PASSWORD": "geheim",
        "BETA_PASSWORD": "geheim",
        "AMI_SECRET": "geheim",
        "TELCO_PASSWORD": "geheim",
    }
    settings = load(write(tmp_path, once), environ)
    assert settings.rooms == ("Midden-Nederland",)
    assert settings.carrier[0].price_eur(32) == 0.09
    assert settings.carrier[0].error_table == {0x45: "number"}
    assert settings.trunk[0].password.get_secret_value() == "geheim"


def test_policy_of_the_settings_is_the_policy_of_the_domain_unless_told_otherwise(tmp_path: Path) -> None:
    assert load(write(tmp_path, ""), {}).to_policy() == Policy()


def test_policy_goes_to_the_domain_in_its_own_units(tmp_path: Path) -> None:
    policy = load(
        write(
            tmp_path,
            """
            [policy]
            life_minutes = 45
            max_life_hours = 2
            max_parts = 3
            max_radius_km = 12.5
            retry_delays_s = [5]
            resend_uncertain = true
            [policy.lanes]
            routine = ["sms"]
            [[control_room]]
            name = "Oost"
            """,
        ),
        {},
    ).to_policy()
    assert policy.life == timedelta(minutes=45)
    assert policy.max_life == timedelta(hours=2)
    assert policy.max_parts == 3
    assert policy.max_radius_m == 12_500
    assert policy.retry_delays == (timedelta(seconds=5),)
    assert policy.resend_uncertain
    assert policy.rooms == ("Oost",)
    assert policy.lanes == {
        Urgency.ROUTINE: {Lane.SMS},
        Urgency.IMMEDIATE: {Lane.SMS, Lane.VOICE},
        Urgency.LIFE_SAFETY: {Lane.SMS, Lane.VOICE},
    }


# ---------------------------------------------------------------- faults


def test_every_fault_is_reported_at_once_with_its_path(tmp_path: Path) -> None:
    found = faults_of(
        tmp_path,
        """
        [http]
        listen = "0.0.0.0:80"
        [[carrier]]
        name = "alpha"
        host = "h"
        system_id = "s"
        password = "geheim"
        window = 0
        reconnect_min_s = 90
        [[carrier]]
        name = "Alpha"
        host = "not a host"
        system_id = "s"
        bind = "both"
        pasword = "geheim"
        [policy]
        life_minutes = "long"
        """,
    )
    # Some are between keys of one section, one is between two elements; a fault inside hides none of them.
    assert found == {
        "http.listen": "0.0.0.0:80 is open to other machines without TLS: give tls_cert_file and tls_key_file,"
        " or behind_proxy = true where a proxy adds TLS, or listen on 127.0.0.1",
        "carrier[0].window": "must be at least 1",
        "carrier[0].reconnect_max_s": "must not be less than reconnect_min_s",
        "carrier[1].host": "must be a host name or an IP address",
        "carrier[1].bind": "must be 'transceiver' or 'transmitter+receiver'",
        "carrier[1].pasword": "is not known; did you mean password?",
        "policy.life_minutes": "must be a whole number",
    }


@pytest.mark.parametrize(
    ("lines", "path", "message"),
    [
        ("name = 5", "carrier[0].name", "must be text, in quotes"),
        ('name = "a\\nb"', "carrier[0].name", "must be a name"),
        ('name = ""', "carrier[0].name", "must be a name"),
        ('host = "h:2775"', "carrier[0].host", "host name"),
        ('host = "10.0.0.256"', "carrier[0].host", "host name"),
        ("port = 65536", "carrier[0].port", "must be at most 65535"),
        ("port = true", "carrier[0].port", "must be a number"),
        ('system_id = "sixteen letters."', "carrier[0].system_id", "must have at most 15 characters"),
        ('system_id = ""', "carrier[0].system_id", "must have at least 1 characters"),
        ('system_id = "bür"', "carrier[0].system_id", "must be printable ASCII"),
        ('password = "nineletters"', "carrier[0].password", "has 11 characters; a bind holds at most 8"),
        ('password = "gehéim"', "carrier[0].password", "must be ASCII"),
        ("password = 12345678", "carrier[0].password", "must be text, in quotes"),
        ("window = 10001", "carrier[0].window", "must be at most 10000"),
        ("window = 1.5", "carrier[0].window", "must be a whole number"),
        ("rate_per_s = 0", "carrier[0].rate_per_s", "must be more than 0"),
        ("rate_per_s = nan", "carrier[0].rate_per_s", "must be a finite number"),
        ('sender = "0612345678"', "carrier[0].sender", "international number with its +"),
        ('sender = "TwelveLetter"', "carrier[0].sender", "at most 11 letters"),
        ('sender = "Café"', "carrier[0].sender", "at most 11 letters"),
        ("source_ton = 7", "carrier[0].source_ton", "must be at most 6"),
        ("registered_delivery = 3", "carrier[0].registered_delivery", "0 (none)"),
        ('registered_delivery = "yes"', "carrier[0].registered_delivery", "0 (none)"),
        ('message_id_form = "hex"', "carrier[0].message_id_form", "must be 'as_is'"),
        ('prefixes = "+31"', "carrier[0].prefixes", "must be a list"),
        ('prefixes = ["+31", "0031"]', "carrier[0].prefixes[1]", "without leading zeros"),
        ('error_table = {"58" = "number"}', "carrier[0].error_table", "hexadecimal, like 0x58"),
        ("costs_eur = {nl = 0.1}", "carrier[0].costs_eur", "calling code"),
        ("senders = {DE = 'x'}", "carrier[0].senders", "calling code, like +32, or a domain"),
        ('tls_ca_file = "ca.pem"', "carrier[0].tls_ca_file", "means nothing without tls"),
        ('tls = true\ntls_cert_file = "c.pem"', "carrier[0].tls_key_file", "go together"),
        ('tls = true\ntls_ca_file = ""', "carrier[0].tls_ca_file", "is empty"),
        ("slow_response_s = 61", "carrier[0].slow_response_s", "response_timeout_s"),
        ("inactivity_s = 20", "carrier[0].inactivity_s", "enquire_link_s"),
        ("bind_timeout_s = -1", "carrier[0].bind_timeout_s", "must be more than 0"),
    ],
)
def test_fault_of_a_carrier_is_named_with_its_path_and_what_would_be_right(
    tmp_path: Path, lines: str, path: str, message: str
) -> None:
    said = {line.split(" =")[0] for line in lines.splitlines()}
    kept = "\n".join(line for line in SHORTEST.splitlines() if line.split(" =")[0] not in said)
    found = faults_of(tmp_path, f"{kept}\n{lines}\n")
    assert list(found) == [path]
    assert message in found[path]


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("carriers = 5", "carriers", "did you mean carrier?"),
        ("[[carrier]]", "carrier[0].host", "is required"),
        ("carrier = 5", "carrier", "must be a list"),
        ("carrier = [5]", "carrier[0]", "must be a table"),
        ("http = 5", "http", "must be a table"),
        ("[http]\nlisten = 8080", "http.listen", "like 127.0.0.1:8080"),
        ('[http]\nlisten = "127.0.0.1"', "http.listen", "like 127.0.0.1:8080"),
        ('[http]\nlisten = "127.0.0.1:99999"', "http.listen", "like 127.0.0.1:8080"),
        ('[http]\nlisten = "[::]:8080"', "http.listen", "without TLS"),
        ('[http]\ntls_cert_file = "c.pem"', "http.tls_key_file", "go together"),
        ('[database]\nurl = "mysql://h/d"', "database.url", "sqlite:///FILE or postgresql"),
        ('[database]\nurl = "sqlite:///:memory:"', "database.url", "must be a file"),
        ('[database]\nurl = "sqlite:///"', "database.url", "sqlite:///FILE or postgresql"),
        ("[policy]\nlife_minutes = 1440\nmax_life_hours = 1", "policy.life_minutes", "max_life_hours"),
        ("[policy.lanes]\nroutine = []", "policy.lanes.routine", "too few"),
        ('[policy.lanes]\nroutine = ["fax"]', "policy.lanes.routine[0]", "must be 'sms' or 'voice'"),
        ('[policy.lanes]\nrutine = ["sms"]', "policy.lanes.rutine", "did you mean routine?"),
        ("[polcy]\nlife_minutes = 5", "polcy", "did you mean policy?"),
        ('[asterisk]\nami_host = "10.0.0.1"', "asterisk.ami_tls", "must be true"),
        ('[asterisk]\nagi_listen = "10.0.0.1:4573"', "asterisk.agi_allow", "is required"),
        ('[asterisk]\nrtp_ports = "20000-10000"', "asterisk.rtp_ports", "the lower first"),
        ('[asterisk]\nami_user = "a\\r\\nAction: x"', "asterisk.ami_user", "must be at most 40 letters"),
        ('[[trunk]]\nname = "t"', "trunk[0].host", "is required"),
        ('[[trunk]]\nname = "t"\nhost = "h"\nchannels = 5', "trunk[0].reserve_inbound", "less than channels"),
        ('[[trunk]]\nname = "t"\nhost = "h"\nregistration = true', "trunk[0].username", "is required"),
        ('[[trunk]]\nname = "t"\nhost = "h"\nsrtp = true', "trunk[0].srtp", "tls"),
        ('[[number]]\nnumber = "0800-0011"\ncontrol_room = "x"', "number[0].control_room", "there is no control room"),
        ('[[number]]\nnumber = "112"', "number[0].number", "must be a telephone number"),
        ('[[control_room]]\nname = "a"\noverflow = "a"', "control_room[0].overflow", "must be another room"),
        ('[[control_room]]\nname = "a"\noperators = ["Local/x"]', "control_room[0].operators[0]", "PJSIP/desk1"),
        ('[speech]\nengines = ["gtts"]', "speech.engines", "must hold espeak-ng"),
        ('[speech]\nengines = ["espeak-ng", "piper"]', "speech.piper_voices", "is required"),
        ('[cli]\nurl = "ftp://x"', "cli.url", "http:// or https://"),
        ('[log]\nlevel = "verbose"', "log.level", "must be 'debug'"),
        ('[[smpp_listener.peer]]\nsystem_id = "p"', "smpp_listener.peer[0].password", "is required"),
        (
            '[[smpp_listener.peer]]\nsystem_id = "p"\npassword = "x"\ncarrier = "zeta"',
            "smpp_listener.peer[0].carrier",
            "there is no carrier 'zeta'; known: none is configured",
        ),
        (
            '[smpp_listener]\nlisten = "0.0.0.0:2775"\n[[smpp_listener.peer]]\nsystem_id = "p"\npassword = "x"',
            "smpp_listener.peer[0].allow",
            "is required",
        ),
    ],
)
def test_fault_is_named_with_its_path_and_what_would_be_right(
    tmp_path: Path, text: str, path: str, message: str
) -> None:
    assert message in faults_of(tmp_path, text)[path]


def test_same_name_is_refused_whatever_its_case(tmp_path: Path) -> None:
    found = faults_of(tmp_path, SHORTEST + SHORTEST.replace("alpha", "ALPHA"))
    assert found == {"carrier[1].name": "'ALPHA' is taken by carrier[0].name"}


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("[http]\nlisten = 127.0.0.1:8080\n", ":2:15", "is no TOML"),
        ("[http\n", ":1:6", "is no TOML"),
        ("a = 1\na = 2\n", ":2:6", "is no TOML"),
        ('[http]\nlisten = "127', ":2:14", "is no TOML: Unterminated string"),
    ],
)
def test_what_is_no_toml_is_named_with_line_and_column(tmp_path: Path, text: str, place: str, message: str) -> None:
    found = faults_of(tmp_path, text)
    (path,) = found
    assert path == f"{tmp_path / 'burgernet.toml'}{place}"
    assert message in found[path]


def test_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml: cannot be read: No such file"):
        load(tmp_path / "none.toml", {})


def test_file_that_is_no_text_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b"a = '\xff'")
    with pytest.raises(SettingsError, match="is not UTF-8 text"):
        load(path, {})


@pytest.mark.parametrize(
    ("listen", "extra"),
    [
        ("127.0.0.1:0", ""),
        ("127.9.9.9:8080", ""),
        ("localhost:8080", ""),
        ("[::1]:8080", ""),
        ("0.0.0.0:8080", "behind_proxy = true"),
        ("192.0.2.1:8443", 'tls_cert_file = "c.pem"\ntls_key_file = "k.pem"'),
    ],
)
def test_listening_on_this_machine_or_with_protection_is_right(tmp_path: Path, listen: str, extra: str) -> None:
    settings = load(write(tmp_path, f'[http]\nlisten = "{listen}"\n{extra}'), {})
    assert str(settings.http.listen) == listen


# ---------------------------------------------------------------- the environment


def test_variable_goes_before_the_file(tmp_path: Path) -> None:
    settings = load(
        write(tmp_path, SHORTEST),
        {
            "BURGERNET_DATABASE__URL": "postgresql+psycopg://u:p@h/d",
            "BURGERNET_CARRIER__0__PASSWORD": "12345678",
            "BURGERNET_CARRIER__0__WINDOW": "50",
            "BURGERNET_CARRIER__0__RATE_PER_S": "12.5",
            "BURGERNET_CARRIER__0__TLS": "true",
            "BURGERNET_CARRIER__0__PREFIXES": "+31, 32",
            "BURGERNET_CARRIER__0__COSTS_EUR": '{"+49" = 0.11}',
            "BURGERNET_POLICY__LANES__ROUTINE": '["voice"]',
            "BURGERNET_POLICY__RETRY_DELAYS_S": "[1, 2]",
        },
    )
    alpha = settings.carrier[0]
    assert settings.database.url.get_secret_value() == "postgresql+psycopg://u:p@h/d"
    assert alpha.password.get_secret_value() == "12345678"
    assert (alpha.window, alpha.rate_per_s, alpha.tls, alpha.prefixes) == (50, 12.5, True, ("31", "32"))
    assert alpha.price_eur(49) == 0.11
    assert settings.policy.lanes.routine == ("voice",)
    assert settings.policy.retry_delays_s == (1, 2)


def test_variables_alone_make_a_carrier() -> None:
    settings = load(
        None,
        {
            "BURGERNET_CARRIER__0__NAME": "alpha",
            "BURGERNET_CARRIER__0__HOST": "h",
            "BURGERNET_CARRIER__0__SYSTEM_ID": "s",
            "BURGERNET_SMPP_LISTENER__PEER__0__SYSTEM_ID": "p",
            "BURGERNET_SMPP_LISTENER__PEER__0__PASSWORD": "x",
        },
    )
    assert settings.carrier[0].host == "h"
    assert settings.smpp_listener.peer[0].system_id == "p"


def test_variables_without_two_underscores_are_no_settings() -> None:
    assert load(None, {"BURGERNET_KEY": "bn_x_y", "BURGERNET_CONFIG": "x", "PATH": "/bin"}).carrier == ()


@pytest.mark.parametrize(
    ("variable", "value", "path", "message"),
    [
        ("BURGERNET_CARRIER__0__WINDOW", "many", "carrier[0].window", "(from BURGERNET_CARRIER__0__WINDOW)"),
        ("BURGERNET_CARRIER__0__WINDOUW", "5", "carrier[0].windouw", "did you mean window?"),
        ("BURGERNET_CARIER__0__WINDOW", "5", "carier", "did you mean carrier?"),
        ("BURGERNET_CARRIER__2__WINDOW", "5", "BURGERNET_CARRIER__2__WINDOW", "the next is 1"),
        ("BURGERNET_CARRIER__WINDOW", "5", "BURGERNET_CARRIER__WINDOW", "numbered from 0"),
        ("BURGERNET_LOG__LEVEL__X", "5", "log.level", "must be 'debug'"),
        ("BURGERNET_CARRIER__0__NAME__X", "5", "BURGERNET_CARRIER__0__NAME__X", "carrier[0].name is no table"),
        ("BURGERNET_CARRIER__0__TLS", "yes please", "carrier[0].tls", "must be true or false"),
    ],
)
def test_faulty_variable_is_named(tmp_path: Path, variable: str, value: str, path: str, message: str) -> None:
    found = faults_of(tmp_path, SHORTEST, {variable: value})
    assert list(found) == [path]
    assert message in found[path]


# What is refused is refused with faults; nothing else is raised.
@given(
    st.dictionaries(
        st.lists(st.sampled_from(["CARRIER", "HTTP", "LISTEN", "0", "1", "", "POLICY", "LANES", "X"]), min_size=2).map(
            lambda keys: "BURGERNET_" + "__".join(keys)
        ),
        st.text(alphabet="[]{}\"'=,\n1a ", max_size=8),
        max_size=4,
    )
)
def test_no_environment_makes_it_stumble(environ: dict[str, str]) -> None:
    with contextlib.suppress(SettingsError):
        load(None, environ)


# ---------------------------------------------------------------- secrets and paths


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    text = (
        SHORTEST + '[database]\nurl = "postgresql+psycopg://burgernet:geheim@h/d"\n[asterisk]\nami_secret = "geheim"\n'
    )
    settings = load(write(tmp_path, text), {})
    for shown in (repr(settings), str(settings), settings.model_dump_json(), f"{settings.carrier[0].password}"):
        assert "geheim" not in shown
        assert "***" in shown
    assert json.loads(settings.model_dump_json())["carrier"][0]["password"] == "***"
    assert settings.database.shown_url == "postgresql+psycopg://burgernet:***@h/d"


@pytest.mark.parametrize(
    "text",
    [
        SHORTEST.replace('"geheim"', '"supergeheimzinnig"'),
        SHORTEST.replace('"geheim"', '["geheim"]'),
        SHORTEST + '[database]\nurl = "mysql://u:geheim@h/d"\n',
        SHORTEST + '[database]\nurl = "postgres://u:geheim@h/d"\n',
    ],
)
def test_faults_do_not_tell_secrets(tmp_path: Path, text: str) -> None:
    assert "geheim" not in str(faults_of(tmp_path, text))


def test_password_of_a_file_is_read_without_its_line_break(tmp_path: Path) -> None:
    (tmp_path / "alpha.password").write_bytes(b" geheim\r\n")
    text = SHORTEST.replace('password = "geheim"', 'password_file = "alpha.password"')
    alpha = load(write(tmp_path, text), {}).carrier[0]
    assert alpha.password.get_secret_value() == " geheim"
    assert alpha.password_file == tmp_path / "alpha.password"


def test_password_of_the_environment_is_taken(tmp_path: Path) -> None:
    text = SHORTEST.replace('password = "geheim"', 'password_env = "ALPHA"') + '[asterisk]\nami_secret_env = "AMI"\n'
    settings = load(write(tmp_path, text), {"ALPHA": "geheim", "AMI": "heimelijk"})
    assert settings.carrier[0].password.get_secret_value() == "geheim"
    assert settings.asterisk.ami_secret.get_secret_value() == "heimelijk"


@pytest.mark.parametrize(
    ("line", "path", "message"),
    [
        ('password_file = "none"', "carrier[0].password_file", "cannot be read: No such file or directory"),
        ('password_file = "."', "carrier[0].password_file", "cannot be read: Is a directory"),
        ('password_file = "binary"', "carrier[0].password_file", "is not UTF-8 text"),
        ('password_file = "large"', "carrier[0].password_file", "is larger than 4096 bytes"),
        ("password_file = 5", "carrier[0].password_file", "must be"),
        ('password_env = "NONE"', "carrier[0].password_env", "there is no environment variable NONE"),
        ('password_env = "A"\npassword = "b"', "carrier[0].password_env", "give only one of password, password_env"),
        ('password_env = "A"\npassword_file = "right"', "carrier[0].password_env", "give only one of password_file"),
    ],
)
def test_password_that_cannot_be_had_is_a_fault(tmp_path: Path, line: str, path: str, message: str) -> None:
    (tmp_path / "binary").write_bytes(b"\xff")
    (tmp_path / "large").write_bytes(b"x" * 5000)
    (tmp_path / "right").write_bytes(b"geheim")
    found = faults_of(tmp_path, SHORTEST.replace('password = "geheim"', line), {"A": "a"})
    assert list(found) == [path]
    assert message in found[path]


def test_relative_paths_count_from_the_folder_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    write(folder, '[database]\nurl = "sqlite:///data/ledger.db"\n[asterisk]\nsounds = "sounds"\n')
    settings = load(Path("etc/burgernet.toml"), {})
    assert settings.database.url.get_secret_value() == f"sqlite:///{folder}/data/ledger.db"
    assert settings.database.state_dir == folder / "data"
    assert settings.key_path == folder / "data" / "burgernet.key"
    assert settings.sounds_path == folder / "sounds"


def test_state_folder_of_postgresql_is_that_of_the_file_unless_given(tmp_path: Path) -> None:
    url = '[database]\nurl = "postgresql+psycopg://h/d"\n'
    assert load(write(tmp_path, url), {}).database.state_dir == tmp_path
    settings = load(write(tmp_path, url + 'state_dir = "/var/lib/burgernet"\n[privacy]\nkey_file = "/k"'), {})
    assert settings.database.state_dir == Path("/var/lib/burgernet")
    assert settings.key_path == Path("/k")


def test_settings_cannot_be_changed_afterwards(tmp_path: Path) -> None:
    settings = load(write(tmp_path, SHORTEST), {})
    with pytest.raises(ValueError, match="frozen"):
        settings.carrier[0].window = 5  # type: ignore[misc]


# ---------------------------------------------------------------- a carrier's profile


@pytest.mark.parametrize(
    ("sender", "address"),
    [
        ("", (0, 0, "")),
        ("+31612345678", (1, 1, "31612345678")),
        ("Burgernet", (5, 0, "Burgernet")),
        ("AMBER Alert", (5, 0, "AMBER Alert")),
        ("2525", (3, 0, "2525")),
    ],
)
def test_sender_tells_its_type_and_plan(sender: str, address: tuple[int, int, str]) -> None:
    assert source_address(sender) == address


def test_sender_may_differ_by_domain_and_country_and_type_by_profile(tmp_path: Path) -> None:
    alpha = carrier(
        tmp_path,
        'sender = "+31970123456"\nsource_npi = 0\nsenders = { "+32" = "3232", "amber_alert" = "AMBER Alert" }\n',
    )
    assert alpha.source_for(31, "burgernet") == (1, 0, "31970123456")
    assert alpha.source_for(32, "burgernet") == (3, 0, "3232")
    assert alpha.source_for(32, "amber_alert") == (5, 0, "AMBER Alert")


@pytest.mark.parametrize(
    ("lines", "octet"),
    [
        ("registered_delivery = true", 0x01),
        ("registered_delivery = 1", 0x01),
        ("registered_delivery = 2", 0x02),
        ("registered_delivery = false", 0x00),
        ("registered_delivery = true\nintermediate_receipts = true", 0x11),
    ],
)
def test_receipts_wanted_become_the_octet(tmp_path: Path, lines: str, octet: int) -> None:
    assert carrier(tmp_path, lines).registered_delivery_octet == octet


def test_prices_and_classes_of_errors_are_looked_up_by_number(tmp_path: Path) -> None:
    alpha = carrier(
        tmp_path, 'cost_eur = 0.06\n[carrier.costs_eur]\n"+49" = 0.11\n[carrier.error_table]\n0x45 = "number"'
    )
    assert (alpha.price_eur(31), alpha.price_eur(49)) == (0.06, 0.11)
    assert alpha.error_table == {0x45: "number"}


def test_own_number_is_kept_as_it_is_dialled(tmp_path: Path) -> None:
    settings = load(write(tmp_path, '[[number]]\nnumber = "0800-0011"\n[[number]]\nnumber = "+31 (343) 529850"\n'), {})
    assert [one.number for one in settings.number] == ["08000011", "+31343529850"]


# ---------------------------------------------------------------- the list of keys


def test_every_key_is_described_with_type_and_meaning() -> None:
    keys = {key.path: key for key in describe()}
    assert len(keys) == len(describe())
    for key in keys.values():
        assert key.type
        assert key.meaning.endswith((".", "}.")), key.path
        assert re.fullmatch(r"BURGERNET(_[A-Z0-9]+|__[A-Z0-9]+)+", key.variable)
    assert keys["carrier[].window"].type == "integer from 1 to 10000"
    assert keys["carrier[].window"].default == "10"
    assert keys["carrier[].host"].default == "required"
    assert keys["database.url"].default == '"sqlite:///burgernet.db"'
    assert keys["http.listen"].default == '"127.0.0.1:8080"'
    assert keys["smpp_listener.peer[].password"].variable == "BURGERNET_SMPP_LISTENER__PEER__0__PASSWORD"
    assert keys["policy.lanes.routine"].type == 'list of "sms" | "voice"'


CONTRACT = {
    "database": "url",
    "http": "listen",
    "carrier[]": "name host port system_id password password_file bind binds window rate_per_s sender"
    " registered_delivery prefixes tls",
    "smpp_listener": "listen",
    "smpp_listener.peer[]": "system_id password",
    "asterisk": "ami_host ami_port ami_user ami_secret agi_listen sip_listen rtp_ports sounds",
    "trunk[]": "name host port username password channels calls_per_s reserve_inbound caller_id prefixes",
    "number[]": "number control_room",
    "control_room[]": "name operators overflow",
    "speech": "engines voices",
    "policy": "confirm_above",
    "privacy": "key_file",
}


def test_contract_of_the_design_is_kept() -> None:
    promised = {f"{section}.{key}" for section, keys in CONTRACT.items() for key in keys.split()}
    assert promised <= {key.path for key in describe()}


def test_settings_made_in_code_are_checked_like_a_file() -> None:
    with pytest.raises(ValueError, match="is taken by"):
        Settings(
            carrier=(
                CarrierSettings(name="a", host="h", system_id="s"),
                CarrierSettings(name="a", host="h", system_id="s"),
            )
        )
