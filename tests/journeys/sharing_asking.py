"""One caller of an example: who they are, what the person chose before they asked, and what they got in every way."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from tests.journeys.people import Json, explained
from tests.journeys.sharing_examples import (
    THE_CALLER,
    THEIR_ORGANISATION,
    THEIR_ROLE,
    Caller,
    Limits,
    Provision,
    as_fhir,
)
from tests.journeys.sharing_world import ATTORNEY, BORN, PATIENT, Known, World
from tests.running import parameters


@dataclass(frozen=True, slots=True)
class Got:
    """What one caller got about one person."""

    emergency: httpx.Response
    searched: httpx.Response
    read: httpx.Response
    vread: httpx.Response
    history: httpx.Response

    def without_search(self) -> list[httpx.Response]:
        """Return the answers whose status tells whether there was anything."""
        return [self.emergency, self.read, self.vread, self.history]

    def all(self) -> list[httpx.Response]:
        """Return every answer."""
        return [*self.without_search(), self.searched]


_ID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def told(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    """Return all that an answer tells, but for ids and times: status, headers, body."""
    headers = {name: value for name, value in answer.headers.items() if name not in ("date", "x-request-id")}
    return answer.status_code, headers, _ID.sub(b"ID", answer.content)


@dataclass(slots=True)
class Asking:
    """One caller of an example asks about one person: who they are, and what they got."""

    world: World
    caller: Caller
    person: Known
    organisation: str
    user: str
    token: str
    _got: Got | None = None
    _found: dict[str, Json] | None = None

    @classmethod
    def of(cls, world: World, caller: Caller, person: Known) -> Asking:
        """Sign a caller in; a stranger's organisation is one that nobody had before."""
        number = world.stranger()
        organisation = f"ZZ{number:05}" if caller.stranger else caller.organisation
        user = {"patient": person.nhs_number, "proxy": ATTORNEY}.get(caller.role, f"zz-inv-{number}")
        if caller.stranger:
            user = world.absent if caller.role == "patient" else f"zz-inv-{number}"
        claims: dict[str, Any] = {"assurance": 2, "purpose": caller.purpose}
        if caller.role != "system":
            claims["user_id"] = user
        if caller.claims:
            claims["self_claim_reason"] = "Called to the door by a neighbour"
        return cls(world, caller, person, organisation, user, world.token(caller.role, organisation, **claims))

    @property
    def got(self) -> Got:
        """What the caller got."""
        assert self._got is not None
        return self._got

    def note(self, section: str) -> str:
        """Return the reference of the person's note of a section."""
        return self.person.notes[section]

    def choose(self, chosen: Provision) -> bool:
        """Let the person write a sharing Consent in the place of the one before; say whether it was accepted."""
        person, call = self.person, self.world.service.call
        token = self.world.token("patient", "ZZAPP1", user_id=person.nhs_number)
        consent = _consent(person, as_fhir(chosen, self.user, self.organisation, self.caller.role), chosen.kind)
        if person.consent:
            sent = {**consent, "id": person.consent.partition("/")[2]}
            answer = call("PUT", f"/{person.consent}", token, sent, {"If-Match": f'W/"{person.version}"'})
        else:
            answer = call("POST", "/Consent", token, consent)
        if answer.is_success:
            person.consent = f"Consent/{answer.json()['id']}"
            person.version = int(answer.json()["meta"]["versionId"])
            return True
        assert answer.status_code == 422, answer.text
        found = call("GET", f"/Consent?patient={person.patient}", token).json().get("entry", ())
        kept = [(f"Consent/{entry['resource']['id']}", entry["resource"]["meta"]["versionId"]) for entry in found]
        assert kept == ([(person.consent, str(person.version))] if person.consent else [])
        return False

    def ask(self, asked_for: str) -> None:
        """Ask in every way about the person and one note."""
        list(self.world.filed())
        asked = self.person.patient if asked_for == PATIENT else self.note(asked_for)
        self._got = self._ask(self.person.nhs_number, self.person.patient, asked)

    def of_nobody(self, asked_for: str) -> Got:
        """Ask the same about somebody who does not exist."""
        kind = "Patient" if asked_for == PATIENT else "Observation"
        nobody = "00000000-0000-4000-8000-000000000000"
        return self._ask(self.world.absent, f"Patient/{nobody}", f"{kind}/{nobody}")

    def _ask(self, number: str, patient: str, asked: str) -> Got:
        call, token, headers = self.world.service.call, self.token, {}
        if self.caller.glass:
            said = {"nhsNumber": number, "birthDate": BORN, "basis": "unable_to_ask"}
            body = parameters(**said, reason="Found unconscious at home")
            emergency = call("POST", "/Patient/$break-glass", token, body)
            if "emergency-access" in emergency.headers:
                headers = {"Emergency-Access": emergency.headers["emergency-access"]}
        else:
            emergency = self.world.service.emergency(token, number)
        return Got(
            emergency,
            call("GET", f"/Observation?patient={patient}", token, headers=headers),
            call("GET", f"/{asked}", token, headers=headers),
            call("GET", f"/{asked}/_history/1", token, headers=headers),
            call("GET", f"/{asked}/_history", token, headers=headers),
        )

    def found(self) -> dict[str, Json]:
        """Return the notes that the search gave, by reference."""
        if self._found is None:
            bundle: Json = self.got.searched.json() if self.got.searched.status_code == 200 else {"total": 0}
            found = [entry["resource"] for entry in bundle.get("entry", ())]
            self._found = {f"Observation/{one['id']}": one for one in found}
            assert bundle["total"] == len(self._found)
        return self._found

    def composition(self) -> Json:
        """Return the Composition of the emergency answer."""
        first: Json = self.got.emergency.json()["entry"][0]["resource"]
        return first

    def in_emergency_answer(self) -> dict[str, Json]:
        """Return the resources of the emergency answer, by reference."""
        resources = [entry["resource"] for entry in self.got.emergency.json()["entry"][1:]]
        return {f"{one['resourceType']}/{one['id']}": one for one in resources}

    def names_the_caller(self, limits: Limits) -> bool:
        """Say whether limits are these alone: organisation, role or person, and each is the caller's."""
        if limits.sections or limits.tiers or limits.purposes or limits.start is not None or limits.end is not None:
            return False
        return (
            limits.organisation in ("", THEIR_ORGANISATION, self.organisation)
            and limits.role in ("", THEIR_ROLE, self.caller.role)
            and limits.person in ("", THE_CALLER)
            and (not limits.person or self.caller.role != "system")
        )


def _consent(person: Known, provision: Json, kind: str) -> Json:
    rule = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": _RULE[kind]}
    scope = {"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [scope]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": person.patient},
        "dateTime": datetime.now(UTC).isoformat(timespec="seconds"),
        "policyRule": {"coding": [rule]},
        "provision": provision,
        "extension": [explained()],
    }


_RULE = {"permit": "OPTIN", "deny": "OPTOUT"}
