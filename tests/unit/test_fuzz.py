"""A slice of the fuzz run, other inputs each time; ``./scripts/test --fuzz`` runs a million."""

from __future__ import annotations

import random

import fuzz
import pytest


def test_no_decoder_fails_otherwise_than_it_says() -> None:
    fuzz.run(9_000, random.SystemRandom().randrange(2**32))


def test_fault_is_told_with_what_gives_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(raw: bytes) -> None:
        raise KeyError("surprise")

    monkeypatch.setattr(fuzz, "TARGETS", {"broken": ("pdu", broken)})
    with pytest.raises(AssertionError, match="broken, input 0 of seed 5: KeyError"):
        fuzz.run(10, 5)
