"""``burgernet check --send``: the command as a process, a simulated SMSC as the carrier."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor  # noqa: TID251 - the tests' own start
from twisted.internet.utils import getProcessOutputAndValue

from gateway.rehearsal.smsc import Smsc, parse_scenario

SETTINGS = """
[database]
state_dir = "{folder}"
[[carrier]]
name = "alpha"
host = "127.0.0.1"
port = {port}
system_id = "burgernet"
password = "geheim"
sender = "+31600000112"
message_id_form = "learn"
bind = "{bind}"
"""


async def send(folder: Path, port: int, number: str = "0612345678", bind: str = "transceiver") -> tuple[int, Any, str]:
    path = folder / "burgernet.toml"
    path.write_text(SETTINGS.format(folder=folder, port=port, bind=bind))
    command = ["-m", "gateway", "check", "-c", str(path), "--json", "--send", number]
    out, err, code = await getProcessOutputAndValue(sys.executable, command, os.environ, reactor=reactor)
    return code, json.loads(out) if out else None, err.decode()


@pytest.mark.parametrize("bind", ["transceiver", "transmitter+receiver"])
async def test_test_message_arrives_and_its_receipt_is_shown(tmp_path: Path, bind: str) -> None:
    smsc = Smsc(parse_scenario('[messages]\nid_form = "hex"\nreceipt_id_form = "decimal"\n'), reactor)
    try:
        code, lines, _ = await send(tmp_path, smsc.listen(), bind=bind)
        assert code == 0
        (line,) = lines
        assert line["ok"] is True
        assert "delivered" in line["detail"]
        (text,) = smsc.texts("31612345678")
        assert "testbericht" in text
    finally:
        await smsc.close()


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("[messages]\nrefuse = 0x0B\n", "ESME_RINVDSTADR"),
        ("[messages.final]\nUNDELIV = 1.0\n", "not delivered"),
        ("[links]\nrefuse_binds = 100\nrefuse_binds_status = 0x0E\n", "ESME_RINVPASWD"),
    ],
)
async def test_fault_is_shown_in_the_carriers_words_with_exit_1(tmp_path: Path, scenario: str, words: str) -> None:
    smsc = Smsc(parse_scenario(scenario), reactor)
    try:
        code, lines, _ = await send(tmp_path, smsc.listen())
        assert code == 1
        assert lines[0]["ok"] is False
        assert words in lines[0]["detail"]
    finally:
        await smsc.close()


async def test_number_that_is_never_texted_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    code, lines, error = await send(tmp_path, 9, number="0900-8844")
    assert (code, lines) == (2, None)
    assert "never texted" in error
