"""NHS numbers and organisation codes: checked when made, so that whoever holds one need not check again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from operator import mul
from typing import Any, Final, Self

from fhir_profiles.canonical import BASE
from fhir_profiles.errors import InvalidNhsNumber, InvalidOdsCode

NHS_NUMBER_SYSTEM: Final = "https://fhir.nhs.uk/Id/nhs-number"
ODS_SYSTEM: Final = "https://fhir.nhs.uk/Id/ods-organization-code"
SDS_USER_SYSTEM: Final = "https://fhir.nhs.uk/Id/sds-user-id"
PROXY_USER_SYSTEM: Final = f"{BASE}/Id/proxy-user"
"""The user id by which a proxy signs in, on the RelatedPerson who they are (sharing rules 5.8)."""

_TEN_DIGITS = re.compile(r"[0-9]{10}")
_WRITTEN = re.compile(r"[0-9]{3}([ -]?)[0-9]{3}\1[0-9]{4}")
_WEIGHTS = range(10, 1, -1)
_PLACEHOLDER = "0000000000"
_ODS_CODE = re.compile(r"[A-Z0-9]{3,12}")


class NhsNumber:
    """A person's NHS number: ten digits of which the last is a modulus 11 check digit.

    `value` is the ten digits. `repr` and `str` show the last three only, so that a number in a log line or traceback
    names nobody. Numbers are equal, and hash, by value.
    """

    __slots__ = ("value",)

    value: str

    def __init__(self, value: str) -> None:
        """Check `value`, ten digits without spaces. Raises `InvalidNhsNumber`."""
        if not is_nhs_number(value):
            raise InvalidNhsNumber("an NHS number is ten digits with a valid check digit")
        object.__setattr__(self, "value", value)

    @classmethod
    def written(cls, text: str) -> Self:
        """Read a number as people write it: `999 000 0018` and `999-000-0018` too. For forms, never for FHIR."""
        text = text.strip()
        return cls(text.replace(" ", "").replace("-", "") if _WRITTEN.fullmatch(text) else text)

    @classmethod
    def of(cls, patient: Mapping[str, Any]) -> Self | None:
        """Return the number in `Patient.identifier`, or None where there is none. Raises `InvalidNhsNumber`.

        A former number, with use `old`, is not the person's.
        """
        for identifier in patient.get("identifier") or ():
            is_theirs = identifier.get("system") == NHS_NUMBER_SYSTEM and identifier.get("use") != "old"
            if is_theirs and identifier.get("value") is not None:
                return cls(identifier["value"])
        return None

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("an NhsNumber does not change")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("an NhsNumber does not change")

    def __eq__(self, other: object) -> bool:
        return self.value == other.value if isinstance(other, NhsNumber) else NotImplemented

    def __hash__(self) -> int:
        return hash(("NhsNumber", self.value))

    def __repr__(self) -> str:
        return f"NhsNumber('*******{self.value[-3:]}')"

    __str__ = __repr__

    def __reduce__(self) -> tuple[type[NhsNumber], tuple[str]]:
        return (type(self), (self.value,))


class OdsCode(str):
    """An organisation code of the Organisation Data Service: 3 to 12 capital letters and digits. Not a secret.

    `ZZ` codes are for testing and belong to nobody.
    """

    __slots__ = ()

    def __new__(cls, value: str) -> Self:
        """Check `value`. Raises `InvalidOdsCode`."""
        if not is_ods_code(value):
            raise InvalidOdsCode("an ODS code is 3 to 12 capital letters and digits")
        return super().__new__(cls, value)

    @property
    def value(self) -> str:
        """The code as a plain string."""
        return str(self)


def check_digit(first_nine: str) -> int | None:
    """Return the check digit of nine digits, or None where the number may not exist (it would be 10)."""
    digit = 11 - sum(map(mul, _WEIGHTS, map(int, first_nine))) % 11
    return None if digit == 10 else digit % 11


def is_nhs_number(value: object) -> bool:
    """Tell whether `value` is ten digits with the right check digit, and not the all-zero placeholder that has one."""
    return (
        isinstance(value, str)
        and _TEN_DIGITS.fullmatch(value) is not None
        and value != _PLACEHOLDER
        and check_digit(value[:9]) == int(value[9])
    )


def is_ods_code(value: object) -> bool:
    """Tell whether `value` has the shape of an ODS code."""
    return isinstance(value, str) and _ODS_CODE.fullmatch(value) is not None
