"""The simulated SMSC: a carrier to test, show and rehearse with. docs/rehearsal.md tells what it can play.

``Smsc`` is the whole on sockets, ``run_smsc`` the command. Inside, bytes and time go in and bytes come out::

    link -> session -> centre -> traffic -> handsets       a submit, and what the citizen reads
    link <- session <- esme <- post <- traffic             its response, its receipts, a citizen's reply

``rules`` and ``registrar`` hold the scenario's knobs against each submit and each bind.
"""

from __future__ import annotations

from gateway.rehearsal.scenario import Scenario
from gateway.rehearsal.scenario_file import load_scenario, parse_scenario
from gateway.rehearsal.smsc.run import HELP, SmscOptions, run_smsc
from gateway.rehearsal.smsc.service import Smsc

__all__ = ["HELP", "Scenario", "Smsc", "SmscOptions", "load_scenario", "parse_scenario", "run_smsc"]
