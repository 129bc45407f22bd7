"""Telephone numbers, digit by digit, in the groups in which they are written."""

from __future__ import annotations

import re

from audio.normalise.figures import in_groups, say_digits
from audio.normalise.lexicon import Lexicon

_SEP = r"[ \-/]"

# In the order of trying. Lengths are those of the Dutch plan (nine national digits; 0800 and 0900 have four or seven
# more; 14 with an area code; 116 with three) and of E.164 (fifteen at most).
_WRITTEN = re.compile(
    rf"""(?<![\w+])(?:
      (?P<abroad>(?:\+|\b00)[1-9]\d{{0,2}}{_SEP}?(?:\(0\){_SEP}?)?\d(?:{_SEP}?\d){{5,11}})
    | (?P<service>0(?:800|900|906|909){_SEP}?\d(?:{_SEP}?\d){{3,6}})
    | (?P<national>\(?0[1-9]\d{{0,2}}\)?{_SEP}{{0,3}}\d(?:{_SEP}?\d){{5,8}})
    | (?P<french>0[1-9](?:\.\d\d){{4}})
    | (?P<town>14{_SEP}?0[1-9]\d{{1,2}})
    | (?P<european>116{_SEP}?\d{{3}})
    )(?![\w])(?![.,]\d)""",
    re.VERBOSE,
)


def say_phones(text: str, lexicon: Lexicon) -> str:
    """Every telephone number in the text in words: "0343-529850" is "nul drie vier drie, vijf twee, negen acht, …"."""
    return _WRITTEN.sub(lambda match: _say(match.group(), lexicon), text)


def _say(written: str, lexicon: Lexicon) -> str:
    plus = written.startswith("+")
    written = written.replace("(0)", " ")
    # A country code written without a blank is taken to have two digits, as all around us have.
    written = re.sub(r"^(\+|00)([1-9]\d)(?=\d{5})", r"\1 \2 ", written)
    written = re.sub(r"^116(?=\d)", "116 ", written)
    groups = [group for written_group in re.findall(r"\d+", written) for group in in_groups(written_group)]
    words = ", ".join(say_digits(group, lexicon) for group in _merge_singles(groups))
    return f" {lexicon.signs['+']} {words} " if plus else f" {words} "


def _merge_singles(groups: list[str]) -> list[str]:
    """Group anew what is written as "0 8 0 0": one digit at a time."""
    if len(groups) > 1 and all(len(group) == 1 for group in groups):
        return in_groups("".join(groups))
    return groups
