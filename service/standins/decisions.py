"""Resources in a line of plain words, and what a person's current decisions are, for the pages of the stand-ins.

A sketch of what such a system shows, made from codes alone; it decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from fhir_profiles.canonical import structure_definition
from fhir_profiles.terminology import EPACCS, FOR_CPR, NOT_FOR_CPR, SNOMED, cpr_meaning
from service.standins.shelf import Version

Json = dict[str, Any]
CPR = (SNOMED, "304251008")
PLACE_OF_DEATH = (SNOMED, "395091006")
PLACE_OF_CARE = (EPACCS, "preferred-place-of-care")
ENDS = (structure_definition("replaces"), structure_definition("revokes"))
RANK = structure_definition("preference-rank")
_GONE = frozenset({"entered-in-error", "cancelled", "revoked", "stopped", "inactive", "rejected"})
_TITLES = {CPR: "CPR", PLACE_OF_DEATH: "Preferred place of death", PLACE_OF_CARE: "Preferred place of care"}
_CPR_WORDS = {FOR_CPR: "for CPR", NOT_FOR_CPR: "not for CPR"}
_SHOWN = ("Observation", "CarePlan", "MedicationRequest", "AllergyIntolerance", "Condition", "Consent", "Flag")
_KINDS = {
    "AllergyIntolerance": "Allergy",
    "CareTeam": "Care team",
    "MedicationAdministration": "Medicine given",
    "MedicationDispense": "Medicine dispensed",
    "MedicationRequest": "Medicine",
    "MedicationStatement": "Medicine taken",
    "PractitionerRole": "Somebody's role",
    "RelatedPerson": "Somebody close",
}
_ORDER = {title: place for place, title in enumerate(_TITLES.values())}


class Line(msgspec.Struct, frozen=True):
    """One line about a person: what it is about, what it says, since when, and which version of what."""

    title: str
    value: str
    since: str
    reference: str
    version: int


def lines_of(versions: Iterable[Version]) -> list[Line]:
    """Return the current decisions and other entries about a person, decisions first and the newest of each first."""
    held = {one.reference: one for one in versions if one.resource is not None}
    ended = {str(target) for one in held.values() for target in _ended_by(one.resource or {})}
    lines = [
        Line(_title(one.resource), _value(one.resource), _since(one.resource), one.reference, one.number)
        for one in held.values()
        if one.resource is not None
        and one.kind in _SHOWN
        and one.reference not in ended
        and one.resource.get("status") not in _GONE
    ]
    lines.sort(key=lambda line: line.since, reverse=True)
    lines.sort(key=lambda line: _ORDER.get(line.title, len(_ORDER)))
    return lines


def words_of(resource: Json) -> str:
    """Return a resource in a few words."""
    kind = resource.get("resourceType")
    if kind == "Patient":
        return name_of(resource)
    if kind == "Communication":
        return "; ".join(str(part.get("contentString", "")) for part in resource.get("payload", ()))
    if kind in ("Practitioner", "Organization"):
        return name_of(resource)
    value = _value(resource)
    return f"{_title(resource)}: {value}" if value else _title(resource)


def name_of(resource: Json) -> str:
    """Return the name of a person or organisation, as people say it."""
    name = resource.get("name")
    if isinstance(name, str):
        return name
    for one in name if isinstance(name, list) else ():
        if "family" in one:
            return " ".join([*one.get("prefix", ()), *one.get("given", ()), one["family"]])
    return "Name not given"


def is_coded(resource: Json, coding: tuple[str, str]) -> bool:
    """Say whether `code` of a resource has a coding."""
    return coding in _codings(resource.get("code"))


def _ended_by(resource: Json) -> Iterable[str]:
    if resource.get("status") == "entered-in-error":
        return ()
    found = [one for one in resource.get("extension", ()) if one.get("url") in ENDS]
    return [one.get("valueReference", {}).get("reference", "") for one in found]


def _title(resource: Json) -> str:
    for coding, title in _TITLES.items():
        if is_coded(resource, coding):
            return title
    category = resource.get("category")
    words = _text(resource.get("code") or (category[0] if isinstance(category, list) and category else category))
    kind: str = resource["resourceType"]
    if kind in ("Observation", "CarePlan", "Consent") and words:
        return words
    return _KINDS.get(kind, kind)


def _value(resource: Json) -> str:
    kind = resource["resourceType"]
    if kind == "CarePlan":
        return str(resource.get("description", ""))
    if kind in ("MedicationRequest", "MedicationStatement", "MedicationDispense", "MedicationAdministration"):
        return _text(resource.get("medicationCodeableConcept"))
    if kind in ("AllergyIntolerance", "Condition", "Flag"):
        return _text(resource.get("code"))
    if kind == "Consent":
        return {"permit": "may be shared", "deny": "not to be shared"}.get(
            str(resource.get("provision", {}).get("type")), ""
        )
    for system, code in _codings(resource.get("valueCodeableConcept")):
        if (meaning := cpr_meaning(system, code)) is not None:
            return _CPR_WORDS.get(meaning, "CPR modified")
    if "dataAbsentReason" in resource:
        return _text(resource["dataAbsentReason"]) or "not said"
    told = _text(resource.get("valueCodeableConcept"))
    rank = next((one.get("valuePositiveInt") for one in resource.get("extension", ()) if one.get("url") == RANK), None)
    if told and rank:
        return f"{told.removeprefix('Preferred place of death: ').removesuffix(' (finding)')} (choice {rank})"
    plain = [resource[member] for member in ("valueString", "valueInteger", "valueBoolean") if member in resource]
    return told or (str(plain[0]) if plain else "")


def _since(resource: Json) -> str:
    members = ("effectiveDateTime", "dateTime", "authoredOn", "created", "recordedDate", "onsetDateTime")
    return next((str(resource[member]) for member in members if member in resource), "")


def _text(concept: object) -> str:
    if not isinstance(concept, dict):
        return ""
    named = (one.get("display") for one in concept.get("coding", ()) if isinstance(one, dict))
    return str(concept.get("text") or next((name for name in named if name), ""))


def _codings(concept: object) -> list[tuple[str, str]]:
    if not isinstance(concept, dict):
        return []
    return [(str(one.get("system", "")), str(one.get("code", ""))) for one in concept.get("coding", ())]
