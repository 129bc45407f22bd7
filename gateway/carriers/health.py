"""Whether a carrier is fit to be given work. Times are seconds of any monotonic clock."""

from __future__ import annotations

GRACE_S = 2.0
"""How long a carrier may be without a bind before what waits for it goes elsewhere."""

PROFILE_ERRORS = 3
"""So many refusals in a row for how our PDUs are made, without one acceptance: the settings are wrong."""

SICK_S = 60.0
"""How long a carrier whose profile is wrong gets no work; then one try shows whether somebody mended it."""

TROUBLES = 20
"""So many temporary refusals in a row without one acceptance: the carrier has trouble of its own."""

TROUBLE_S = 10.0
"""How long it gets no work then."""


class Health:
    """What is known of a carrier's condition."""

    def __init__(self) -> None:
        self._unbound_since: float | None = None
        self._profile_errors = 0
        self._troubles = 0
        self._sick_until = float("-inf")
        self._silent_since: float | None = None

    def bound(self) -> None:
        """Something can be sent."""
        self._unbound_since = None

    def unbound(self, now: float) -> None:
        """Nothing can be sent."""
        if self._unbound_since is None:
            self._unbound_since = now

    def accepted(self) -> None:
        """It took something, so the profile is right."""
        self._profile_errors = 0
        self._troubles = 0
        self._sick_until = float("-inf")

    def profile_error(self, now: float) -> bool:
        """It calls a PDU of ours wrong. ``True`` when that makes it sick."""
        self._profile_errors += 1
        if self._profile_errors < PROFILE_ERRORS or self.sick(now):
            return False
        self._sick_until = now + SICK_S
        return True

    def trouble(self, now: float) -> bool:
        """It refuses for reasons of its own that may pass. ``True`` when that makes it sick."""
        self._troubles += 1
        if self._troubles < TROUBLES or self.sick(now):
            return False
        self._troubles = 0
        self._sick_until = now + TROUBLE_S
        return True

    def waiting(self, in_flight: int, now: float) -> None:
        """So many submits wait for an answer; told before the first of them leaves and whenever answers came."""
        if not in_flight:
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = now

    def answered(self, now: float) -> None:
        """It answers: whatever it says, it is there."""
        self._silent_since = now

    def silent(self, now: float, patience_s: float) -> bool:
        """Whether submits wait, and no answer at all has come for so long."""
        return self._silent_since is not None and now - self._silent_since >= patience_s

    def sick(self, now: float) -> bool:
        """Whether it refuses what we send, for whatever reason."""
        return now < self._sick_until

    def waits_too_long(self, now: float) -> bool:
        """Whether what waits for it should go elsewhere."""
        return self._unbound_since is not None and now - self._unbound_since >= GRACE_S
