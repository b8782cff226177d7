"""Finding a person at a FHIR server by NHS number, and being sure that it is the person meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from adapters.base import Untranslatable, Whom
from adapters.errors import OtherPerson, Unintelligible
from adapters.fhir_rest import FhirClient
from adapters.mapping import Mapping
from fhir_profiles.errors import InvalidNhsNumber
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM, NhsNumber

Resource = dict[str, Any]

_VERIFICATION = "NHSNumberVerificationStatus"
_VERIFIED = frozenset({"01", "number-present-and-verified"})


@dataclass(frozen=True, slots=True)
class FoundPerson:
    """A Patient at the partner."""

    reference: str
    version: str


async def find_person(fhir: FhirClient, dialect: Mapping, patient: Resource) -> FoundPerson | None:
    """Find our Patient at the partner; None when nobody there has the NHS number. Raise OtherPerson."""
    number = _number(patient)
    return await find_by_number(fhir, dialect, number, str(patient.get("birthDate", "")))


async def find_by_number(fhir: FhirClient, dialect: Mapping, number: NhsNumber, born: str) -> FoundPerson | None:
    """Find a person by NHS number; whom the partner shows must have that number and birth date. Raise OtherPerson."""
    system = dialect.their_system(NHS_NUMBER_SYSTEM)
    answer = await fhir.search("Patient", {"identifier": f"{system}|{number.value}"})
    if answer.resource is None or answer.resource["resourceType"] != "Bundle":
        raise Unintelligible("the answer to a search is not a Bundle")
    try:
        found = [
            entry["resource"]
            for entry in answer.resource.get("entry", ())
            if entry.get("resource", {}).get("resourceType") == "Patient"
        ]
        standing = [patient for patient in found if not _is_replaced(patient)]
        if not found:
            return None
        if len(standing) != 1:
            raise OtherPerson("not exactly one Patient there has the NHS number")
        _compare(dialect.into(standing[0]), number, born)
        meta = standing[0].get("meta", {})
        return FoundPerson(f"Patient/{standing[0]['id']}", str(meta.get("versionId", "")))
    except (AttributeError, KeyError, TypeError, Untranslatable):
        raise Unintelligible("the Patient there does not have the structure of FHIR") from None


def nhs_number_search(dialect: Mapping, patient: Resource) -> str:
    """Return the condition of a conditional create: nobody there has the NHS number."""
    system = dialect.their_system(NHS_NUMBER_SYSTEM)
    return f"identifier={quote(f'{system}|{_number(patient).value}', safe=':/|.-_~')}"


def whom(patient: Resource) -> Whom:
    """Return who a Patient of a partner, put into our words, is; raise Untranslatable."""
    try:
        number = NhsNumber.of(patient)
        if number is None:
            raise Untranslatable("the Patient has no NHS number")
        if not is_verified(patient):
            raise Untranslatable("the NHS number of the Patient is not verified there")
        names = sorted(patient.get("name", ()), key=lambda name: name.get("use") != "official")
        family = next((name["family"] for name in names if isinstance(name.get("family"), str)), None)
        born = patient.get("birthDate")
    except InvalidNhsNumber:
        raise Untranslatable("the NHS number of the Patient is not one") from None
    except (AttributeError, KeyError, TypeError):
        raise Untranslatable("the Patient does not have the structure of FHIR") from None
    if family is None or not isinstance(born, str):
        raise Untranslatable("the Patient has no family name or no birth date to compare")
    return Whom(number.value, family, born)


def _number(patient: Resource) -> NhsNumber:
    number = NhsNumber.of(patient)
    if number is None:
        raise OtherPerson("the person has no NHS number here, by which they could be found")
    return number


def _compare(patient: Resource, number: NhsNumber, born: str) -> None:
    try:
        theirs = NhsNumber.of(patient)
    except InvalidNhsNumber:
        theirs = None
    if theirs != number:
        raise OtherPerson("the Patient there has another NHS number than was asked for")
    said = patient.get("birthDate")
    # a date may be known to the year or month only
    if isinstance(said, str) and born and not (born.startswith(said) or said.startswith(born)):
        raise OtherPerson("the Patient there has another birth date")


def _is_replaced(patient: Resource) -> bool:
    return patient.get("active") is False or any(link.get("type") == "replaced-by" for link in patient.get("link", ()))


def is_verified(patient: Resource) -> bool:
    """Say whether a partner that says so has verified the number; one that does not say is believed."""
    for identifier in patient.get("identifier", ()):
        if identifier.get("system") != NHS_NUMBER_SYSTEM:
            continue
        for extension in identifier.get("extension", ()):
            if _VERIFICATION in extension.get("url", ""):
                codings = extension.get("valueCodeableConcept", {}).get("coding", ())
                return any(coding.get("code") in _VERIFIED for coding in codings)
    return True
