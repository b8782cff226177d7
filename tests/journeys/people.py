"""A synthetic person whose plan a journey posts, and the few words in which journeys speak of answers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx

from fhir_profiles.canonical import code_system, structure_definition
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM, ODS_SYSTEM
from security.assertions import Asserted, b2b_extensions
from security.client_assertion import ASSERTION_TYPE, ClientAssertion
from security.clock import MovableClock
from security.demo_clients import DEMO_CLIENTS, private_key
from security.principal import NamedPerson, Purpose, Role
from service.people import invented
from service.people.plans import plan
from service.people.traits import Traits
from service.people.values import USER_ID
from service.wiring import clock_of
from tests.running import Running

Json = dict[str, Any]

CPR = "http://snomed.info/sct|304251008"
DR_TESTWICK = NamedPerson("555500000011", "Dr Anwen Testwick")
"""The GP of the demo practice who signs in through its system; the decisions of the plans are hers or her partner's."""
_FIRST = 800_000
"""NHS numbers of journeys are those of places from here, so that no other test meets them."""
_places: dict[tuple[str, int], int] = {}
_file = ""


@dataclass(frozen=True, slots=True)
class TimeMachine:
    """A service of its own, and the clock that it lives by."""

    service: Running
    clock: MovableClock


@dataclass(slots=True)
class Person:
    """One person's plan as a transaction, and after it was posted the references of its resources."""

    nhs_number: str
    bundle: Json
    references: list[str] = field(default_factory=list)

    @property
    def patient(self) -> str:
        """The reference of the Patient."""
        return self.reference("Patient")

    def resource(self, resource_type: str, wanted: Callable[[Json], bool] = lambda resource: True) -> Json:
        """Return the first resource of a type as it was sent."""
        return self._entry(resource_type, wanted)[1]

    def reference(self, resource_type: str, wanted: Callable[[Json], bool] = lambda resource: True) -> str:
        """Return the reference that the first such resource was given."""
        return self.references[self._entry(resource_type, wanted)[0]]

    def cpr(self) -> str:
        """Return the reference of the CPR decision."""
        return self.reference("Observation", is_cpr)

    def _entry(self, resource_type: str, wanted: Callable[[Json], bool]) -> tuple[int, Json]:
        for number, entry in enumerate(self.bundle["entry"]):
            resource = entry["resource"]
            if resource["resourceType"] == resource_type and wanted(resource):
                return number, resource
        raise LookupError(resource_type)


def people_of(file: str) -> None:
    """Let indexes be those of one file of tests from now on: many files share a service, and none meets another's."""
    global _file
    _file = file


def nhs_number(index: int) -> str:
    """Return the NHS number of person number `index` of the present file of tests."""
    return invented.nhs_number(_FIRST + _places.setdefault((_file, index), len(_places)))


def person(index: int, **traits: Any) -> Person:
    """Make up the plan of person number `index`; `traits` are those of `service.people.traits`."""
    number = nhs_number(index)
    return Person(number, plan(Random(f"journey:{_file}:{index}"), number, Traits(**traits), datetime.now(UTC)))


def admitted(service: Running, index: int, **traits: Any) -> Person:
    """Make up a person and let the practice post the plan."""
    return posted(service, person(index, **traits))


def posted(service: Running, someone: Person) -> Person:
    """Let the practice post the plan of a person, and note the references that it was given."""
    answer = service.call("POST", "", gp(service), someone.bundle, {"Prefer": "return=minimal"})
    assert answer.status_code == 200, answer.text
    someone.references = references_of(answer)
    return someone


def references_of(answer: httpx.Response) -> list[str]:
    """Return the references that a transaction gave, entry by entry."""
    return [entry["response"]["location"].partition("/_history")[0] for entry in answer.json()["entry"]]


