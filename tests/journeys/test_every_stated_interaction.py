"""What the CapabilityStatement states can be called, and what can be called is stated: each is called for real."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from fhir_profiles.canonical import structure_definition
from security.assertions import Asserted
from security.principal import Purpose, Role
from service.api.metadata import SUBSCRIPTION
from service.api.openapi.examples import examples, identifier_of
from service.api.openapi.messages import subscription
from service.record import directory
from tests.journeys.people import Person, admitted, ask_for_token, bare_patient, crew, gp, person, transaction
from tests.running import Running, parameters

Json = dict[str, Any]
Pair = tuple[str, str]

FIRST_INDEX = 4_000
SYSTEM_INDEX = 4_100
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
WHY = {"X-Provenance": json.dumps({"resourceType": "Provenance", "reason": [{"text": "Recorded by mistake"}]})}
KEPT = re.compile(r"\$refused-text\?id=[A-Za-z0-9_-]+")


def _rest(service: Running) -> Json:
    answer = service.call("GET", "/metadata", None)
    assert answer.status_code == 200, answer.text
    rest: Json = answer.json()["rest"][0]
    return rest


def _expect(answer: httpx.Response, *statuses: int) -> httpx.Response:
    assert answer.status_code in statuses, f"{answer.status_code} {answer.text[:400]}"
    return answer


def _told(value: Any, references: dict[str, str]) -> Any:
    """Return a copy of an example that points at the resources of a real plan."""
    if isinstance(value, dict):
        return {
            key: references.get(one, one) if key == "reference" else _told(one, references)
            for key, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [_told(one, references) for one in value]
    return value


def _example(someone: Person, kind: str, number: int) -> Json:
    """Return the published example of a type as a resource of this person, or as an entry of its own."""
    if kind == "Patient":
        return bare_patient(person(number + 500))
    references: dict[str, str] = {}
    for entry, reference in zip(someone.bundle["entry"], someone.references, strict=True):
        found = entry["resource"]["resourceType"]
        references.setdefault(f"{found}/{identifier_of(found)}", reference)
    resource: Json = _told(copy.deepcopy(examples()[kind]), references)
    if kind in directory.TYPES:
        resource["identifier"][0]["value"] = f"ZZE{number}"
        for key in ("providedBy", "managingOrganization"):
            resource.pop(key, None)
    if kind == "Provenance":
        resource["target"].append({"reference": someone.patient})
    if kind in ("Observation", "CarePlan"):
        stands = someone.cpr() if kind == "Observation" else someone.reference(kind)
        replaces = {"url": structure_definition("replaces"), "valueReference": {"reference": stands}}
        resource["extension"] = [*resource.get("extension", ()), replaces]
    return resource


def hospice_system(service: Running) -> str:
    """Return a token of the hospice's registered system, nobody named."""
    answer = ask_for_token(service, "demo-hospice", Asserted("ZZHSP1", Role.SYSTEM, Purpose.TREAT, None))
    return str(_expect(answer, 200).json()["access_token"])


