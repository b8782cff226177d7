"""The addresses that need no token, described by hand: they are few, and hold nothing of a person."""

from __future__ import annotations

from typing import Any

from security.grants import AUTH_METHOD, GRANT_TYPE
from service.api.negotiation import FHIR_JSON
from service.api.routes import PREFIX

Json = dict[str, Any]

TAG = "Discovery and tokens"
_TEXT = {"type": "string"}
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def public_paths() -> dict[str, Json]:
    """Return the Path Items of the public addresses."""
    smart = _get(
        "smart-configuration",
        "Where tokens are had, and how",
        {
            "token_endpoint": "https://plans.example.org/oauth2/token",
            "token_endpoint_auth_methods_supported": [AUTH_METHOD],
            "grant_types_supported": [GRANT_TYPE],
            "capabilities": ["client-confidential-asymmetric", "permission-v2"],
        },
    )
    capability = _get(
        "metadata",
        "What this service can do: its CapabilityStatement",
        {"resourceType": "CapabilityStatement", "status": "active", "kind": "instance", "fhirVersion": "4.0.1"},
        FHIR_JSON,
    )
    keys = _get("jwks", "The public keys that verify access tokens of this service", {"keys": []})
    live = _get("live", "Whether the process runs", {"status": "live"})
    ready = _get("ready", "Whether reads and durable writes can be served", {"status": "ready"})
    ready["responses"]["503"] = _answer("It cannot serve now.", {"status": "unavailable"})
    measured = _get("metrics", "Metrics in the text form of Prometheus", None)
    beside = {**smart, "operationId": "smart-configuration-of-the-fhir-base"}
    return {
        f"{PREFIX}/metadata": {"get": capability},
        "/oauth2/token": {"post": _token()},
        "/.well-known/smart-configuration": {"get": smart},
        f"{PREFIX}/.well-known/smart-configuration": {"get": beside},
        "/.well-known/jwks.json": {"get": keys},
        "/health/live": {"get": live},
        "/health/ready": {"get": ready},
        "/metrics": {"get": measured},
    }


def _get(operation_id: str, summary: str, example: Json | None, media_type: str = "application/json") -> Json:
    return {
        "tags": [TAG],
        "summary": summary,
        "operationId": operation_id,
        "security": [],
        "responses": {"200": _answer("Done.", example, media_type)},
    }


def _answer(description: str, example: Json | None, media_type: str = "application/json") -> Json:
    if example is None:
        return {"description": description, "content": {"text/plain": {"schema": _TEXT}}}
    return {"description": description, "content": {media_type: {"schema": {"type": "object"}, "example": example}}}


def _token() -> Json:
    form = {
        "type": "object",
        "required": ["grant_type", "client_assertion_type", "client_assertion"],
        "properties": {
            "grant_type": {"const": GRANT_TYPE},
            "scope": {**_TEXT, "description": "Space-separated; without it, all that the client is registered for."},
            "client_assertion_type": {"const": _ASSERTION_TYPE},
            "client_assertion": {
                **_TEXT,
                "description": (
                    "A JWT signed by the client: iss and sub are its client_id, aud this address, jti used once, exp "
                    "at most five minutes away. The claim `extensions` says for whom it acts: `hl7-b2b` "
                    "(organization_id, purpose_of_use, subject_id, subject_name, subject_role), `epaccs` (assurance, "
                    "incident, self_claim_reason)."
                ),
            },
        },
    }
    token = {"access_token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiJ9...", "token_type": "Bearer", "expires_in": 600}
    refused = {"error": "invalid_client", "error_description": "Client authentication failed."}
    malformed = {
        "error": "invalid_scope",
        "error_description": "A scope is not known, or the client is not registered for it.",
    }
    waiting = {"error": "invalid_request", "error_description": "Too many requests for tokens came to nothing."}
    away = {"error": "temporarily_unavailable", "error_description": "No token can be given now. Ask again."}
    return {
        "tags": [TAG],
        "summary": "Get an access token",
        "description": "SMART Backend Services: client_credentials with private_key_jwt.",
        "externalDocs": {"url": "https://hl7.org/fhir/smart-app-launch/backend-services.html"},
        "operationId": "token",
        "security": [],
        "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": form}}},
        "responses": {
            "200": _answer("A token for ten minutes.", {**token, "scope": "system/Patient.r"}),
            "400": _answer("The request is refused (RFC 6749, 5.2).", malformed),
            "401": _answer("The client is not who it says.", refused),
            "429": _answer("Too many requests from this address came to nothing: wait for Retry-After.", waiting),
            "503": _answer("No token can be given now: wait for Retry-After.", away),
        },
    }
