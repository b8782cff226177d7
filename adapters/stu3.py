"""Resources of FHIR STU3, as GP systems give them, as resources of R4. Pure.

Only what a plan is filled with is translated: allergies, problems, medicines, and who recorded them. What STU3 says and
R4 has no place for is left out, above all the extensions of STU3's own profiles; what is coded stays as it is coded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

Resource = dict[str, Any]

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
_NOT_CARRIED = ("extension", "modifierExtension", "contained", "text", "implicitRules", "language")
_META = ("versionId", "lastUpdated", "security")
_LABELS = {
    f"http://hl7.org/fhir/v3/{name}": f"{_TERMINOLOGY}v3-{name}" for name in ("ActCode", "Confidentiality", "ActReason")
}
_CLINICAL = {"active", "inactive", "resolved"}
_PROBLEM = {"active", "recurrence", "inactive", "remission", "resolved"}
_ALLERGY_CERTAIN = {"unconfirmed", "confirmed", "refuted", "entered-in-error"}
_PROBLEM_CERTAIN = {"provisional", "differential", "confirmed", "refuted", "entered-in-error"}
_PROBLEM_LIST = "problem-list-item"


class NotSaid(Exception):
    """A resource does not say what R4 needs; `why` repeats nothing of it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def r4_of(resource: Resource, medications: Mapping[str, Resource]) -> Resource:
    """Return a resource in R4. `medications` are those that it may point at, by reference (`Medication/1`).

    Raise NotSaid for what R4 has no words for, TypeError or AttributeError for what has not the structure of FHIR.
    """
    kind = resource["resourceType"]
    found = _bare(resource)
    translate = _TYPES.get(kind)
    if translate is None:
        raise NotSaid(f"{kind} is not read")
    return translate(found, medications)


def _bare(resource: Resource) -> Resource:
    found = {name: _without_extensions(value) for name, value in resource.items() if name not in _NOT_CARRIED}
    meta = {name: value for name, value in found.get("meta", {}).items() if name in _META}
    if "security" in meta:
        meta["security"] = [_label(one) for one in meta["security"]]
    found.pop("meta", None)
    return {**found, "meta": meta} if meta else found


def _label(said: Resource) -> Resource:
    """Return a security label in the code system's name of R4: the codes are the same."""
    return {**said, "system": _LABELS.get(said.get("system", ""), said.get("system", ""))}


def _without_extensions(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _without_extensions(part)
            for name, part in value.items()
            if name not in ("extension", "modifierExtension") and not name.startswith("_")
        }
    return [_without_extensions(part) for part in value] if isinstance(value, list) else deepcopy(value)


def _allergy(found: Resource, medications: Mapping[str, Resource]) -> Resource:
    _status(found, "allergyintolerance-clinical", _CLINICAL, "allergyintolerance-verification", _ALLERGY_CERTAIN)
    _move(found, "assertedDate", "recordedDate")
    for reaction in found.get("reaction", ()):
        if not reaction.get("manifestation"):
            raise NotSaid("a reaction says no manifestation")
    return found


def _condition(found: Resource, medications: Mapping[str, Resource]) -> Resource:
    _status(found, "condition-clinical", _PROBLEM, "condition-ver-status", _PROBLEM_CERTAIN)
    _move(found, "assertedDate", "recordedDate")
    found.pop("context", None)
    if "stage" in found and not isinstance(found["stage"], list):
        found["stage"] = [found["stage"]]
    codings = [coding for one in found.get("category", ()) for coding in one.get("coding", ())]
    if any(coding.get("code") == _PROBLEM_LIST for coding in codings):
        problem = {"system": f"{_TERMINOLOGY}condition-category", "code": _PROBLEM_LIST, "display": "Problem List Item"}
        found["category"] = [{"coding": [problem]}]
    return found


def _medication_statement(found: Resource, medications: Mapping[str, Resource]) -> Resource:
    pointed = found.pop("medicationReference", None)
    if pointed is not None:
        medication = medications.get(str(pointed.get("reference", "")))
        if medication is None or "code" not in medication:
            raise NotSaid("the medicine that it points at did not come with it")
        found["medicationCodeableConcept"] = _without_extensions(medication["code"])
    if found.pop("taken", None) == "n":
        found["status"] = "not-taken"
    _move(found, "reasonNotTaken", "statusReason")
    for name in ("context", "basedOn", "partOf", "derivedFrom"):
        found.pop(name, None)
    found["dosage"] = [_dosage(one) for one in found.get("dosage", ())]
    if not found["dosage"]:
        del found["dosage"]
    return found


def _dosage(said: Resource) -> Resource:
    """Return a dosage with dose and rate where R4 has them."""
    dose = {
        name: said[name]
        for name in ("doseQuantity", "doseRange", "rateRatio", "rateRange", "rateQuantity")
        if name in said
    }
    rest = {name: value for name, value in said.items() if name not in dose}
    return {**rest, "doseAndRate": [dose]} if dose else rest


def _as_it_is(found: Resource, medications: Mapping[str, Resource]) -> Resource:
    return found


_TYPES: Mapping[str, Callable[[Resource, Mapping[str, Resource]], Resource]] = {
    "AllergyIntolerance": _allergy,
    "Condition": _condition,
    "MedicationStatement": _medication_statement,
    "Organization": _as_it_is,
    "Patient": _as_it_is,
    "Practitioner": _as_it_is,
    "PractitionerRole": _as_it_is,
}


def _status(found: Resource, clinical: str, clinically: set[str], certain: str, certainly: set[str]) -> None:
    """Make the two statuses concepts. What was entered in error has no clinical status in R4 (ait-2, con-5)."""
    said, sure = found.pop("clinicalStatus", None), found.pop("verificationStatus", None)
    if said is not None and said not in clinically:
        raise NotSaid("its clinical status is none that R4 has")
    if sure in certainly:
        found["verificationStatus"] = _concept(certain, sure)
    if said is not None and sure != "entered-in-error":
        found["clinicalStatus"] = _concept(clinical, said)


def _concept(system: str, code: str) -> Resource:
    return {"coding": [{"system": _TERMINOLOGY + system, "code": code}]}


def _move(found: Resource, there: str, here: str) -> None:
    if there in found:
        found[here] = found.pop(there)