def gp(service: Running) -> str:
    """Return a token of Dr Testwick, had from the token endpoint as a practice's system has it."""
    answer = ask_for_token(service, "demo-gp", Asserted("ZZGP01", Role.GP, Purpose.TREAT, DR_TESTWICK))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def crew(service: Running) -> str:
    """Return a token of a named paramedic of the demo ambulance service."""
    return service.token("ambulance", "ZZAMB1")


def assertion(service: Running, client: str, asserted: Asserted, **changed: Any) -> ClientAssertion:
    """Return what signs the assertions of a demo client; `changed` replaces fields of it."""
    algorithm = "ES384" if DEMO_CLIENTS[client].curve == "P-384" else "ES256"
    parts: dict[str, Any] = {
        "client_id": client,
        "audience": f"{service.settings.base_url}/oauth2/token",
        "key": private_key(service.settings.home, client),
        "key_id": f"{client}-1",
        "algorithm": algorithm,
        "clock": clock_of(service.settings),
        "extensions": b2b_extensions(asserted),
    }
    return ClientAssertion(**(parts | changed))


def ask_for_token(service: Running, client: str, asserted: Asserted) -> httpx.Response:
    """Ask the token endpoint with a fresh assertion (client_credentials, private_key_jwt)."""
    return send_assertion(service, assertion(service, client, asserted).sign())


def send_assertion(service: Running, signed: str, **more: str) -> httpx.Response:
    """Send one client assertion to the token endpoint."""
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": signed,
        **more,
    }
    return service.client.post(f"{service.settings.base_url}/oauth2/token", data=form)


def is_cpr(resource: Json) -> bool:
    """Say whether an Observation is about CPR."""
    return any(coding.get("code") == "304251008" for coding in resource.get("code", {}).get("coding", ()))


def cpr_decision(someone: Person, answer: str, *, days_ago: float = 0, **relations: str) -> Json:
    """Return a CPR decision of Dr Testwick, 450475007 for or 450476008 not for; relations name others."""
    decided = datetime.now(UTC) - timedelta(days=days_ago, seconds=5)
    extensions: list[Json] = [
        {"url": structure_definition("decision-basis"), "valueCode": "clinical-recommendation"},
        *(
            {"url": structure_definition(name.replace("_", "-")), "valueReference": {"reference": reference}}
            for name, reference in relations.items()
        ),
    ]
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "304251008"}]},
        "subject": {"reference": someone.patient},
        "effectiveDateTime": decided.isoformat(timespec="seconds"),
        "performer": [
            {
                "type": "Practitioner",
                "identifier": {"system": USER_ID, "value": DR_TESTWICK.id},
                "display": DR_TESTWICK.name,
            }
        ],
        "valueCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": answer}]},
        "extension": extensions,
    }


def explained(at: datetime | None = None) -> Json:
    """Return the confirmation that the person knows what crews will not see, as told at a moment, or now."""
    moment = datetime.now(UTC) if at is None else at
    by = {"system": USER_ID, "value": DR_TESTWICK.id}
    return {
        "url": structure_definition("emergency-view-confirmation"),
        "extension": [
            {"url": "explained-by", "valueIdentifier": by},
            {"url": "explained-at", "valueDateTime": moment.isoformat(timespec="seconds")},
            {"url": "understands", "valueBoolean": True},
        ],
    }


def sharing(someone: Person, kind: str, **rest: Any) -> Json:
    """Return an active sharing Consent of the person whose root provision is `permit` or `deny`.

    Who refuses knows that crews will not see the plan.
    """
    provision = {"type": kind, **rest.pop("provision", {})}
    if kind == "deny":
        rest["extension"] = [*rest.get("extension", ()), explained()]
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]
        },
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": someone.patient},
        "dateTime": datetime.now(UTC).isoformat(timespec="seconds"),
        "policyRule": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
                    "code": "OPTIN" if kind == "permit" else "OPTOUT",
                }
            ]
        },
        "provision": provision,
        **rest,
    }


