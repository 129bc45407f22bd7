"""Bad input by the hundred thousand, for every decoder: ``./scripts/test --fuzz [N]``, and a slice of it in the tests.

Inputs are valid ones, broken: bits turned, bytes cut out, doubled, overwritten with lengths and NULs, pieces of two put
together; and plain noise. A decoder may refuse with the error that it documents; anything else is a fault, and so is an
input that takes longer than a second and memory that grows. The seed is printed and gives the same inputs again.
"""

from __future__ import annotations

import argparse
import gc
import io
import random
import sys
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from gateway.domain.enrolment import COLUMNS
from gateway.domain.errors import BurgernetError
from gateway.smpp import codec, hot, listening, session
from gateway.smpp.errors import RemoteProtocolError
from gateway.smpp.pdu import Address, Bind, BindResp, Command, Message, MessageResp, Pdu, Tag
from gateway.smpp.receipt import parse_receipt
from gateway.smpp.text import Encoding, decode_message
from gateway.storage.participant_file import read_rows
from ivr.agi import AgiSession
from ivr.ami.session import AmiProfile, AmiSession
from ivr.errors import AgiRemoteProtocolError, AmiRemoteProtocolError

NOW = datetime(2026, 5, 4, 10, 30, tzinfo=UTC)
SLOWEST_S = 1.0
GROWTH_BYTES = 4_000_000
RECEIPT = (
    b"id:0123456789 sub:001 dlvrd:001 submit date:2605041030 done date:2605041031 stat:DELIVRD err:000 text:Vermist"
)

Target = Callable[[bytes], object]


def _pdus() -> list[bytes]:
    long = bytes([5, 0, 3, 7, 2, 1]) + b"Vermist: jongen"
    return [
        codec.encode(pdu)
        for pdu in (
            Pdu(Command.BIND_TRANSCEIVER, 0, 1, Bind("burgernet", "geheim", "")),
            Pdu(Command.BIND_TRANSCEIVER_RESP, 0, 1, BindResp("smsc"), {Tag.SC_INTERFACE_VERSION: b"\x34"}),
            Pdu(Command.SUBMIT_SM, 0, 2, Message(Address("112", 3, 0), Address("31612345678", 1, 1), b"hoi")),
            Pdu(Command.SUBMIT_SM_RESP, 0, 2, MessageResp("0123456789")),
            Pdu(Command.DELIVER_SM, 0, 3, Message(short_message=RECEIPT, esm_class=4)),
            Pdu(
                Command.DELIVER_SM,
                0,
                4,
                Message(short_message=RECEIPT, esm_class=4),
                {Tag.RECEIPTED_MESSAGE_ID: b"0123456789\0", Tag.MESSAGE_STATE: b"\x02"},
            ),
            Pdu(Command.DELIVER_SM, 0, 5, Message(short_message=long, esm_class=0x40, data_coding=8)),
            Pdu(Command.DELIVER_SM, 0, 6, Message(), {Tag.MESSAGE_PAYLOAD: b"Ik zie hem"}),
            Pdu(Command.ENQUIRE_LINK, 0, 7),
            Pdu(Command.UNBIND, 0, 8),
            Pdu(Command.GENERIC_NACK, 3, 9),
        )
    ]


_ROW = ",".join({"ref": "p1", "mobile": "0612345678", "lat": "52.3", "lon": "5.04"}.get(name, "") for name in COLUMNS)
SEEDS: Mapping[str, Sequence[bytes]] = {
    "pdu": _pdus(),
    "ami": [
        b"Asterisk Call Manager/9.0.0\r\nResponse: Success\r\nActionID: 1\r\nMessage: Authentication accepted\r\n\r\n",
        b"Asterisk Call Manager/9.0.0\r\nEvent: Hangup\r\nUniqueid: b-1\r\nCause: 17\r\nChanVariable: A=b\r\n\r\n",
    ],
    "agi": [
        b"agi_network: yes\nagi_uniqueid: b-1\nagi_callerid: 0612345678\n\n200 result=0 endpos=8000\n",
        b"agi_network: yes\n\n520-Invalid command syntax.\n520 End of proper usage.\nHANGUP\n511 result=-1\n",
    ],
    "csv": [f"{','.join(COLUMNS)}\r\n{_ROW}\n{_ROW}\n".encode()],
}


