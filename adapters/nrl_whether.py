"""Whether there is a plan to point at, and about whom: what a pointer hangs on, decided from a parcel alone. Pure.

Consent, restriction and the description's `sections` were applied before: what may not be seen is not in the parcel.
What is left to say is whether the person lives, and whether what may be seen is a plan, so that no crew follows a
pointer to an empty page. What is not known to be in force does not count: the rule is the same as for release.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from adapters.base import Parcel, Resource
from adapters.errors import OtherPerson
from adapters.fhir_person import is_verified
from fhir_profiles.canonical import structure_definition
from fhir_profiles.errors import InvalidNhsNumber
from fhir_profiles.identifiers import NhsNumber
from fhir_profiles.sections import Section, section_of

PLAN_SECTIONS = frozenset(
    {
        Section.CPR_DECISION,
        Section.TREATMENT_ESCALATION,
        Section.ADRT,
        Section.LPA_HEALTH_WELFARE,
        Section.PREFERRED_PLACE,
        Section.ANTICIPATORY_MEDICINES,
        Section.CARE_PLAN,
        Section.WHAT_MATTERS,
    }
)
"""What is decided or wished for beforehand. Allergies, diagnoses or contacts alone are no plan."""

_IN_FORCE: Mapping[str, frozenset[str]] = {
    "CarePlan": frozenset({"active"}),
    "Composition": frozenset({"final", "amended"}),
    "Consent": frozenset({"active"}),
    "DocumentReference": frozenset({"current"}),
    "Flag": frozenset({"active"}),
    "MedicationRequest": frozenset({"active", "on-hold"}),
    "Observation": frozenset({"final", "amended", "corrected"}),
    "QuestionnaireResponse": frozenset({"completed", "amended"}),
    "ServiceRequest": frozenset({"active", "on-hold"}),
}
"""Types that a plan is made of, and the statuses by which one of them is signed and in force."""
_REVOKES = structure_definition("revokes")
_DEATH_STATUS = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-DeathNotificationStatus"
_FORMAL, _INFORMAL = "2", "1"


def subject_of(parcel: Parcel) -> NhsNumber | None:
    """Return about whom there shall be a pointer; None for no pointer.

    Raise OtherPerson where there should be one and the person has no NHS number, or one that is not verified.
    """
    patient = parcel.patient
    if patient is None or _died(patient) or not _is_plan(parcel.plan):
        return None
    try:
        number = NhsNumber.of(patient)
    except InvalidNhsNumber:
        number = None
    if number is None:
        raise OtherPerson("the person has no valid NHS number here, by which a pointer could be found")
    if not is_verified(patient):
        raise OtherPerson("the NHS number is not verified, and might be somebody else's")
    return number


def _died(patient: Resource) -> bool:
    """A formal notification, or a clinician's own record without a notification; not an informal one, which may be
    taken back within hours (PDS: 1 informal, 2 formal, U removed)."""
    codes = [
        coding.get("code")
        for extension in patient.get("extension", ())
        if extension.get("url") == _DEATH_STATUS
        for coding in extension.get("valueCodeableConcept", {}).get("coding", ())
    ]
    if _FORMAL in codes:
        return True
    if _INFORMAL in codes:
        return False
    return bool(patient.get("deceasedDateTime")) or patient.get("deceasedBoolean") is True


def _is_plan(plan: Iterable[Resource]) -> bool:
    parts = [one for one in plan if _in_force(one)]
    gone = {reference for one in parts for reference in _revoked_by(one)}
    return any(_says_something(one) and f"{one['resourceType']}/{one.get('id', '')}" not in gone for one in parts)


def _in_force(resource: Resource) -> bool:
    allowed = _IN_FORCE.get(str(resource.get("resourceType")), frozenset())
    return resource.get("status") in allowed and section_of(resource) in PLAN_SECTIONS


def _says_something(resource: Resource) -> bool:
    """ "Not discussed" is an answer and no plan, and what only revokes puts nothing in the place of it."""
    if resource["resourceType"] != "Observation":
        return True
    return "dataAbsentReason" not in resource and (
        "component" in resource or any(name.startswith("value") for name in resource)
    )


def _revoked_by(resource: Resource) -> Iterator[str]:
    extensions: Iterable[Any] = resource.get("extension", ())
    for extension in extensions:
        if extension.get("url") == _REVOKES:
            yield str(extension.get("valueReference", {}).get("reference", ""))
