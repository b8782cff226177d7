"""Taking a person on (rule 5.9a): a create of a Patient whose NHS number has a record already.

When NHS number, family name and birth date agree, the organisation gets a relationship by registration and the id
alone. When they do not, the answer is the same as for a number that fails tracing.
"""

from __future__ import annotations

from fhir_profiles.issues import error
from service.record.access import Caller
from service.record.changes import Change, Prepared
from service.record.derive import identity_of
from service.record.draft import Draft
from service.record.errors import InvalidContent
from service.record.records import OpenRecord


class Unverified(InvalidContent):
    """The Patient is not the person of its NHS number; how often that may happen is limited (5.9a)."""


def take_on(caller: Caller, prepared: Prepared, record: OpenRecord, draft: Draft) -> tuple[str, int]:
    """Register the caller's organisation and point the other changes at the Patient that exists.

    Return the Patient's reference and version. Raise InvalidContent when the persons are not the same.
    """
    patient = prepared.new_patient
    if patient is None:
        raise ValueError("there is no new Patient to take on")
    said, known = identity_of(patient.resource or {}), record.manifest.identity
    same = record.manifest.is_numbered(said.nhs_number) and said.birth_date == known.birth_date
    if not same or said.family.casefold() != known.family.casefold():
        raise unverified(patient)
    draft.register(caller.principal.organisation)
    existing = record.manifest.patient
    for change in prepared.changes:
        for pointer in change.pointers:
            if pointer["reference"] == patient.reference:
                pointer["reference"] = existing
    prepared.persons[:] = [existing if person == patient.reference else person for person in prepared.persons]
    patient.give(existing.split("/")[1])
    entry = record.entry(existing)
    return existing, 0 if entry is None else entry.version


def unverified(patient: Change) -> Unverified:
    """Return the one refusal of a Patient that is not the person of its NHS number, whoever else is here."""
    return Unverified([error("business-rule", patient.at, "The NHS number could not be verified for this person.")])