@dataclass(slots=True)
class Calls:
    """The interactions with one resource of one type, in the order in which they can follow each other."""

    service: Running
    kind: str
    someone: Person
    number: int
    search_by: str
    reference: str = ""

    @property
    def token(self) -> str:
        """Return a token of who writes this type."""
        if self.kind == SUBSCRIPTION:
            return hospice_system(self.service)
        return self.service.token("system", "ZZDIR1") if self.kind in directory.TYPES else gp(self.service)

    def create(self) -> None:
        """POST [type]."""
        if self.kind == SUBSCRIPTION:
            sent = {**subscription(), "channel": {**subscription()["channel"], "endpoint": "http://127.0.0.1:9/told"}}
        else:
            sent = _example(self.someone, self.kind, self.number)
        answer = _expect(self.service.call("POST", f"/{self.kind}", self.token, sent), 201)
        self.reference = answer.headers["location"].partition("/fhir/R4/")[2].partition("/_history")[0]

    def read(self) -> None:
        """GET [type]/[id]."""
        answer = _expect(self.service.call("GET", f"/{self._stored()}", self.token), 200)
        assert answer.json()["resourceType"] == self.kind

    def vread(self) -> None:
        """GET [type]/[id]/_history/[vid]."""
        answer = _expect(self.service.call("GET", f"/{self._stored()}/_history/1", self.token), 200)
        assert answer.json()["meta"]["versionId"] == "1"

    def history(self) -> None:
        """GET [type]/[id]/_history."""
        answer = _expect(self.service.call("GET", f"/{self._stored()}/_history", self.token), 200)
        assert answer.json()["type"] == "history"
        assert answer.json()["total"] >= 1

    def search(self) -> None:
        """GET [type]?..., and the same by POST [type]/_search."""
        if self.kind == "AuditEvent":
            self._search_the_log()
            return
        by_get = self.service.call("GET", f"/{self.kind}?{self._query()}", self.token)
        by_post = self.service.call("POST", f"/{self.kind}/_search", self.token, self._query().encode(), FORM)
        for answer in (by_get, by_post):
            found = [entry["resource"]["id"] for entry in _expect(answer, 200).json().get("entry", ())]
            assert self._stored().partition("/")[2] in found, f"not found by {self.search_by}"

    def _search_the_log(self) -> None:
        officer, query = self.service.token("privacy_officer", "ZZGP01"), f"patient={self.someone.patient}"
        for answer in (
            self.service.call("GET", f"/AuditEvent?{query}", officer),
            self.service.call("POST", "/AuditEvent/_search", officer, query.encode(), FORM),
        ):
            assert _expect(answer, 200).json()["entry"]

    def update(self) -> None:
        """PUT [type]/[id] with If-Match."""
        current = _expect(self.service.call("GET", f"/{self._stored()}", self.token), 200)
        match = {"If-Match": current.headers["etag"]}
        answer = self.service.call("PUT", f"/{self._stored()}", self.token, current.json(), match)
        assert _expect(answer, 200).headers["etag"] != current.headers["etag"]

    def delete(self) -> None:
        """DELETE [type]/[id] with If-Match and a reason; of an organisation or a place, the one in the plan."""
        if self.kind == SUBSCRIPTION:
            _expect(self.service.call("DELETE", f"/{self._stored()}", self.token), 204)
            _expect(self.service.call("GET", f"/{self._stored()}", self.token), 404)
            return
        token = gp(self.service)
        reference = self._in_the_plan() if self.kind in directory.TYPES else self._stored()
        current = _expect(self.service.call("GET", f"/{reference}", token), 200)
        headers = {"If-Match": current.headers["etag"], **WHY}
        _expect(self.service.call("DELETE", f"/{reference}", token, None, headers), 204)
        _expect(self.service.call("GET", f"/{reference}", token), 410)

    def _stored(self) -> str:
        if not self.reference:
            self.reference = self.someone.reference(self.kind)
        return self.reference

    def _in_the_plan(self) -> str:
        """Return a resource of a directory type that is in the person's own record."""
        sent = _example(self.someone, self.kind, self.number)
        full_url = f"urn:uuid:{identifier_of(self.kind)}"
        current = self.service.call("GET", f"/{self.someone.patient}", gp(self.service))
        bundle = transaction(
            ("PUT", self.someone.patient, current.json(), {"ifMatch": current.headers["etag"]}),
            ("POST", self.kind, sent),
        )
        bundle["entry"][1]["fullUrl"] = full_url
        answer = _expect(self.service.call("POST", "", gp(self.service), bundle), 200)
        return str(answer.json()["entry"][1]["response"]["location"]).partition("/_history")[0]

    def _query(self) -> str:
        if self.search_by == "patient":
            return urlencode({"patient": self.someone.patient})
        return urlencode({"_id": self._stored().partition("/")[2]})


INTERACTIONS: dict[str, Callable[[Calls], None]] = {
    "create": Calls.create,
    "read": Calls.read,
    "vread": Calls.vread,
    "history-instance": Calls.history,
    "search-type": Calls.search,
    "update": Calls.update,
    "delete": Calls.delete,
}
"""Every interaction of a type, the deletion last."""


def _differences(stated: Iterable[Pair], called: Iterable[Pair], why: dict[Pair, str]) -> str:
    one, other = set(stated), set(called)
    lines = [f"stated, cannot be called: {' '.join(pair)}: {why.get(pair, 'unknown here')}" for pair in one - other]
    lines += [f"can be called, not stated: {' '.join(pair)}" for pair in other - one]
    return "\n" + "\n".join(sorted(lines))


def test_every_interaction_of_every_type_that_is_stated_can_be_called_and_no_other(service: Running) -> None:
    resources = {resource["type"]: resource for resource in _rest(service)["resource"]}
    stated = {(kind, one["code"]) for kind, resource in resources.items() for one in resource["interaction"]}
    called: set[Pair] = set()
    why: dict[Pair, str] = {}

    for number, kind in enumerate(sorted({*resources, *examples()}), FIRST_INDEX):
        names = [parameter["name"] for parameter in resources.get(kind, {}).get("searchParam", ())]
        search_by = "patient" if "patient" in names else "_id"
        calls = Calls(service, kind, admitted(service, number), number, search_by)
        for interaction, call in INTERACTIONS.items():
            try:
                call(calls)
            except (AssertionError, LookupError, ValueError) as failure:
                why[kind, interaction] = repr(failure)
            else:
                called.add((kind, interaction))

    assert called == stated, _differences(stated, called, why)


def _transaction(service: Running) -> None:
    admitted(service, SYSTEM_INDEX)


def _emergency_summary(service: Running) -> None:
    someone = admitted(service, SYSTEM_INDEX + 1)
    service.open_incident(someone.nhs_number)
    answer = _expect(service.emergency(crew(service), someone.nhs_number), 200)
    assert answer.json()["type"] == "document"


def _match(service: Running) -> None:
    someone = admitted(service, SYSTEM_INDEX + 5)
    body = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": bare_patient(someone)}]}
    answer = _expect(service.call("POST", "/Patient/$match", gp(service), body), 200)
    assert answer.json()["entry"][0]["resource"]["id"] == someone.patient.partition("/")[2]


