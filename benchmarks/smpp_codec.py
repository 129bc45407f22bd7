"""Microseconds a PDU: the fast path of ``gateway.smpp.hot``, with the general codec beside it.

``python benchmarks/smpp_codec.py [--json]``. The best of many short runs is shown, because other work on the machine
only ever makes it slower.
"""

from __future__ import annotations

import json
import sys
import timeit
from collections.abc import Callable
from datetime import UTC, datetime

from gateway.smpp import hot
from gateway.smpp.codec import Framer, decode, encode
from gateway.smpp.pdu import Address, Command, Message, MessageResp, Pdu, Tag
from gateway.smpp.receipt import parse_receipt

NOW = datetime(2026, 5, 4, 12, 30, 30, tzinfo=UTC)
BATCH = 100


def best_us(work: Callable[[], object], pdus: int) -> float:
    """The shortest time of one PDU, in microseconds."""
    runs = max(1, 2_000 // pdus)
    return min(timeit.repeat(work, number=runs, repeat=50)) / runs / pdus * 1e6


def measure() -> dict[str, float]:
    """Every figure by what it is of."""
    message = Message(Address("Burgernet", 5, 0), Address("", 1, 1), b"x" * 160, registered_delivery=1)
    template = hot.SubmitTemplate(message)
    numbers = [b"316%08d" % number for number in range(BATCH)]
    submit = encode(Pdu(Command.SUBMIT_SM, 0, 1, message))
    responses = b"".join(encode(Pdu(Command.SUBMIT_SM_RESP, 0, n, MessageResp(str(10**9 + n)))) for n in range(BATCH))
    text = b"id:1234567890 sub:001 dlvrd:001 submit date:2605041230 done date:2605041230 stat:DELIVRD err:000 text:"
    tlvs = {Tag.RECEIPTED_MESSAGE_ID: b"1234567890\0", Tag.MESSAGE_STATE: b"\x02"}
    said = Message(Address("31612345678", 1, 1), Address("Burgernet", 5, 0), text, esm_class=4)
    receipt = encode(Pdu(Command.DELIVER_SM, 0, 1, said, tlvs))
    return {
        "pack submit_sm, 100 in a row": best_us(lambda: template.pack_many(1, numbers), BATCH),
        "pack submit_sm, one": best_us(lambda: template.pack(1, numbers[0]), 1),
        "read submit_sm_resp, 100 in a row": best_us(lambda: hot.split_submit_responses(responses), BATCH),
        "read receipt": best_us(lambda: hot.read_receipt(receipt, NOW), 1),
        "pack deliver_sm_resp, 100 in a row": best_us(lambda: hot.pack_deliver_resps(range(BATCH)), BATCH),
        "frame": best_us(lambda: Framer().feed(responses), BATCH),
        "codec: encode submit_sm": best_us(lambda: encode(Pdu(Command.SUBMIT_SM, 0, 1, message)), 1),
        "codec: decode submit_sm": best_us(lambda: decode(submit), 1),
        "codec: decode and parse receipt": best_us(lambda: _parse(receipt), 1),
    }


def _parse(raw: bytes) -> object:
    read = decode(raw)
    assert isinstance(read.body, Message)
    return parse_receipt(read.body, read.tlvs, NOW)


def main() -> None:
    """Print the figures."""
    figures = measure()
    if "--json" in sys.argv:
        print(json.dumps({name: round(us, 3) for name, us in figures.items()}, indent=2))
        return
    for name, us in figures.items():
        print(f"{name:36} {us:7.2f} µs")


if __name__ == "__main__":
    main()
