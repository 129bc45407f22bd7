"""A sink SMSC in plain Python: accepts binds, answers submit_sm, sends receipts, counts. One thread, one selector."""

from __future__ import annotations

import argparse
import json
import selectors
import signal
import socket
import struct
import time
from typing import Any

_HEADER = struct.Struct(">IIII")
_SUBMIT, _DELIVER_RESP, _ENQUIRE, _UNBIND = 4, 0x80000005, 0x15, 6


class Connection:
    """One ESME."""

    def __init__(self, sock: socket.socket, sink: PlainSink) -> None:
        self.sock = sock
        self.sink = sink
        self.buffer = b""
        self.out = bytearray()

    def read(self) -> bool:
        """Take what came; ``False`` when it is over."""
        data = self.sock.recv(1 << 18)
        if not data:
            return False
        buffer, position, sink = self.buffer + data, 0, self.sink
        size = len(buffer)
        while size - position >= 16:
            length, command, _, sequence = _HEADER.unpack_from(buffer, position)
            if size - position < length:
                break
            if command == _SUBMIT:
                self.submit(sequence, buffer[position : position + length])
            elif command == _DELIVER_RESP:
                sink.receipts_acknowledged += 1
            elif command in (1, 2, 9):
                self.out += _HEADER.pack(21, command | 0x80000000, 0, sequence) + b"sink\0"
            elif command in (_ENQUIRE, _UNBIND):
                self.out += _HEADER.pack(16, command | 0x80000000, 0, sequence)
            position += length
        self.buffer = buffer[position:]
        return True

    def submit(self, sequence: int, raw: bytes) -> None:
        """Accept, and report it delivered where that is asked for."""
        sink = self.sink
        now = time.time()
        sink.first = sink.first or now
        sink.last = now
        sink.accepted += 1
        message_id = b"%d" % sink.accepted
        self.out += _HEADER.pack(17 + len(message_id), 0x80000004, 0, sequence) + message_id + b"\0"
        if sink.receipts:
            text = b"id:%b sub:001 dlvrd:001 submit date:2601010000 done date:2601010000 stat:DELIVRD err:000 text:"
            text %= message_id
            body = b"\0\1\1\0\1\1\0\4\0\0\0\0\0\0\0\0" + bytes([len(text)]) + text
            self.out += _HEADER.pack(16 + len(body), 5, 0, sink.accepted) + body


class PlainSink:
    """The listening side, and the counts."""

    def __init__(self, port: int, *, receipts: bool, expect: int) -> None:
        self.receipts, self.expect = receipts, expect
        self.accepted = self.receipts_acknowledged = 0
        self.first = self.last = 0.0
        self.running = True
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server(("127.0.0.1", port))
        self.selector.register(self.listener, selectors.EVENT_READ)

    def run(self) -> None:
        """Serve until told to stop, or until everything expected came."""
        while self.running:
            for key, _ in self.selector.select(0.2):
                if key.fileobj is self.listener:
                    sock, _ = self.listener.accept()
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.selector.register(sock, selectors.EVENT_READ, Connection(sock, self))
                else:
                    self.serve(key.data)
            if self.expect and self.accepted >= self.expect:
                self.running = self.receipts and self.receipts_acknowledged < self.expect

    def serve(self, connection: Connection) -> None:
        """One turn of one connection."""
        try:
            alive = connection.read()
            if connection.out:
                connection.sock.sendall(connection.out)
                connection.out.clear()
        except ConnectionError:
            alive = False
        if not alive:
            self.selector.unregister(connection.sock)
            connection.sock.close()

    def counts(self) -> dict[str, Any]:
        """As the sink in C prints them, as far as they go."""
        seconds = self.last - self.first
        return {
            "accepted": self.accepted,
            "first": self.first,
            "seconds": seconds,
            "rate": self.accepted / seconds if seconds else 0.0,
            "dlr_resp": self.receipts_acknowledged,
        }


def main() -> None:
    """Listen, count, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dlr", action="store_true")
    parser.add_argument("--expect", type=int, default=0)
    parser.add_argument("--dlr-window", type=int, default=0, help="taken for the other sink's sake; not limited here")
    options = parser.parse_args()
    sink = PlainSink(options.port, receipts=options.dlr, expect=options.expect)
    signal.signal(signal.SIGTERM, lambda *_: setattr(sink, "running", False))
    sink.run()
    print(json.dumps(sink.counts()), flush=True)


if __name__ == "__main__":
    main()
