"""Puts the OpenAPI document together from the routes. https://spec.openapis.org/oas/v3.1.0

FastAPI's own generator reads the signatures of handlers; a `FhirRoute` has none to read, because FHIR's media types,
headers and search parameters are not what it could say. What a route is stands in its `Operation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.routing import BaseRoute

from service import VERSION
from service.api.metadata import LOG
from service.api.openapi import interactions, messages
from service.api.openapi.addresses import TAG, public_paths
from service.api.openapi.examples import examples, stored
from service.api.openapi.parameters import HEADERS, PARAMETERS
from service.api.openapi.refusals import component_responses
from service.api.openapi.schemas import component_schemas
from service.api.routing import FhirRoute, Operation

Json = dict[str, Any]

_ABOUT = """One record per person nearing the end of life: what they want, and what was decided.

Every request carries an access token of one registered organisation. What is answered depends on the person's consent;
what is absent and what is not shared with you look the same (404, or an empty search). Never infer from either that
there is no plan. Identifiers of people belong in bodies, not in addresses: use POST and `_search`.
Any request may be answered with 429 and `Retry-After`: of a client that asks too often, or looks for people in vain.

All examples are invented."""
_VERBS = {"c": "create", "r": "read", "u": "update", "d": "delete", "s": "search"}


def openapi_document(routes: Sequence[BaseRoute]) -> Json:
    """Return the OpenAPI 3.1 document of the `FhirRoute`s among `routes` and of the public addresses."""
    fhir_routes = [route for route in routes if isinstance(route, FhirRoute)]
    paths: dict[str, Json] = {}
    for route in fhir_routes:
        operation = route.operation
        item = paths.setdefault(route.path_format, {})
        item[operation.method.lower()] = interactions.described(operation, str(route.operation_id))
    operations = [route.operation for route in fhir_routes]
    types = sorted({operation.resource_type for operation in operations if operation.resource_type})
    return {
        "openapi": "3.1.0",
        "info": {"title": "Shared palliative care record", "version": VERSION, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "tags": _tags(operations),
        "paths": {**paths, **public_paths()},
        "components": {
            "securitySchemes": _security_schemes(operations),
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "responses": {
                **component_responses({"$ref": "#/components/headers/RequestId"}),
                **{kind: interactions.stored_response(kind) for kind in types if kind != LOG},
            },
            "examples": {name: {"value": value} for name, value in _examples(operations).items()},
            "schemas": component_schemas(),
        },
    }


def _tags(operations: Sequence[Operation]) -> list[Json]:
    types = dict.fromkeys(operation.resource_type for operation in operations if operation.resource_type)
    return [
        {"name": "Operations", "description": "What concerns more than one resource."},
        {"name": TAG, "description": "Open to everybody: no token is needed."},
        *({"name": kind, "externalDocs": {"url": f"https://hl7.org/fhir/R4/{kind.lower()}.html"}} for kind in types),
    ]


def _security_schemes(operations: Sequence[Operation]) -> Json:
    scopes: dict[str, str] = {}
    for operation in operations:
        what = operation.resource_type or "any type"
        verb = _VERBS.get(operation.scope)
        told = f"{verb} {what}" if verb else operation.summary
        scopes |= dict.fromkeys(interactions.scopes_of(operation), told)
    return {
        interactions.OAUTH: {
            "type": "oauth2",
            "description": "SMART Backend Services; the client authenticates with a signed JWT (private_key_jwt).",
            "flows": {"clientCredentials": {"tokenUrl": "/oauth2/token", "scopes": dict(sorted(scopes.items()))}},
        },
        interactions.BEARER: {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A token that you have; in the demo, `epaccs token demo-gp` prints one.",
        },
    }


def _examples(operations: Sequence[Operation]) -> dict[str, Json]:
    types = {operation.resource_type for operation in operations}
    created = {operation.resource_type for operation in operations if operation.interaction == "create"}
    searched = {operation.resource_type for operation in operations if operation.interaction == "search-type"}
    made: dict[str, Json] = {
        "transaction": messages.transaction(),
        "transaction-response": messages.transaction_response(),
        "emergency-question": messages.asked_of_emergency_summary(),
        "emergency-answer": messages.emergency_answer(),
        "break-glass": messages.break_glass(),
        "explain-access": messages.explain_access(),
        "explanation": messages.explanation(),
        "copies-held": messages.copies_held(),
        "answer-as-given": messages.answer_as_given(),
        "copies": messages.copies(),
        "history": messages.history(examples()["Observation"]),
        "match-question": messages.match_question(),
        "matches": messages.matches(),
        "incident": messages.incident(),
        "incident-opened": messages.incident_opened(),
        "incident-id": messages.incident_id(),
        "incident-closed": messages.incident_closed(),
        "crew-link": messages.crew_link(),
        "AuditEvent-searchset": messages.log_page(),
        "Subscription": messages.subscription(),
        "Subscription-stored": messages.subscription_stored(),
        "Subscription-searchset": messages.subscriptions(),
        "Subscription-status": messages.subscription_status(),
    }
    for kind, resource in sorted(examples().items()):
        if kind in created:
            made[kind] = resource
        if kind in types:
            made[f"{kind}-stored"] = stored(resource)
        if kind in searched:
            made[f"{kind}-searchset"] = messages.searchset(resource)
    return made