def keeping_from(organisation: str, section: str) -> Json:
    """Return the provision by which a person keeps one section from one organisation."""
    participation = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
    return {
        "type": "deny",
        "actor": [
            {
                "role": {"coding": [{"system": participation, "code": "IRCP"}]},
                "reference": {"identifier": {"system": ODS_SYSTEM, "value": organisation}},
            }
        ],
        "code": [{"coding": [{"system": code_system("section"), "code": section}]}],
    }


def bare_patient(someone: Person, **changed: Any) -> Json:
    """Return the Patient as another organisation would send it: NHS number, name and birth date."""
    sent = someone.resource("Patient")
    patient = {
        "resourceType": "Patient",
        "identifier": [{"system": NHS_NUMBER_SYSTEM, "value": someone.nhs_number}],
        "name": copy.deepcopy(sent["name"]),
        "birthDate": sent["birthDate"],
    }
    return patient | changed


def transaction(*entries: tuple[str, str, Json | None] | tuple[str, str, Json | None, Mapping[str, str]]) -> Json:
    """Return a transaction of (method, url, resource, what else its request says)."""
    built = []
    for method, url, resource, *more in entries:
        entry: Json = {"request": {"method": method, "url": url, **(more[0] if more else {})}}
        if resource is not None:
            entry["resource"] = resource
        built.append(entry)
    return {"resourceType": "Bundle", "type": "transaction", "entry": built}


def issues_of(answer: httpx.Response) -> list[Json]:
    """Return the issues of an OperationOutcome."""
    body = answer.json()
    assert body["resourceType"] == "OperationOutcome", answer.text
    found: list[Json] = body["issue"]
    return found


def texts_of(answer: httpx.Response) -> str:
    """Return the sentences of an OperationOutcome in one."""
    return " ".join(issue["details"]["text"] for issue in issues_of(answer))


def code_of(answer: httpx.Response) -> str | None:
    """Return our own code for a refusal (`OperationOutcome.issue.details`), None when there is none."""
    codings = issues_of(answer)[0]["details"].get("coding", ())
    return next((str(coding["code"]) for coding in codings), None)


class Summary:
    """The emergency answer as a crew reads it: sections by their first code."""

    def __init__(self, answer: httpx.Response) -> None:
        assert answer.status_code == 200, answer.text
        self.bundle: Json = answer.json()
        self.text = answer.text
        first = self.bundle["entry"][0]["resource"]
        assert first["resourceType"] == "Composition"
        self.composition: Json = first

    def section(self, code: str) -> Json:
        """Return the section that draws on a section of the record."""
        for section in self.composition["section"]:
            if code in [coding["code"] for coding in section["code"]["coding"]]:
                return dict(section)
        raise LookupError(code)

    def state(self, code: str) -> str:
        """Return recorded, not-recorded or withheld-or-unavailable."""
        found = extension(self.section(code), "section-state")
        assert found is not None
        return str(found["valueCode"])

    def words(self, code: str) -> str:
        """Return the section's narrative."""
        return str(self.section(code)["text"]["div"])

    def items(self, code: str) -> list[Json]:
        """Return the items of a section."""
        return list(self.section(code).get("section", ()))

    def types(self) -> set[str]:
        """Return the types of all resources in the Bundle."""
        return {entry["resource"]["resourceType"] for entry in self.bundle["entry"]}


def summary(service: Running, token: str, nhs_number: str) -> Summary:
    """Ask for the emergency answer, which must be given."""
    return Summary(service.emergency(token, nhs_number))


def extension(element: Json, name: str) -> Json | None:
    """Return an element's extension of ours."""
    url = structure_definition(name)
    return next((one for one in element.get("extension", ()) if one["url"] == url), None)


def parts(found: Json | None) -> Json:
    """Return the parts of a complex extension by their url."""
    assert found is not None
    return {
        part["url"]: next(value for key, value in part.items() if key.startswith("value"))
        for part in found["extension"]
    }
