"""What a FHIR stand-in asks of a resource: R4 and our profiles, references that lead somewhere, and one person only.

A person is their NHS number: nobody is here twice, no number changes, and nothing moves from one person to another.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fhir_profiles.errors import InvalidJson, InvalidNhsNumber
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM, NhsNumber
from fhir_profiles.issues import Issue, error
from fhir_profiles.json import decode
from fhir_profiles.validation import validate
from service.standins.outcomes import Refusal
from service.standins.shelf import Shelf, references

Json = dict[str, Any]
_SUBJECTS = ("subject", "patient", "for", "beneficiary")
_SHARED = frozenset(
    {"Organization", "Practitioner", "PractitionerRole", "Location", "HealthcareService", "Endpoint", "Provenance"}
)
"""Types that need not be about a person."""


class Contents:
    """Judges resources that are to be kept on a shelf. `base` is the address of the server, without a slash."""

    def __init__(self, shelf: Shelf, base: str, types: Collection[str]) -> None:
        self._shelf = shelf
        self._base = base
        self._types = types

    def known_type(self, kind: str) -> None:
        """Refuse a type that is not kept here (404)."""
        if kind not in self._types:
            raise Refusal(404, "not-supported", "This resource type is not kept here.", "resource-type")

    def judged(self, body: bytes, kind: str, name: str | None = None) -> Json:
        """Return the resource of a request; `name` is its id where the address has one."""
        try:
            resource = decode(body)
        except InvalidJson as refusal:
            raise Refusal(400, "structure", "The body is no JSON object.", "json", refusal.issues) from None
        if resource.get("resourceType") != kind:
            raise Refusal(400, "value", "The address names another resource type than the body.", "resource-type")
        if name is not None and resource.get("id") != name:
            raise Refusal(400, "value", "The address names another id than the body.", "id")
        if issues := validate(resource):
            raise Refusal(422, "invalid", "The resource breaks FHIR R4 or a profile.", "validity", issues)
        resource = self._ours(resource)
        self._resolves(resource)
        self._of_one_person(resource, name)
        return resource

    def person_of(self, resource: Json) -> str | None:
        """Return the reference of the Patient that a resource is about."""
        if resource["resourceType"] == "Patient":
            return f"Patient/{resource['id']}" if "id" in resource else None
        for member in _SUBJECTS:
            target = resource.get(member)
            if isinstance(target, dict) and str(target.get("reference", "")).startswith("Patient/"):
                return str(target["reference"])
        return None

    def _ours(self, resource: Json) -> Json:
        """Return the resource with absolute references to this server made relative, so that they are one thing."""

        def made(value: Any) -> Any:
            if isinstance(value, dict):
                return {
                    name: part.removeprefix(f"{self._base}/")
                    if name == "reference" and isinstance(part, str)
                    else made(part)
                    for name, part in value.items()
                }
            return [made(part) for part in value] if isinstance(value, list) else value

        found: Json = made(resource)
        return found

    def _resolves(self, resource: Json) -> None:
        contained = {f"#{one.get('id')}" for one in resource.get("contained", ())} | {"#"}
        lost = [
            target
            for target in references(resource)
            if not (target in contained if target.startswith("#") else self._shelf.resource(_current(target)))
        ]
        if lost:
            text = f"{len(lost)} of the references lead to nothing on this server."
            raise Refusal(422, "not-found", text, "references")

    def _of_one_person(self, resource: Json, name: str | None) -> None:
        kind = resource["resourceType"]
        if kind == "Patient":
            return self._is_one_person(resource, name)
        about = self.person_of(resource)
        if about is None and kind not in _SHARED:
            raise Refusal(422, "required", "The resource is about nobody who is known here.", "subject")
        for place in _SUBJECTS:
            self._same_number(resource.get(place), f"{kind}.{place}")
        before = self._shelf.resource(f"{kind}/{name}") if name else None
        if before is not None and self.person_of(before) != about:
            raise Refusal(422, "business-rule", "A resource cannot move to another person.", "nhs-number")
        return None

    def _is_one_person(self, patient: Json, name: str | None) -> None:
        number = _number(patient)
        if number is None:
            issue = error("required", "Patient.identifier", "A Patient here needs an NHS number.")
            raise Refusal(422, "required", issue.text, "nhs-number", [issue])
        before = self._shelf.resource(f"Patient/{name}") if name else None
        if before is not None and _number(before) != number:
            raise Refusal(422, "business-rule", "The NHS number of a Patient does not change.", "nhs-number")
        holders = {one.id for one in self._shelf.named("Patient", NHS_NUMBER_SYSTEM, number.value)}
        if holders - {name}:
            raise Refusal(409, "duplicate", "Somebody with this NHS number is here already.", "nhs-number")

    def _same_number(self, target: object, place: str) -> None:
        """Refuse a reference whose identifier says another NHS number than the Patient that it leads to."""
        if not isinstance(target, dict) or "reference" not in target or "identifier" not in target:
            return
        patient = self._shelf.resource(str(target["reference"]))
        said = target["identifier"]
        if patient is None or not isinstance(said, dict) or said.get("system") != NHS_NUMBER_SYSTEM:
            return
        number = _number(patient)
        if number is not None and said.get("value") != number.value:
            issue: Issue = error("conflict", place, "The reference and its NHS number name two people.")
            raise Refusal(422, "conflict", issue.text, "nhs-number", [issue])


def _number(patient: Json) -> NhsNumber | None:
    try:
        return NhsNumber.of(patient)
    except InvalidNhsNumber:
        return None


def _current(target: str) -> str:
    """Return `Type/id` of a reference that may name a version."""
    return target.partition("/_history/")[0]
