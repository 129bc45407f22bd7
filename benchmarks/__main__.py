"""``python -m benchmarks NAME [OPTIONS]``."""

from __future__ import annotations

import importlib
import sys

NAMES = {
    "sms": "benchmarks.sms",
    "voice": "benchmarks.voice",
    "targeting": "benchmarks.targeting",
    "import": "benchmarks.import_",
}


def main() -> int:
    """Run the benchmark that is named first; the rest is its own."""
    if len(sys.argv) < 2 or sys.argv[1] not in NAMES:
        print(f"usage: ./scripts/bench {{{','.join(NAMES)}}} [--help] [--json] ...", file=sys.stderr)
        return 2
    name, argv = sys.argv[1], sys.argv[2:]
    result: int = importlib.import_module(NAMES[name]).main(argv)
    return result


if __name__ == "__main__":
    sys.exit(main())
