"""One FHIR route in OpenAPI: what it takes, what it answers, and which failures are possible."""

from __future__ import annotations

from typing import Any

from fhir_profiles.r4 import CLIENTS_OWN_TYPES
from security.scopes import ACTIONS
from service.api.metadata import CONDITIONAL_CREATE
from service.api.negotiation import FHIR_JSON
from service.api.openapi.parameters import SEARCH_WORDS, header_refs, parameter_ref, search_parameter
from service.api.openapi.refusals import failed_ref, refusal_ref
from service.api.openapi.schemas import schema_ref
from service.api.openapi.shapes import OF_CLIENTS_OWN, RECORDED, SHAPES, Content, Shape
from service.api.routing import Operation
from service.record import directory

Json = dict[str, Any]

OAUTH = "smart"
BEARER = "token"
DECISION_TYPES = frozenset({"Observation", "CarePlan"})
"""Types of decisions that may have a rival (409)."""

_HTTP = "https://hl7.org/fhir/R4/http.html"
_FORM = "application/x-www-form-urlencoded"
_EVERYWHERE = (401, 403, 406, 503)
_MEANINGS = {200: "Done.", 201: "Made.", 204: "Deleted."}


def described(operation: Operation, operation_id: str) -> Json:
    """Return the Operation Object of a FHIR route."""
    kind = operation.resource_type
    shape = (OF_CLIENTS_OWN if kind in CLIENTS_OWN_TYPES else SHAPES).get(operation.interaction)
    shape = SHAPES[operation.interaction] if shape is None else shape
    answered: Json = {
        "tags": [kind or "Operations"],
        "summary": operation.summary,
        "operationId": operation_id,
        "security": [{OAUTH: scopes_of(operation)}, {BEARER: []}],
        "parameters": _parameters(operation, shape),
    }
    if shape.page:
        answered["externalDocs"] = {"url": f"{_HTTP}#{shape.page}"}
    if shape.words:
        answered["description"] = shape.words
    if _is_form(operation):
        answered["requestBody"] = {"required": True, "content": {_FORM: {"schema": _form(operation)}}}
    elif shape.body:
        answered["requestBody"] = {"required": True, "content": _content(shape.body, kind)}
    answered["responses"] = _responses(operation, shape)
    return {**answered, **operation.openapi}


def scopes_of(operation: Operation) -> list[str]:
    """Return the scope that a token needs for a route; none where each entry that is sent needs its own."""
    if operation.scope in ACTIONS:
        return [operation.scope]
    return [f"system/{operation.resource_type or '*'}.{operation.scope}"] if operation.scope else []


def stored_response(kind: str) -> Json:
    """Return the component response of a type that is read, or was updated: its current or named version."""
    return {
        "description": "This version, as far as it may be shown to you.",
        "headers": header_refs(*RECORDED),
        "content": _content(Content("{}-stored"), kind),
    }


def _is_form(operation: Operation) -> bool:
    return operation.interaction == "search-type" and operation.method == "POST"


def _parameters(operation: Operation, shape: Shape) -> list[Json]:
    names = [*shape.parameters, "RequestId"]
    if _is_conditional(operation):
        names.insert(0, "IfNoneExist")
    searched = () if _is_form(operation) else operation.search_parameters
    return [*map(search_parameter, searched), *map(parameter_ref, names)]


def _is_conditional(operation: Operation) -> bool:
    return operation.interaction == "create" and operation.resource_type in CONDITIONAL_CREATE


def _form(operation: Operation) -> Json:
    properties = {name: {"type": "string", "description": SEARCH_WORDS[name]} for name in operation.search_parameters}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _content(content: Content, kind: str) -> Json:
    name = content.example.format(kind)
    schema = schema_ref(content.schema or kind) if content.schema or kind else {"type": "object"}
    return {FHIR_JSON: {"schema": schema, "examples": {name: {"$ref": f"#/components/examples/{name}"}}}}


def _responses(operation: Operation, shape: Shape) -> Json:
    kind = operation.resource_type
    responses = {str(shape.status): _success(operation, shape)}
    if _is_conditional(operation):
        known: Json = {"description": "There already: nothing was made.", "headers": header_refs("Location")}
        if kind in directory.TYPES:
            known["content"] = _content(Content("{}-stored"), kind)
        responses = {"200": known, **responses}
    refusals = {*_EVERYWHERE, *shape.refusals}
    if _is_form(operation):
        refusals |= {413, 415}
    if kind in DECISION_TYPES and operation.interaction in ("create", "update"):
        refusals.add(409)
    return {**responses, **{str(status): refusal_ref(status) for status in sorted(refusals)}, "default": failed_ref()}


def _success(operation: Operation, shape: Shape) -> Json:
    if operation.interaction in ("read", "vread", "update"):
        return {"$ref": f"#/components/responses/{operation.resource_type}"}
    succeeded: Json = {"description": _MEANINGS[shape.status], "headers": header_refs(*shape.headers)}
    if shape.answer:
        succeeded["content"] = _content(shape.answer, operation.resource_type)
    return succeeded
