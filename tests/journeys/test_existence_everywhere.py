"""Through no address of the API does a stranger learn who has a plan: whole answers are compared, of every role (I3).

The table of questions is made from the routes themselves, so that an address that is added is asked as well.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from security.principal import CLINICAL_ROLES
from service.api.routes import PREFIX, operations
from service.record import directory
from tests.journeys.people import Json, Person, admitted, gp, nhs_number, sharing, transaction
from tests.journeys.sharing_asking import told
from tests.running import Running, parameters

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
WHY = {"X-Provenance": '{"resourceType":"Provenance","reason":[{"text":"Not theirs"}]}', "If-Match": 'W/"1"'}
ASKS_ABOUT_NOBODY = {"$close-incident", "$refused-text"}
"""What names an incident of the caller's own, or what the caller itself sent."""
TAKING_ON = {"gp", "hospice", "community", "hospital"}
"""Who takes people on: that write is outside I3, and agrees on name and birth date first (5.9a)."""
PURPOSES = {"patient": "PATRQT", "proxy": "FAMRQT", "admin": "PATADMIN", "privacy_officer": "HCOMPL"}
CALLERS = [
    *("gp", "hospice", "community", "hospital", "ambulance", "nhs111", "care_home", "social_care", "patient", "proxy"),
    *("system", "admin", "coordination", "support", "education", "bereavement", "privacy_officer", "researcher"),
]


@dataclass(frozen=True, slots=True)
class Whom:
    """Somebody who has a plan or has none, by what a stranger may know of them: references of each type."""

    number: str
    references: dict[str, str]
    resources: dict[str, Json]
    identity: Json

    @property
    def patient(self) -> str:
        return self.references["Patient"]

    def of(self, kind: str) -> str:
        return self.references.get(kind, f"{kind}/{uuid.UUID(int=7)}")


def known(someone: Person) -> Whom:
    """Return one of each type of somebody's resources; what they send points at their own."""
    places = dict(zip((one["fullUrl"] for one in someone.bundle["entry"]), someone.references, strict=True))
    references: dict[str, str] = {}
    resources: dict[str, Json] = {}
    for entry, reference in zip(someone.bundle["entry"], someone.references, strict=True):
        kind = entry["resource"]["resourceType"]
        references.setdefault(kind, reference)
        resources.setdefault(kind, _pointing(entry["resource"], places))
    sent = someone.resource("Patient")
    identity = {key: sent[key] for key in ("resourceType", "identifier", "name", "birthDate")}
    return Whom(someone.nhs_number, references, resources, identity)


def unlike(someone: Whom, number: str) -> Whom:
    """Return nobody: the same with a number and with ids that were never given."""
    ids: dict[str, str] = {}

    def other(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: other(one) for key, one in value.items()}
        if isinstance(value, list):
            return [other(one) for one in value]
        if value == someone.number:
            return number
        if isinstance(value, str) and re.fullmatch(r"[A-Z][A-Za-z]+/[0-9a-f-]{36}", value):
            return ids.setdefault(value, f"{value.partition('/')[0]}/{uuid.UUID(int=len(ids) + 100)}")
        return value

    return Whom(number, other(someone.references), other(someone.resources), other(someone.identity))


def _pointing(value: Any, places: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _pointing(one, places) for key, one in value.items()}
    if isinstance(value, list):
        return [_pointing(one, places) for one in value]
    return places.get(value, value) if isinstance(value, str) else value