def _decode(raw: bytes) -> None:
    pdu = codec.decode(raw)
    if isinstance(pdu.body, Message):
        parse_receipt(pdu.body, pdu.tlvs, NOW, UTC)
        decode_message(pdu.body, pdu.tlvs, Encoding.GSM7)


def _esme(raw: bytes) -> None:
    one: session.Session[int] = session.Session(session.Profile(Bind("burgernet", "geheim", "")))
    one.bind(0.0)
    one.receive_data(SEEDS["pdu"][1], 0.0)
    for event in one.receive_data(raw, 1.0):
        if isinstance(event, session.Delivered):
            one.acknowledge(event.messages)
    one.handle_timer(100.0)
    one.data_to_send()


def _listening(raw: bytes) -> None:
    one = listening.ListeningSession(listening.Limits(), 0.0)
    for event in one.receive_data(SEEDS["pdu"][0] + raw, 1.0):
        if isinstance(event, listening.BindAsked):
            one.accept("burgernet")
    one.handle_timer(1000.0)
    one.data_to_send()


def _ami(raw: bytes) -> None:
    one = AmiSession(AmiProfile("burgernet", "geheim"), 0.0)
    one.receive_data(raw, 1.0)
    one.handle_timer(100.0)


def _agi(raw: bytes) -> None:
    AgiSession().receive_data(raw)


TARGETS: Mapping[str, tuple[str, Target]] = {
    "framer": ("pdu", lambda raw: codec.Framer().feed(raw)),
    "codec": ("pdu", _decode),
    "responses": ("pdu", hot.split_submit_responses),
    "receipt": ("pdu", lambda raw: hot.read_receipt(raw, NOW)),
    "session": ("pdu", _esme),
    "listener": ("pdu", _listening),
    "ami": ("ami", _ami),
    "agi": ("agi", _agi),
    "participants": ("csv", lambda raw: list(read_rows(io.BytesIO(raw), lambda done: None))),
}
EXPECTED = (RemoteProtocolError, AmiRemoteProtocolError, AgiRemoteProtocolError, BurgernetError)


def broken(dice: random.Random, seeds: Sequence[bytes]) -> bytes:
    """One bad input."""
    if dice.random() < 0.1:
        return dice.randbytes(dice.randrange(200))
    data = bytearray(dice.choice(seeds))
    for _ in range(dice.choice((1, 1, 2, 3, 8))):
        at = dice.randrange(len(data) + 1)
        match dice.randrange(7):
            case 0 if data:
                data[at % len(data)] ^= 1 << dice.randrange(8)
            case 1:
                del data[at : at + dice.randrange(1, 20)]
            case 2:
                data[at:at] = data[: dice.randrange(40)]
            case 3:
                data[at : at + 4] = dice.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\x10", b"\x7f\xff\xff\xff"))
            case 4:
                data[at:at] = dice.randbytes(dice.randrange(16))
            case 5:
                data += dice.choice(seeds)
            case _:
                data[at : at + 1] = dice.choice((b"\0", b"\n", b"\r\n", b"\xff", b":", b","))
    return bytes(data)


def run(count: int, seed: int) -> None:
    """Feed so many inputs, in turn to every decoder.

    Raises:
        AssertionError: a decoder failed in another way than it says, took too long, or memory grew.
    """
    dice = random.Random(seed)
    targets = list(TARGETS.items())
    gc.collect()
    tracemalloc.start()
    before = 0
    for nth in range(count):
        name, (kind, target) = targets[nth % len(targets)]
        raw = broken(dice, SEEDS[kind])
        began = time.perf_counter()
        try:
            target(raw)
        except EXPECTED:
            pass
        except Exception as error:
            raise AssertionError(f"{name}, input {nth} of seed {seed}: {error!r} from {raw!r}") from error
        took = time.perf_counter() - began
        assert took < SLOWEST_S, f"{name}, input {nth} of seed {seed}: {took:.1f} s for {raw!r}"
        if nth == count // 10:
            gc.collect()
            before = tracemalloc.get_traced_memory()[0]
    gc.collect()
    growth = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert growth < GROWTH_BYTES, f"memory grew by {growth} bytes over {count} inputs"


def main() -> int:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options = parser.parse_args()
    sys.stdout.write(f"fuzz: {options.count} inputs, seed {options.seed}\n")
    sys.stdout.flush()
    began = time.perf_counter()
    run(options.count, options.seed)
    sys.stdout.write(f"fuzz: no crash, no hang, no growth; {time.perf_counter() - began:.0f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
