"""Whom a document is about, as released, and the address by which MESH finds their practice. Pure.

MESH looks the person up in PDS by NHS number, birth date and surname, and hands the message to the practice that PDS
names; all three must be those of PDS, and those of the Patient in the message (GP Connect Send Document, GPCM-SD-038).
So each is taken as it was released, and where one is missing, or would not be what it seems, nothing is addressed:
nobody guesses a practice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.base import Resource
from adapters.errors import ContentRefused, ReportedIssue
from fhir_profiles.errors import InvalidNhsNumber
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM, ODS_SYSTEM, NhsNumber
from security.labels import SFlag, sflag_of

_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_NOT_OF_NOW = frozenset({"old", "maiden", "nickname", "anonymous", "temp"})
_VERIFICATION = "NHSNumberVerificationStatus"
_VERIFIED = frozenset({"01", "number-present-and-verified"})
_GENDERS = frozenset({"male", "female", "other", "unknown"})


@dataclass(frozen=True, slots=True)
class Addressee:
    """A person as they are addressed. `birth_date` is YYYY-MM-DD. `restricted`: where they live is nobody's to know.

    `verified`: it is stated that PDS knows the NHS number as this person's. `address` is empty for who is restricted.
    """

    nhs_number: str = field(repr=False)
    family: str = field(repr=False)
    given: tuple[str, ...] = field(repr=False)
    prefix: tuple[str, ...] = field(repr=False)
    birth_date: str = field(repr=False)
    gender: str = field(repr=False)
    verified: bool
    restricted: bool
    address: Mapping[str, Any] = field(repr=False)

    @property
    def full_name(self) -> str:
        """The name as it is read."""
        return " ".join((*self.prefix, *self.given, self.family))

    def mesh_address(self, form: str) -> str:
        """Return the address for MESH, the birth date in one of its two forms."""
        year, month, day = self.birth_date.split("-")
        born = f"{day}{month}{year}" if form == "DDMMYYYY" else f"{year}{month}{day}"
        return f"GPPROVIDER_{self.nhs_number}_{born}_{self.family}"


def addressee_of(patient: Resource) -> Addressee:
    """Return the addressee; raise ContentRefused, which names elements alone, for who cannot be addressed."""
    flag = sflag_of(patient)
    if flag is SFlag.VERY_RESTRICTED:
        raise _refused("Patient.meta.security")
    try:
        number = NhsNumber.of(patient)
    except InvalidNhsNumber:
        number = None
    if number is None:
        raise _refused("Patient.identifier")
    verified = _verified(patient)
    if verified is False:
        raise _refused("Patient.identifier.extension")
    name = _name(patient)
    family, born = str(name.get("family", "")), str(patient.get("birthDate", ""))
    # an underscore would be read as the end of the surname
    if not family or "_" in family:
        raise _refused("Patient.name.family")
    if _DAY.fullmatch(born) is None:
        raise _refused("Patient.birthDate")
    restricted = flag is not SFlag.UNRESTRICTED
    gender = str(patient.get("gender", ""))
    return Addressee(
        nhs_number=number.value,
        family=family,
        given=tuple(str(one) for one in name.get("given", ())),
        prefix=tuple(str(one) for one in name.get("prefix", ())),
        birth_date=born,
        gender=gender if gender in _GENDERS else "",
        verified=bool(verified),
        restricted=restricted,
        address={} if restricted else _home(patient),
    )


def practices_of(patient: Resource, plan: Sequence[Resource]) -> frozenset[str]:
    """Return the ODS codes of the practices that a Patient names, as far as they were released."""
    codes = {f"{one['resourceType']}/{one.get('id')}": _ods(one.get("identifier", ())) for one in plan}
    named = [
        _ods([one.get("identifier", {})]) or codes.get(str(one.get("reference", "")), "")
        for one in patient.get("generalPractitioner", ())
    ]
    return frozenset(code for code in named if code)


def _ods(identifiers: Sequence[Mapping[str, Any]]) -> str:
    return next((str(one.get("value", "")) for one in identifiers if one.get("system") == ODS_SYSTEM), "")


def _name(patient: Resource) -> Mapping[str, Any]:
    names = [one for one in patient.get("name", ()) if one.get("use") not in _NOT_OF_NOW and "end" not in _period(one)]
    official = [one for one in names if one.get("use") == "official"]
    found = official or names
    if len({one.get("family") for one in found}) != 1:
        raise _refused("Patient.name")
    first: Mapping[str, Any] = found[0]
    return first


def _home(patient: Resource) -> Mapping[str, Any]:
    homes = [
        one for one in patient.get("address", ()) if one.get("use", "home") == "home" and "end" not in _period(one)
    ]
    return homes[0] if len(homes) == 1 else {}


def _period(one: Mapping[str, Any]) -> Mapping[str, Any]:
    period: Mapping[str, Any] = one.get("period", {})
    return period


def _verified(patient: Resource) -> bool | None:
    for identifier in patient.get("identifier", ()):
        for extension in identifier.get("extension", ()) if identifier.get("system") == NHS_NUMBER_SYSTEM else ():
            if _VERIFICATION in str(extension.get("url", "")):
                codings = extension.get("valueCodeableConcept", {}).get("coding", ())
                return any(coding.get("code") in _VERIFIED for coding in codings)
    return None


def _refused(element: str) -> ContentRefused:
    return ContentRefused((ReportedIssue("error", "required", (element,)),))
