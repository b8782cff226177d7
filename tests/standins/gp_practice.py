"""A practice's system behind the Spine Secure Proxy, and the Spine's directory, as strict as the real ones are.

Written from the specifications of GP Connect (Access Record: Structured, cross-organisation audit) and of the Spine
Directory Service; it imports nothing of the product's adapters. `faults` are what is answered instead, one by one.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Json = dict[str, Any]
PRACTICE, OUR_ASID, THEIR_ASID = "ZZGP01", "999999000001", "999999000002"
BASE = "https://practice.example.org/ZZGP01/STU3/1/gpconnect/structured/fhir"
INTERACTION = "urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1"
API_KEY = "key-of-the-tests"
_CODE_SYSTEM = "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1"
_MEDIA = "application/fhir+json;charset=utf-8"
_INCLUDES = {
    "includeAllergies": {"includeResolvedAllergies": "valueBoolean"},
    "includeMedication": {"includePrescriptionIssues": "valueBoolean", "medicationSearchFromDate": "valueDate"},
    "includeProblems": {"filterStatus": "valueCode"},
}


@dataclass(slots=True)
class Practice:
    """The practice and the directory. `people` are answers by NHS number, `moment` says the time in seconds."""

    moment: Callable[[], float]
    people: dict[str, Json] = field(default_factory=dict)
    faults: list[tuple[int, str]] = field(default_factory=list)
    systems: int = 1
    seen: list[Request] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    looked_up: int = 0

    @property
    def app(self) -> Starlette:
        """The web application: the proxy under `/ssp`, the directory under `/spine-directory/FHIR/R4`."""
        return Starlette(
            routes=[
                Route("/ssp/{rest:path}", self.structured, methods=["POST"]),
                Route("/spine-directory/FHIR/R4/{kind}", self.directory, methods=["GET"]),
            ]
        )

    async def structured(self, request: Request) -> Response:
        """Answer `$gpc.getstructuredrecord`."""
        self.seen.append(request)
        if self.faults:
            status, code = self.faults.pop(0)
            return _outcome(status, code)
        if request.path_params["rest"] != f"{BASE}/Patient/$gpc.getstructuredrecord":
            return self._refuse(404, "RESOURCE_NOT_FOUND", "the address")
        if problem := self._headers(request) or self._token(request.headers.get("authorization", "")):
            return self._refuse(400, "BAD_REQUEST", problem)
        try:
            number = self._asked(await request.json())
        except (KeyError, TypeError, ValueError, AssertionError) as problem:
            return self._refuse(422, "INVALID_PARAMETER", f"the body: {problem}")
        if not (number.isdecimal() and len(number) == 10):
            return self._refuse(400, "INVALID_NHS_NUMBER", "the NHS number")
        if number not in self.people:
            return _outcome(404, "PATIENT_NOT_FOUND")
        return JSONResponse(self.people[number], media_type=_MEDIA)

    async def directory(self, request: Request) -> Response:
        """Answer a search for devices or endpoints."""
        self.looked_up += 1
        asked = request.query_params
        organisation = asked.get("organization", "")
        identifiers = asked.getlist("identifier")
        interaction = f"https://fhir.nhs.uk/Id/nhsServiceInteractionId|{INTERACTION}"
        if request.headers.get("apikey") != API_KEY:
            return self._refuse(401, "ACCESS_DENIED", "the API key")
        if not _is_uuid(request.headers.get("x-request-id", "")) or interaction not in identifiers:
            return self._refuse(400, "BAD_REQUEST", "the question")
        known = organisation == f"https://fhir.nhs.uk/Id/ods-organization-code|{PRACTICE}"
        kind = request.path_params["kind"]
        if kind == "Endpoint" and "https://fhir.nhs.uk/Id/nhsMhsPartyKey|ZZGP01-0001" not in identifiers:
            return self._refuse(400, "BAD_REQUEST", "the party key")
        kinds: Json = {
            "Device": {
                "resourceType": "Device",
                "identifier": [
                    {"system": "https://fhir.nhs.uk/Id/nhsSpineASID", "value": THEIR_ASID},
                    {"system": "https://fhir.nhs.uk/Id/nhsMhsPartyKey", "value": "ZZGP01-0001"},
                ],
            },
            "Endpoint": {"resourceType": "Endpoint", "status": "active", "address": BASE},
        }
        found = kinds[kind]
        entries = [{"resource": found}] * (self.systems if known else 0)
        return JSONResponse({"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries})

    def _headers(self, request: Request) -> str:
        said = request.headers
        wanted = {"ssp-from": OUR_ASID, "ssp-to": THEIR_ASID, "ssp-interactionid": INTERACTION, "content-type": _MEDIA}
        for name, value in wanted.items():
            if said.get(name) != value:
                return name
        return "" if _is_uuid(said.get("ssp-traceid", "")) else "ssp-traceid"

    def _token(self, authorization: str) -> str:
        """Say which rule of the audit token is broken."""
        kind, _, token = authorization.partition(" ")
        parts = token.split(".")
        if kind != "Bearer" or len(parts) != 3 or parts[2]:
            return "the token is Bearer, in three parts, of which the last is empty"
        try:
            header, claims = (json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2])
        except ValueError:
            return "the token is not JSON"
        person, organisation = claims.get("requesting_practitioner", {}), claims.get("requesting_organization", {})
        rules = {
            "alg": header == {"alg": "none", "typ": "JWT"},
            "aud": claims.get("aud") == BASE,
            "exp": claims.get("exp") == claims.get("iat", 0) + 300,
            "iat": abs(claims.get("iat", 0) - self.moment()) < 300,
            "reason_for_request": claims.get("reason_for_request") == "directcare",
            "requested_scope": claims.get("requested_scope") == "patient/*.read",
            "iss": str(claims.get("iss", "")).startswith("https://"),
            "sub": bool(person.get("id")) and claims.get("sub") == person.get("id"),
            "requesting_practitioner": person.get("resourceType") == "Practitioner"
            and bool(person.get("name"))
            and "https://fhir.nhs.uk/Id/sds-user-id" in [one.get("system") for one in person.get("identifier", ())],
            "requesting_device": claims.get("requesting_device", {}).get("resourceType") == "Device",
            "requesting_organization": organisation.get("resourceType") == "Organization"
            and bool(organisation.get("name"))
            and organisation["identifier"][0]["system"] == "https://fhir.nhs.uk/Id/ods-organization-code",
        }
        return next((f"the claim {name}" for name, holds in rules.items() if not holds), "")

    def _asked(self, body: Json) -> str:
        """Return the NHS number; raise for a parameter that the operation does not have."""
        assert body["resourceType"] == "Parameters"
        number = ""
        for parameter in body["parameter"]:
            if parameter["name"] == "patientNHSNumber":
                assert parameter["valueIdentifier"]["system"] == "https://fhir.nhs.uk/Id/nhs-number"
                number = parameter["valueIdentifier"]["value"]
                continue
            allowed = _INCLUDES[parameter["name"]]
            for part in parameter.get("part", ()):
                assert allowed[part["name"]] in part, part["name"]
        assert number, "no person"
        return str(number)

    def _refuse(self, status: int, code: str, what: str) -> Response:
        self.wrong.append(what)
        return _outcome(status, code)


def _outcome(status: int, code: str) -> Response:
    issue = {"severity": "error", "code": "invalid", "details": {"coding": [{"system": _CODE_SYSTEM, "code": code}]}}
    return JSONResponse({"resourceType": "OperationOutcome", "issue": [issue]}, status, media_type=_MEDIA)


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
