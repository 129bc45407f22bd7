"""Message ids: one form for what a carrier says in responses and in receipts.

SMPP 3.3 gave hexadecimal ids and 3.4 gives any text; carriers mix the two. A profile names the mix, or has it learned
from the first receipts: they are held for a moment and compared, in every reading, with the ids of recent responses.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence

from gateway.smpp.receipt import IdForm, message_id_forms, normalise_message_id

RECENT = 20_000
"""Ids of responses that are remembered while learning."""

ENOUGH = 20
"""So many receipts that match in one reading settle it."""

_FIXED: Mapping[str, tuple[IdForm, IdForm]] = {
    "as_is": (IdForm.AS_IS, IdForm.AS_IS),
    "hex_response": (IdForm.HEX_TO_DECIMAL, IdForm.DECIMAL),
    "hex_receipt": (IdForm.DECIMAL, IdForm.HEX_TO_DECIMAL),
}


class MessageIds:
    """Brings the ids of one carrier to one form.

    Args:
        form: ``as_is``, ``hex_response``, ``hex_receipt`` or ``learn``.
    """

    def __init__(self, form: str) -> None:
        self.learning = form == "learn"
        self._response, self._receipt = _FIXED.get(form, (IdForm.AS_IS, IdForm.AS_IS))
        self.plain = not self.learning and self._response is IdForm.AS_IS
        self._recent: OrderedDict[str, None] = OrderedDict()
        self._matches: Counter[IdForm] = Counter()
        self._seen = 0
        self._hex_format = "x"  # how the carrier writes them: letters and length of the last one seen

    def of_response(self, raw: str) -> str:
        """The id of a submit_sm_resp, as it is stored."""
        if self.learning:
            self._recent[raw] = None
            if len(self._recent) > RECENT:
                self._recent.popitem(last=False)
        if self._response is IdForm.HEX_TO_DECIMAL:
            self._hex_format = f"0{len(raw)}{'X' if raw.upper() == raw else 'x'}"
        return normalise_message_id(raw, self._response)

    def as_given(self, stored: str) -> str:
        """The id as the carrier gave it in its response, from what :meth:`of_response` made of it."""
        hexadecimal = self._response is IdForm.HEX_TO_DECIMAL and stored.isdecimal()
        return format(int(stored), self._hex_format) if hexadecimal else stored

    def of_receipt(self, raw: str) -> str:
        """The id of a receipt, as the response's was stored."""
        return normalise_message_id(raw, self._receipt)

    def learn(self, raw_receipts: Sequence[str]) -> bool:
        """Compare receipts with recent responses; ``True`` once it is known how they relate."""
        for raw in raw_receipts:
            self._seen += 1
            for form, reading in message_id_forms(raw):
                if reading in self._recent:
                    self._matches[form] += 1
        best = self._matches.most_common(1)
        if best and best[0][1] >= min(ENOUGH, self._seen) and self._seen >= ENOUGH:
            self.settle()
        return not self.learning

    def settle(self) -> None:
        """Take the reading that matched most; the plainest where none did."""
        if self._matches:
            top = max(self._matches.values())
            self._receipt = next(form for form in IdForm if self._matches[form] == top)
        self.learning = False
        self._recent.clear()
