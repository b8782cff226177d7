"""What a change of practice changes in a record: the practice, and the place of care where that was the practice. Pure.

The Patient names the new practice instead of the old one. Whatever else was named there belonged to the old one: a GP
by name, who is asked again. `managingOrganization`, by which a locality's policy governs, moves along only where it was
the old practice; a care home or a hospice stays (sharing rules 1 and 3).

What follows is derived, and nothing is done for it here: the old practice's relationship by registration ends with its
name in the Patient, the new one's begins. It keeps one that it has otherwise: as holder, in the care team, or because
it took the person on (5.9a). Nobody is made holder by an event.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir_profiles.identifiers import ODS_SYSTEM, is_ods_code
from service.record.derive import organisation_of

Resource = dict[str, Any]


def moved(patient: Resource, practice: str, resources: Mapping[str, Resource]) -> Resource:
    """Return the Patient as registered with a practice (ODS code): the same object where nothing changes.

    `resources` are those of the record, by reference. No practice, as for somebody whose whereabouts are protected, or
    a code that is none, changes nothing: nothing is guessed.
    """
    if not is_ods_code(practice):
        return patient
    named = [(organisation_of(one, resources), one) for one in patient.get("generalPractitioner", ())]
    before = {code for code, _ in named if code}
    if before == {practice}:
        return patient
    kept = [one for code, one in named if code == practice]
    after = {**patient, "generalPractitioner": kept or [reference_to(practice)]}
    placed = organisation_of(patient.get("managingOrganization", {}), resources)
    if placed in before and placed != practice:
        after["managingOrganization"] = reference_to(practice)
    return after


def reference_to(practice: str) -> Resource:
    """Return a reference to an organisation by its ODS code: it is in the shared directory, or nowhere here."""
    return {"type": "Organization", "identifier": {"system": ODS_SYSTEM, "value": practice}}