def question(interaction: str, method: str, path: str, kind: str, whom: Whom) -> tuple[str, str, Any, dict[str, str]]:
    """Return how one route is asked about somebody: method, path, body, headers."""
    here = whom.of(kind) if kind else ""
    path = path.removeprefix(PREFIX).replace("/{id}", f"/{here.partition('/')[2]}").replace("{vid}", "1")
    body: Any = None
    headers: dict[str, str] = {}
    sent = whom.resources.get(kind, {"resourceType": kind, "subject": {"reference": whom.patient}})
    match interaction:
        case "read" | "vread" | "history-instance":
            pass
        case "$emergency-summary":
            body = parameters(nhsNumber=whom.number)
        case "$break-glass":
            said = {"nhsNumber": whom.number, "birthDate": "1900-01-01", "basis": "unable_to_ask"}
            body = parameters(**said, reason="Found unconscious at home")
        case "$match":
            body = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": whom.identity}]}
        case "$open-incident" | "$crew-link":
            body = parameters(nhsNumber=whom.number, organization="ZZAMB9", incident="INC-9")
        case "$explain-access":
            body = parameters(nhsNumber=whom.number, role="gp", organization="ZZGP01", purpose="TREAT")
        case "$copies-held":
            body = parameters(patient=whom.patient)
        case "$answer-as-given":
            body = parameters(patient=whom.patient, event="AuditEvent/3f9c2b1a7d")
        case "transaction":
            body = transaction(("POST", "Observation", whom.resources["Observation"]))
        case "update":
            body, headers = {**sent, "id": here.partition("/")[2]}, {"If-Match": 'W/"1"'}
        case "create" if kind == "Patient":
            body = whom.identity
        case "create":
            body = sent
        case "delete":
            headers = WHY
        case "search-type":
            wanted = _search(kind, whom)
            if method == "GET":
                path += f"?{wanted}"
            else:
                body, headers = wanted.encode(), FORM
        case _:
            raise LookupError(f"nobody said how {interaction} is asked")
    return method, path, body, headers


def _search(kind: str, whom: Whom) -> str:
    if kind == "AuditEvent":
        return f"entity={quote(whom.patient)}"
    if kind == "Patient":
        return f"identifier={quote(f'{NHS_NUMBER_SYSTEM}|{whom.number}')}"
    if kind in directory.TYPES:
        return f"_id={whom.of(kind).partition('/')[2]}"
    return f"patient={quote(whom.patient)}"


@pytest.fixture(scope="module")
def two(service: Running) -> tuple[Whom, Whom]:
    """Somebody who refuses to share, and nobody."""
    someone = admitted(service, 8_650, advance_decision=True, alert="Large dog in the house")
    assert service.call("POST", "/Consent", gp(service), sharing(someone, "deny")).status_code == 201
    there = known(someone)
    return there, unlike(there, nhs_number(8_651))


@pytest.mark.parametrize("claims", [False, True], ids=["", "claiming"])
@pytest.mark.parametrize("role", CALLERS)
def test_every_address_answers_a_stranger_alike_of_somebody_and_of_nobody(
    service: Running, two: tuple[Whom, Whom], role: str, claims: bool
) -> None:
    if claims and role not in CLINICAL_ROLES:
        pytest.skip("only clinical roles claim a relationship")
    organisation = f"ZZX{CALLERS.index(role):02}{claims:d}"
    said: dict[str, Any] = {"assurance": 2, "purpose": PURPOSES.get(role, "TREAT")}
    if role != "system":
        said["user_id"] = two[1].number if role == "patient" else f"zz-stranger-{role}"
    if claims:
        said["self_claim_reason"] = "Called to the door by a neighbour"
    token = service.token(role, organisation, **said)
    asked = 0
    for one in operations():
        if one.resource_type not in (*two[0].references, "", "AuditEvent"):
            continue  # of a type of which the plan has nothing, the two would be asked alike
        takes_on = one.interaction == "create" and one.resource_type == "Patient" and role in TAKING_ON
        if one.interaction in ASKS_ABOUT_NOBODY or takes_on:
            continue
        answers = [
            service.call(method, path, token, body, headers)
            for method, path, body, headers in (
                question(one.interaction, one.method, one.path, one.resource_type, whom) for whom in two
            )
        ]
        there, nobody = (told(answer) for answer in answers)
        assert there == nobody, f"{one.method} {one.path}"
        asked += 1
    assert asked > 80
