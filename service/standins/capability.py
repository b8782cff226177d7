"""What a FHIR stand-in says that it can do (https://hl7.org/fhir/R4/capabilitystatement.html)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from service.standins.searching import PARAMETERS

_INTERACTIONS = (
    "read",
    "vread",
    "update",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
)
_KINDS = {"_id": "token", "_lastUpdated": "date", "identifier": "token", "code": "token", "_tag": "token"}
_SMART = "http://terminology.hl7.org/CodeSystem/restful-security-service"
_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"


def capability(base: str, title: str, types: Collection[str], date: str, token_url: str | None) -> dict[str, Any]:
    """Return the CapabilityStatement; `token_url` is None where nobody needs to sign in."""
    rest: dict[str, Any] = {"mode": "server", "resource": [_of(kind) for kind in types]}
    if token_url is not None:
        rest["security"] = {
            "service": [{"coding": [{"system": _SMART, "code": "SMART-on-FHIR"}]}],
            "extension": [{"url": _URIS, "extension": [{"url": "token", "valueUri": token_url}]}],
        }
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": date,
        "kind": "instance",
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "implementation": {"description": f"{title} (stand-in, synthetic data)", "url": base},
        "rest": [rest],
    }


def _of(kind: str) -> dict[str, Any]:
    asked = [name for name in PARAMETERS if name not in ("_sort", "_count")]
    if kind == "Patient":
        asked = [name for name in asked if name not in ("patient", "subject")]
    return {
        "type": kind,
        "interaction": [{"code": code} for code in _INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": False,
        "conditionalCreate": True,
        "referencePolicy": ["literal", "enforced"],
        "searchParam": [{"name": name, "type": _KINDS.get(name, "reference")} for name in asked],
    }
