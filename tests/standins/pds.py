"""A stand-in of the NHS API platform and PDS FHIR R4 on a real socket, written from their specification alone.

It refuses what the real ones refuse: assertions with the wrong algorithm, key, audience or issuer, expired, too long
or used before; requests without a token or an X-Request-ID, or with one that was used already, unless it said itself
when to come back; anything but GET; more than five requests a second; parameters that a search does not have, and
more than one result.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit
from uuid import UUID

from joserfc import jwk, jwt
from joserfc.errors import JoseError

from fhir_profiles.identifiers import is_nhs_number
from security.clock import Clock

Json = dict[str, Any]
API_KEY = "stand-in-api-key"
KID = "stand-in-1"
BASE = "/personal-demographics/FHIR/R4"
NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
DEATH = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-DeathNotificationStatus"
SPINE = "https://fhir.nhs.uk/R4/CodeSystem/Spine-ErrorOrWarningCode"
PARAMETERS = frozenset(
    "_fuzzy-match _exact-match _history _max-results family given gender birthdate death-date address-postalcode"
    " address-postcode general-practitioner email phone".split()
)
GRANT = {
    "grant_type": "client_credentials",
    "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
}


def person(number: str, *, flag: str = "U", gp: str = "ZZGP01", status: str = "", died: str = "", **more: Any) -> Json:
    """Return a Patient as PDS keeps it."""
    patient: Json = {
        "resourceType": "Patient",
        "id": number,
        "meta": {"versionId": "2", "security": [{"system": CONFIDENTIALITY, "code": flag, "display": "said"}]},
        "identifier": [{"system": NHS_NUMBER, "value": number}],
        "name": [
            {"id": "123", "use": "usual", "family": "Testley", "given": ["Ada"], "period": {"start": "1990-01-01"}}
        ],
        "birthDate": "1940-05-06",
        "address": [{"use": "home", "line": ["1 Trevelyan Square"], "postalCode": "LS1 6AE"}],
        "telecom": [{"system": "phone", "value": "01632960587"}],
        "generalPractitioner": [
            {
                "id": "254406A3",
                "type": "Organization",
                "identifier": {"system": ODS, "value": gp, "period": {"start": "2020-01-01"}},
            }
        ],
        **more,
    }
    if died:
        patient["deceasedDateTime"] = died
    if status:
        coding = {"system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-DeathNotificationStatus", "code": status}
        inner = {"url": "deathNotificationStatus", "valueCodeableConcept": {"coding": [coding]}}
        patient["extension"] = [{"url": DEATH, "extension": [inner]}]
    return patient


@dataclass(slots=True)
class StandInPds:
    """What it knows, by NHS number. `superseded` leads from an old number to its new one; `invalidated` to nobody.

    `busy` are answers that are given before any other: a status, and Retry-After or ''. `token_answers` likewise at the
    token endpoint. `requests` are the paths that were answered, `seen` the X-Request-ID and X-Correlation-ID of all.
    """

    key: jwk.Key
    clock: Clock
    seconds: Callable[[], float]
    port: int = 0
    people: dict[str, Json] = field(default_factory=dict)
    superseded: dict[str, str] = field(default_factory=dict)
    invalidated: set[str] = field(default_factory=set)
    busy: list[tuple[int, str]] = field(default_factory=list)
    token_answers: list[tuple[int, Json]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    seen: list[tuple[str, str]] = field(default_factory=list)
    raw: bytes | None = None
    tokens: dict[str, datetime] = field(default_factory=dict)
    spent: set[str] = field(default_factory=set)
    may_come_back: set[str] = field(default_factory=set)
    times: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def base(self) -> str:
        """Its FHIR base."""
        return f"http://127.0.0.1:{self.port}{BASE}"

    @property
    def token_url(self) -> str:
        """Its token endpoint."""
        return f"http://127.0.0.1:{self.port}/oauth2/token"

    def add(self, patient: Json) -> None:
        """Know somebody, or know them anew."""
        self.people[patient["id"]] = patient

    # --- the token endpoint

    def token(self, body: bytes) -> tuple[int, Json]:
        """Answer a request for a token."""
        if self.token_answers:
            return self.token_answers.pop(0)
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        assertion = form.pop("client_assertion", "")
        if form != GRANT:
            return 400, {"error": "invalid_request", "error_description": "unsupported form"}
        try:
            decoded = jwt.decode(assertion, self.key, ["RS512"])
        except (JoseError, ValueError):
            return 401, {"error": "invalid_client", "error_description": "JWT could not be verified"}
        claims, now = decoded.claims, self.clock().timestamp()
        right = (
            decoded.header.get("kid") == KID,
            claims.get("iss") == claims.get("sub") == API_KEY,
            claims.get("aud") == self.token_url,
            now < claims.get("exp", 0) <= now + 300,
            _is_uuid(str(claims.get("jti"))) and claims["jti"] not in self.spent,
        )
        if not all(right):
            return 401, {"error": "invalid_client", "error_description": f"{right}", "message_id": "rrt-1"}
        self.spent.add(claims["jti"])
        token = f"token-{len(self.tokens) + 1}"
        self.tokens[token] = self.clock()
        return 200, {"access_token": token, "expires_in": "599", "token_type": "Bearer", "issued_at": "1"}

    # --- the API

    def answer(self, method: str, target: str, headers: dict[str, str]) -> tuple[int, Json, dict[str, str]]:
        """Answer a request to the API."""
        refused = self._refused(method, headers)
        if refused is not None:
            return refused
        parts = urlsplit(target)
        self.requests.append(parts.path.removeprefix(BASE))
        if parts.path == f"{BASE}/Patient":
            return self._searched(parts.query)
        return self._got(parts.path.removeprefix(f"{BASE}/Patient/"))

    def _refused(self, method: str, headers: dict[str, str]) -> tuple[int, Json, dict[str, str]] | None:
        request, token = headers.get("x-request-id", ""), headers.get("authorization", "").removeprefix("Bearer ")
        given = self.tokens.get(token)
        if given is None or (self.clock() - given).total_seconds() >= 599:
            return _outcome(401, "ACCESS_DENIED")
        if method != "GET":
            return _outcome(405, "UNSUPPORTED_SERVICE")
        if not _is_uuid(request):
            return _outcome(400, "MISSING_VALUE" if not request else "INVALID_VALUE")
        if request in {one for one, _ in self.seen} and request not in self.may_come_back:
            return _outcome(400, "INVALID_VALUE")
        self.seen.append((request, headers.get("x-correlation-id", "")))
        self.may_come_back.discard(request)
        now = self.seconds()
        self.times = [one for one in self.times if one > now - 1.0] + [now]
        if len(self.times) > 5:
            self.busy.insert(0, (429, ""))
        if self.busy:
            status, wait = self.busy.pop(0)
            if wait:
                self.may_come_back.add(request)
            code = {408: "UNABLE_TO_CALL_SERVICE", 429: "TOO_MANY_REQUESTS"}.get(status, "SERVER_ERROR")
            return _outcome(status, code, {"Retry-After": wait} if wait else {})
        return None

    def _got(self, number: str) -> tuple[int, Json, dict[str, str]]:
        if not is_nhs_number(number):
            return _outcome(400, "INVALID_RESOURCE_ID")
        if number in self.invalidated:
            return _outcome(404, "INVALIDATED_RESOURCE")
        found = self.people.get(self.superseded.get(number, number))
        return _outcome(404, "RESOURCE_NOT_FOUND") if found is None else (200, _shown(found), {})

    def _searched(self, query: str) -> tuple[int, Json, dict[str, str]]:
        asked = parse_qsl(query, keep_blank_values=True)
        names = {name for name, _ in asked}
        said = dict(asked)
        if names - PARAMETERS:
            return _outcome(400, "ADDITIONAL_PROPERTIES")
        if int(said.get("_max-results", "1")) > 1:
            return _outcome(403, "INVALID_VALUE")
        if not {"family", "birthdate"} <= names:
            return _outcome(400, "INVALID_SEARCH_DATA")
        born = said["birthdate"]
        if born[:2] not in ("eq", "ge", "le") or len(born) != 12:
            return _outcome(400, "INVALID_VALUE")
        found = [one for one in self.people.values() if _fits(one, said) and one["id"] not in self.superseded]
        if len(found) > 1:
            return _outcome(200, "TOO_MANY_MATCHES")
        entries = [{"search": {"score": 0.8976}, "resource": _shown(one)} for one in found]
        return 200, {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}, {}


def _fits(patient: Json, said: dict[str, str]) -> bool:
    name = patient["name"][0]
    postcode = said.get("address-postalcode", "")
    if postcode and patient["meta"]["security"][0]["code"] != "U":
        return False
    return (
        name["family"].casefold() == said["family"].casefold()
        and patient["birthDate"] == said["birthdate"][2:]
        and said.get("given", name["given"][0]) == name["given"][0]
        and postcode in ("", patient["address"][0]["postalCode"])
    )


def _shown(patient: Json) -> Json:
    """Return what is shown: of restricted people not where they are, nor by what they could be found."""
    if patient["meta"]["security"][0]["code"] == "U":
        return patient
    hidden = ("address", "telecom", "contact", "generalPractitioner")
    return {name: value for name, value in patient.items() if name not in hidden}


def _outcome(status: int, code: str, headers: dict[str, str] | None = None) -> tuple[int, Json, dict[str, str]]:
    details = {"coding": [{"system": SPINE, "version": "1", "code": code, "display": code}]}
    issue = {"severity": "error", "code": "value", "details": details, "diagnostics": "Invalid value - 'as it was'"}
    return status, {"resourceType": "OperationOutcome", "issue": [issue]}, headers or {}


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


@contextmanager
def standing(key: jwk.Key, clock: Clock, seconds: Callable[[], float]) -> Iterator[StandInPds]:
    """Run the stand-in for an application with this public key; `clock` and `seconds` are its time."""
    pds = StandInPds(key, clock, seconds)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Write nothing: its log would be the only one with an NHS number in it."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            with pds.lock:
                if self.path == "/oauth2/token":
                    self._answer(*pds.token(body), {})
                else:
                    self._answer(*pds.answer("POST", self.path, self._said()))

        def do_GET(self) -> None:
            with pds.lock:
                self._answer(*pds.answer("GET", self.path, self._said()))

        def _said(self) -> dict[str, str]:
            return {name.lower(): value for name, value in self.headers.items()}

        def _answer(self, status: int, body: Json, headers: dict[str, str]) -> None:
            content = json.dumps(body).encode() if pds.raw is None or self.command != "GET" else pds.raw
            self.send_response(status)
            for name, value in {"Content-Type": "application/fhir+json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    pds.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield pds
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
