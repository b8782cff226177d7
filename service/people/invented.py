"""Numbers that can belong to nobody: of the ranges kept for tests and for fiction."""

from __future__ import annotations

from random import Random

NUMBERS = 900_000
"""How many different NHS numbers `nhs_number` can make."""

_GIVEN = {
    "female": "Ada Beryl Cora Dilys Edith Fatima Greta Hana Iris Joan Kamala Lena Mabel Nia Olive Priya".split(),
    "male": "Alun Bernard Cyril Desmond Edwin Faisal George Harish Idris Jack Kofi Leonard Marek Noel Omar".split(),
}
_ROOTS = "Test Sample Mock Demo Exempl Speci Trial Model Pattern Proto Mimic Placehold".split()
_ENDS = "ley ton ford worth son wick combe field brook hurst dale stead".split()
_STREETS = ("Specimen Street", "Placeholder Row", "Sample Crescent", "Mock Lane", "Dummy Drive", "Pattern Place")
_TOWNS = "Exampleton Testbury Sampleford Mockham Little Specimen".split()
_POSTCODE_ENDS = "ABDEFGHJLNPQRSTUWXYZ"


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


def given_name(random: Random, gender: str) -> str:
    """Return an ordinary first name."""
    return random.choice(_GIVEN[gender])


def family_name(random: Random) -> str:
    """Return a family name that is plainly made up."""
    name = random.choice(_ROOTS) + random.choice(_ENDS)
    return f"{name}-{random.choice(_ROOTS)}{random.choice(_ENDS)}" if random.random() < 0.3 else name


def address(random: Random) -> dict[str, object]:
    """Return a home address in a town that does not exist, with a postcode of the unused area ZZ."""
    ends = random.choice(_POSTCODE_ENDS) + random.choice(_POSTCODE_ENDS)
    return {
        "use": "home",
        "line": [f"{random.randint(1, 240)} {random.choice(_STREETS)}"],
        "city": random.choice(_TOWNS),
        "postalCode": f"ZZ99 {random.randint(1, 9)}{ends}",
    }


def landline(random: Random) -> str:
    """Return a telephone number of the range that Ofcom keeps for drama."""
    return f"01632 960{random.randint(0, 999):03}"


def mobile(random: Random) -> str:
    """Return a mobile number of the range that Ofcom keeps for drama."""
    return f"07700 900{random.randint(0, 999):03}"
