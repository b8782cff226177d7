"""Numbers that can belong to nobody: of the ranges kept for tests and for fiction."""

from __future__ import annotations

from random import Random

NUMBERS = 900_000
"""How many different NHS numbers `nhs_number` can make."""


def nhs_number(index: int) -> str:
    """Return the NHS number of one index below `NUMBERS`: in the test range 999, valid, and of no other index."""
    if not 0 <= index < NUMBERS:
        raise ValueError(f"an index lies between 0 and {NUMBERS - 1}")
    five, wanted = divmod(index, 9)
    # Weights 10, 9 and 8 of 999 make 243, which is 1 modulo 11; the ninth digit has weight 2.
    ten_thousands, left = divmod(five, 10_000)
    thousands, left = divmod(left, 1_000)
    hundreds, left = divmod(left, 100)
    tens, ones = divmod(left, 10)
    weighed = 1 + 7 * ten_thousands + 6 * thousands + 5 * hundreds + 4 * tens + 3 * ones
    # One ninth digit would need a check digit of 10, which no number has; when none of ten does, the last is left over.
    impossible = (1 - weighed) * 6 % 11
    last = wanted + (wanted >= impossible)
    return f"999{five:05}{last}{-(weighed + 2 * last) % 11}"


def landline(random: Random) -> str:
    """Return a telephone number of the range that Ofcom keeps for drama."""
    return f"01632 960{random.randint(0, 999):03}"


def mobile(random: Random) -> str:
    """Return a mobile number of the range that Ofcom keeps for drama."""
    return f"07700 900{random.randint(0, 999):03}"
