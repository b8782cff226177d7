"""The words of addresses and of organisations' names, brought to one form so that they are found again in free text."""

from __future__ import annotations

import re
from functools import cache

from anyascii import anyascii

_WAYS = {
    "st": "street", "rd": "road", "ave": "avenue", "av": "avenue", "ln": "lane", "cl": "close", "cres": "crescent",
    "ct": "court", "gdns": "gardens", "pl": "place", "sq": "square", "terr": "terrace",
}  # fmt: skip
KINDS = frozenset(
    """a the of and at in for care nursing residential home homes house surgery practice medical health healthcare
    centre center hospital hospice clinic gp nhs trust foundation community team ward service services ambulance group
    partners pharmacy general palliative district nurses out hours control room unit""".split()
)
"""What organisations are: alone these words name none."""
BUILDINGS = KINDS | frozenset("lodge manor grange villa hall cottage hostel".split())
"""What stands beside the name of a house or an organisation, and is left out where people are brief."""
NOWHERE = KINDS | frozenset(
    """street road avenue lane close court way place square flat apartment no none unknown not known fixed abode
    address england scotland wales ireland northern united kingdom uk great britain""".split()
)
WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
CODE = re.compile(r"\b(?=[A-Za-z]?\d)[A-Za-z\d]{3,10}\b")
"""What may be a code that opens a door: short, with a digit in it."""
KNOWN_DIGITS = 6
"""By so many last digits a telephone number is known again, with its area code or without."""


def words_of(text: object) -> list[str]:
    """Return the words of a text in that form; none of what is no text."""
    return [folded(word) for word in WORD.findall(text)] if isinstance(text, str) else []


def folded(word: str) -> str:
    """Return one word in plain small letters, ways written out: `Cl` and `close` are one."""
    if not word.isascii():
        word = _spelled(word)
    small = word.replace("'", "").lower()
    return _WAYS.get(small, small)


@cache
def _spelled_one(letter: str) -> str:
    return str(anyascii(letter))


def _spelled(word: str) -> str:
    return "".join(_spelled_one(letter) for letter in word)
