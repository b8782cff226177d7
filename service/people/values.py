"""The parts that every synthetic resource is made of: concepts, references, Observations."""

from __future__ import annotations

from functools import cache
from typing import Any

from fhir_profiles.terminology import display_of
from service.plan import vocabulary as v

Json = dict[str, Any]

USER_ID = "https://fhir.nhs.uk/Id/sds-user-id"


def concept(system: str, code: str) -> Json:
    """Return a CodeableConcept of a code that our terminology holds, in its words."""
    display = _words(system, code)
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


@cache
def _words(system: str, code: str) -> str:
    display = display_of(system, code)
    if display is None:
        raise LookupError(f"{system}|{code} is not in our terminology")
    return display


def absent(code: str, text: str) -> Json:
    """Return a reason why a value is absent."""
    return {"coding": [{"system": v.DATA_ABSENT_REASON, "code": code}], "text": text}


def to(urn: str, display: str | None = None) -> Json:
    """Return a Reference to another entry of the same Bundle."""
    return {"reference": urn, "display": display} if display else {"reference": urn}


def author_reference(urn: str, user: str, display: str) -> Json:
    """Return a Reference to a clinician that says who it is even where the Practitioner is not at hand."""
    return {
        "reference": urn,
        "type": "Practitioner",
        "identifier": {"system": USER_ID, "value": user},
        "display": display,
    }


def observation(code: Json, subject: Json, when: str, by: list[Json], **rest: Any) -> Json:
    """Return a final Observation."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": code,
        "subject": subject,
        "effectiveDateTime": when,
        "performer": by,
        **rest,
    }
