"""The CapabilityStatement, computed from the routes that are mounted: what is not routed cannot be stated.

https://hl7.org/fhir/R4/capabilitystatement.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import msgspec
from starlette.routing import BaseRoute

from fhir_profiles.canonical import BASE
from fhir_profiles.terminology import PACKAGE
from service.api.routing import FhirRoute, Operation
from service.record import directory
from service.sync.subscribed import SERVED_TOPICS, STATUS_OPERATION, SUBSCRIPTION_PROFILE, TOPIC

Json = dict[str, Any]

FHIR_VERSION = "4.0.1"
STATED = "2026-11-28"
"""When the statement last changed in substance."""
BASE_R4_ONLY = frozenset({"AuditEvent", "Endpoint", "Goal", "Subscription"})
"""Types for which UK Core has no profile."""
LOG = "AuditEvent"
SUBSCRIPTION = "Subscription"
CONDITIONAL_CREATE = frozenset({"Patient", *directory.TYPES})
"""Types whose creation finds the one that carries the same identifier instead of making a second."""
SEARCH_TYPES = {
    "_id": "token",
    "identifier": "token",
    "patient": "reference",
    "code": "token",
    "category": "token",
    "status": "token",
    "date": "date",
    "entity": "reference",
    "url": "uri",
    "_count": "number",
}
"""The FHIR type of every search parameter that any route takes."""

_TYPE_INTERACTIONS = ("read", "vread", "update", "delete", "history-instance", "create", "search-type")
_SYSTEM_INTERACTIONS = ("transaction", "batch", "search-system", "history-system")
_DEFINED_ELSEWHERE = {"status": STATUS_OPERATION}
_UK_CORE = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-"
_OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_SECURITY_SERVICE = "http://terminology.hl7.org/CodeSystem/restful-security-service"
_SEARCH_WORDS = {
    "_id": "The id; for what is in a person's record it is enough to find the record.",
    "identifier": "system|value. For Patient the NHS number; send it with POST _search, to keep it out of addresses.",
    "entity": "The person whose log is asked for, as Patient/[id].",
    "_count": "Entries on a page, 1 to 100.",
    "patient": "The person whose record is searched, as Patient/[id].",
}


def capability_statement(routes: Sequence[BaseRoute], fhir_base: str, version: str, date: str = STATED) -> Json:
    """Return the statement for the `FhirRoute`s among `routes`, served below `fhir_base` by software of `version`.

    `date` (a FHIR dateTime) is when the statement last changed.
    """
    operations = [route.operation for route in routes if isinstance(route, FhirRoute)]
    types = sorted({operation.resource_type for operation in operations if operation.resource_type})
    system = [operation for operation in operations if not operation.resource_type]
    rest: Json = {
        "mode": "server",
        "documentation": (
            "Every request acts for one registered organisation, role and purpose. What is answered depends on the "
            "person's consent: absent and not shared look the same. Resources are judged by R4 and by the profiles of "
            f"{BASE}; UK Core is expected of senders and not enforced."
        ),
        "security": _security(fhir_base),
        "resource": [_resource(kind, [one for one in operations if one.resource_type == kind]) for kind in types],
    }
    if interactions := _interactions(system, _SYSTEM_INTERACTIONS):
        rest["interaction"] = interactions
    if named := _operations(system):
        rest["operation"] = named
    return {
        "resourceType": "CapabilityStatement",
        "url": f"{fhir_base}/metadata",
        "version": version,
        "name": "SharedPalliativeCareRecord",
        "title": "Shared palliative care record",
        "status": "active",
        "date": date,
        "kind": "instance",
        "software": {"name": "epaccs", "version": version},
        "implementation": {"description": "Shared palliative care record", "url": fhir_base},
        "fhirVersion": FHIR_VERSION,
        "format": ["json"],
        "rest": [rest],
    }


def _security(fhir_base: str) -> Json:
    """Say where tokens are had. No `authorize` address: nobody signs in here, systems bring signed assertions."""
    root = fhir_base.removesuffix("/fhir/R4")
    return {
        "extension": [
            {"url": _OAUTH_URIS, "extension": [{"url": "token", "valueUri": f"{root}/oauth2/token"}]},
        ],
        "service": [{"coding": [{"system": _SECURITY_SERVICE, "code": "SMART-on-FHIR"}]}],
        "description": "SMART Backend Services: client_credentials with private_key_jwt, then a Bearer token.",
    }


def _resource(kind: str, operations: Sequence[Operation]) -> Json:
    routed = {operation.interaction for operation in operations}
    stated: Json = {"type": kind}
    profiles = [] if kind in BASE_R4_ONLY else [f"{_UK_CORE}{kind}"]
    profiles += _own_profiles().get(kind, ())
    if kind == SUBSCRIPTION:
        stated["extension"] = [{"url": SERVED_TOPICS, "valueCanonical": TOPIC}]
        profiles.append(SUBSCRIPTION_PROFILE)
    if profiles:
        stated["supportedProfile"] = profiles
    stated["documentation"] = _documentation(kind)
    if interactions := _interactions(operations, _TYPE_INTERACTIONS):
        stated["interaction"] = interactions
    stated["versioning"] = "no-version" if kind == LOG else "versioned-update"
    stated["readHistory"] = "vread" in routed
    stated["updateCreate"] = False
    stated["conditionalCreate"] = "create" in routed and kind in CONDITIONAL_CREATE
    stated["conditionalUpdate"] = False
    stated["conditionalDelete"] = "not-supported"
    stated["referencePolicy"] = ["literal", "logical", "local"]
    if parameters := dict.fromkeys(name for operation in operations for name in operation.search_parameters):
        stated["searchParam"] = [_search_parameter(name) for name in parameters]
    if named := _operations(operations):
        stated["operation"] = named
    return stated


def _documentation(kind: str) -> str:
    sentences = []
    if kind in BASE_R4_ONLY:
        sentences.append(f"Base R4: UK Core has no profile of {kind}.")
    if kind == LOG:
        sentences.append("Who used a record: for its person, in plain words, and for privacy officers. Never written.")
        return " ".join(sentences)
    if kind == SUBSCRIPTION:
        sentences.append(
            "A client's own: rest-hook, for one person or the client's caseload, with notifications of the R5 "
            "Subscriptions backport. Updates need If-Match."
        )
        return " ".join(sentences)
    if kind in directory.TYPES:
        sentences.append(
            "In the shared directory (written by its own clients, read by every client) or in a person's record."
            if kind in ("Organization", "Location")
            else "In the shared directory: written by its own clients, read by every client."
        )
    elif kind == "Patient":
        sentences.append("One for each NHS number; creating it again answers with the one that is there.")
    else:
        sentences.append("Part of one person's record.")
    sentences.append("Updates and deletions need If-Match.")
    return " ".join(sentences)


def _interactions(operations: Iterable[Operation], codes: Sequence[str]) -> list[Json]:
    """Return the interactions of `codes` that are routed, each once however many routes serve it."""
    routed = {operation.interaction for operation in operations}
    return [{"code": code} for code in codes if code in routed]


def _operations(operations: Iterable[Operation]) -> list[Json]:
    """Return the operations, each once however many routes serve it."""
    by_name: dict[str, list[Operation]] = {}
    for operation in operations:
        if operation.interaction.startswith("$"):
            by_name.setdefault(operation.interaction.removeprefix("$"), []).append(operation)
    return [
        {
            "name": name,
            "definition": _DEFINED_ELSEWHERE.get(name, f"{BASE}/OperationDefinition/{name}"),
            "documentation": f"{' or '.join(dict.fromkeys(one.method for one in routes))}. {routes[0].summary}.",
        }
        for name, routes in by_name.items()
    ]


def _search_parameter(name: str) -> Json:
    parameter: Json = {"name": name, "type": SEARCH_TYPES[name]}
    if name in _SEARCH_WORDS:
        parameter["documentation"] = _SEARCH_WORDS[name]
    return parameter


@cache
def _own_profiles() -> dict[str, tuple[str, ...]]:
    """Return the canonical URLs of our own profiles by the type that they constrain."""
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted(PACKAGE.glob("StructureDefinition-*.json")):
        definition = msgspec.json.decode(path.read_bytes())
        if definition["kind"] == "resource":
            found[definition["type"]] = (*found.get(definition["type"], ()), definition["url"])
    return found