def _open_incident(service: Running) -> None:
    assert service.open_incident(person(SYSTEM_INDEX + 2).nhs_number)


def _close_incident(service: Running) -> None:
    incident = service.open_incident(person(SYSTEM_INDEX + 3).nhs_number)
    control_room = service.token("system", "ZZCAD1")
    _expect(service.call("POST", "/$close-incident", control_room, parameters(id=incident)), 200)


def _crew_link(service: Running) -> None:
    incident = service.open_incident(person(SYSTEM_INDEX + 5).nhs_number)
    made = service.call("POST", "/$crew-link", service.token("system", "ZZCAD1"), parameters(id=incident))
    assert "/crew/i/" in _expect(made, 201).text


def _break_glass(service: Running) -> None:
    someone = admitted(service, SYSTEM_INDEX + 6)
    said = {"nhsNumber": someone.nhs_number, "birthDate": someone.resource("Patient")["birthDate"]}
    asked = parameters(**said, basis="unable_to_ask", reason="Found unconscious at home")
    token = service.token("ambulance", "ZZAMB1", user_id="zz-every-1", assurance=2)
    _expect(service.call("POST", "/Patient/$break-glass", token, asked), 200)


def _explain_access(service: Running) -> None:
    someone = admitted(service, SYSTEM_INDEX + 7)
    asked = parameters(nhsNumber=someone.nhs_number, role="gp", organization="ZZGP01", purpose="TREAT")
    token = service.token("privacy_officer", "ZZGP01")
    _expect(service.call("POST", "/Patient/$explain-access", token, asked), 200)


def _copies_held(service: Running) -> None:
    someone = admitted(service, SYSTEM_INDEX + 8)
    asked = parameters(patient=someone.patient)
    token = service.token("privacy_officer", "ZZGP01")
    _expect(service.call("POST", "/Patient/$copies-held", token, asked), 200)


def _answer_as_given(service: Running) -> None:
    someone = admitted(service, SYSTEM_INDEX + 9)
    service.open_incident(someone.nhs_number)
    _expect(service.emergency(service.token("ambulance", "ZZAMB1"), someone.nhs_number), 200)
    officer = service.token("privacy_officer", "ZZGP01")
    log = _expect(service.call("GET", f"/AuditEvent?entity={someone.patient}", officer), 200).json()["entry"]
    [event] = [one["resource"]["id"] for one in log if "$emergency-summary" in str(one)]
    asked = parameters(patient=someone.patient, event=f"AuditEvent/{event}")
    _expect(service.call("POST", "/Patient/$answer-as-given", officer, asked), 200)


def _refused_text(service: Running) -> None:
    someone = admitted(service, SYSTEM_INDEX + 4)
    reference, token = someone.reference("AllergyIntolerance"), gp(service)
    current = service.call("GET", f"/{reference}", token).json()
    stale = service.call("PUT", f"/{reference}", token, current, {"If-Match": 'W/"9"'})
    kept = KEPT.search(_expect(stale, 412).text)
    assert kept is not None, stale.text
    path, _, id = kept[0].partition("=")
    answer = _expect(service.call("GET", f"/{path}={quote(id)}", token), 200)
    assert reference.partition("/")[2] in answer.text


def _subscription_status(service: Running) -> None:
    token = hospice_system(service)
    for method in ("GET", "POST"):
        body = parameters() if method == "POST" else None
        answer = _expect(service.call(method, "/Subscription/$status", token, body), 200)
        assert answer.json()["type"] == "searchset"


SYSTEM: dict[Pair, Callable[[Running], None]] = {
    ("", "transaction"): _transaction,
    ("Patient", "$emergency-summary"): _emergency_summary,
    ("Patient", "$break-glass"): _break_glass,
    ("Patient", "$explain-access"): _explain_access,
    ("Patient", "$copies-held"): _copies_held,
    ("Patient", "$answer-as-given"): _answer_as_given,
    ("Patient", "$match"): _match,
    ("Subscription", "$status"): _subscription_status,
    ("", "$open-incident"): _open_incident,
    ("", "$close-incident"): _close_incident,
    ("", "$crew-link"): _crew_link,
    ("", "$refused-text"): _refused_text,
}
"""What is stated of the whole system, and every operation."""


def test_the_transaction_and_every_operation_that_is_stated_can_be_called(service: Running) -> None:
    rest = _rest(service)
    stated = {("", one["code"]) for one in rest["interaction"]}
    for holder in (rest, *rest["resource"]):
        stated |= {(holder.get("type", ""), f"${one['name']}") for one in holder.get("operation", ())}
    called: set[Pair] = set()
    why: dict[Pair, str] = {}

    for pair, call in SYSTEM.items():
        try:
            call(service)
        except (AssertionError, LookupError, ValueError) as failure:
            why[pair] = repr(failure)
        else:
            called.add(pair)

    assert called == stated, _differences(stated, called, why)
