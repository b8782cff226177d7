"""FHIR R4 resource types we store, and typed reading of them through fhir.resources: the only place that knows it.

fhir.resources has models for R4B, not R4. For the types below the two agree in every field but `Extension.value[x]`
(R4B adds Reference-like CodeableReference and RatioRange, and lacks Meta) and `modifierExtension` on `Timing.repeat`
and `Dosage.doseAndRate`. The models accept much that R4 forbids and change decimals and time zones when dumped, so they
judge and are thrown away: the JSON we received is what is kept.

Importing the models is slow and takes tens of megabytes, so it happens at the first call of `typed`, never before.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from fhir_profiles.errors import NotR4

if TYPE_CHECKING:
    from fhir.resources.R4B.resource import Resource

SUPPORTED_TYPES: tuple[str, ...] = (
    "AllergyIntolerance",
    "CarePlan",
    "CareTeam",
    "Communication",
    "Composition",
    "Condition",
    "Consent",
    "Device",
    "DocumentReference",
    "Endpoint",
    "Flag",
    "Goal",
    "HealthcareService",
    "Location",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationRequest",
    "MedicationStatement",
    "Observation",
    "Organization",
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Provenance",
    "QuestionnaireResponse",
    "RelatedPerson",
    "Task",
)
"""Types that have a place in a record or in the shared directory."""

CONTAINED_ONLY_TYPES: tuple[str, ...] = (
    "CommunicationRequest",
    "DeviceRequest",
    "Encounter",
    "EpisodeOfCare",
    "Group",
    "Medication",
    "Procedure",
    "ServiceRequest",
    "Substance",
)
"""Types that are accepted inside another resource, where senders put them, and never alone."""

ANSWERED_TYPES: tuple[str, ...] = ("AuditEvent",)
"""Types that this service makes and never takes."""

MESSAGE_TYPES: tuple[str, ...] = ("Bundle", "Parameters")
"""Types that are judged as requests and never stored."""

CLIENTS_OWN_TYPES: tuple[str, ...] = ("Subscription",)
"""Types that belong to the client that sent them: in no person's record, and not in the shared directory."""


def typed(resource: Mapping[str, Any]) -> Resource:
    """Return `resource` as an fhir.resources R4B model.

    Raises `NotR4` with the places and kinds of the problems, never their values. Do not send what the model dumps: it
    drops trailing zeros and rewrites times.
    """
    from pydantic import ValidationError

    name = resource.get("resourceType")
    if name not in SUPPORTED_TYPES and name not in CONTAINED_ONLY_TYPES and name not in MESSAGE_TYPES:
        raise NotR4(("resourceType: not a supported type",))
    model: type[Resource] = getattr(import_module(f"fhir.resources.R4B.{str(name).lower()}"), str(name))
    try:
        return model.model_validate(dict(resource))
    except ValidationError as refusal:
        problems = refusal.errors(include_input=False, include_url=False, include_context=False)
        raise NotR4(tuple(f"{_place(problem['loc'])}: {problem['type']}" for problem in problems)) from None


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location if isinstance(part, int) or part.isidentifier())
