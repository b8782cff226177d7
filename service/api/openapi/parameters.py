"""Parameters and headers, each described once and referred to by name."""

from __future__ import annotations

from typing import Any

from service.api.metadata import SEARCH_TYPES
from service.api.openapi.schemas import schema_ref

Json = dict[str, Any]

TEXT: Json = {"type": "string"}
SEARCH_WORDS = {
    "_id": "The id of the resource.",
    "identifier": "system|value, in full.",
    "patient": "Patient/[id]: whose record is searched.",
    "code": "system|code, code alone, or system| for any of its codes; commas mean or.",
    "category": "system|code, code alone, or system|; commas mean or.",
    "status": "Commas mean or.",
    "date": "A date or time, after eq, ne, gt, lt, ge, le, sa or eb.",
    "entity": "Patient/[id]: whose log is asked for.",
    "_count": "Entries on a page, 1 to 100.",
    "url": "The endpoint, in full.",
}

PARAMETERS: dict[str, Json] = {
    "Id": {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "The id that this service gave.",
        "schema": schema_ref("id"),
    },
    "VersionId": {
        "name": "vid",
        "in": "path",
        "required": True,
        "description": "The version, as in the ETag.",
        "schema": {"type": "string", "pattern": "^[1-9][0-9]*$"},
    },
    "RefusedTextId": {
        "name": "id",
        "in": "query",
        "required": True,
        "description": "The id that the refusal named.",
        "schema": TEXT,
    },
    "RequestId": {
        "name": "X-Request-Id",
        "in": "header",
        "description": "Yours, a UUID, or one is made. It comes back with every answer, and is in the service's log.",
        "schema": {"type": "string", "pattern": "^[0-9A-Fa-f]{8}-?([0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}$"},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "required": True,
        "description": "The ETag of the version that you read.",
        "schema": TEXT,
        "example": 'W/"1"',
    },
    "IfNoneExist": {
        "name": "If-None-Exist",
        "in": "header",
        "description": "identifier=system|value. What carries it already is answered with 200, not made twice.",
        "schema": TEXT,
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A request repeated with its key gets its answer again; another with it is refused (422).",
        "schema": {"type": "string", "pattern": "^[!-~]{1,128}$"},
    },
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "description": "Whether the answer carries what was written.",
        "schema": {
            "type": "string",
            "enum": ["return=representation", "return=minimal"],
            "default": "return=representation",
        },
    },
    "XProvenance": {
        "name": "X-Provenance",
        "in": "header",
        "required": True,
        "description": "A Provenance as JSON whose reason[0].text (or code) says why this is deleted.",
        "schema": TEXT,
        "example": '{"resourceType":"Provenance","reason":[{"text":"Entered for the wrong person"}]}',
    },
}
HEADERS: dict[str, Json] = {
    "ETag": {"description": "The version, for If-Match.", "schema": TEXT, "example": 'W/"1"'},
    "LastModified": {"description": "When this version was recorded.", "schema": TEXT},
    "Location": {"description": "Where this version can be read.", "schema": TEXT},
    "EmergencyAccess": {"description": "What to send with what is read next, under the same name.", "schema": TEXT},
    "EmergencyAccessUntil": {"description": "When that ends (FHIR instant).", "schema": TEXT},
    "RequestId": {"description": "Quote it when you report a problem.", "schema": TEXT},
}
_SENT_AS = {
    "ETag": "ETag",
    "EmergencyAccess": "Emergency-Access",
    "EmergencyAccessUntil": "Emergency-Access-Until",
    "LastModified": "Last-Modified",
    "Location": "Location",
    "RequestId": "X-Request-Id",
}


def parameter_ref(name: str) -> Json:
    """Return a reference to the component parameter `name`."""
    return {"$ref": f"#/components/parameters/{name}"}


def header_refs(*names: str) -> Json:
    """Return the headers of an answer by the names that they are sent under; X-Request-Id is always one."""
    return {_SENT_AS[name]: {"$ref": f"#/components/headers/{name}"} for name in (*names, "RequestId")}


def search_parameter(name: str) -> Json:
    """Return a search parameter as it stands in a query."""
    words = f"{SEARCH_WORDS[name]} FHIR type: {SEARCH_TYPES[name]}."
    return {"name": name, "in": "query", "description": words, "schema": TEXT}
