"""A few people of whom every part holds a word that nothing else holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from fhir_profiles.canonical import code_system
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM, ODS_SYSTEM, PROXY_USER_SYSTEM
from fhir_profiles.terminology import EPACCS, SNOMED
from security.audit import AuditEntry, AuditSealer
from security.clock import system_clock
from security.issuer import Issuer
from security.keys import open_keys
from security.registry import ClientRegistry
from service.opening import issuer_of
from service.people.values import USER_ID
from tests.journeys.people import DR_TESTWICK, Json, nhs_number, references_of, transaction
from tests.journeys.sharing_examples import HOLDER, ORGANISATION_OF
from tests.running import Running

SECTIONS = (
    *("cpr_decision", "treatment_escalation", "adrt", "lpa_health_welfare", "decision_context"),
    *("allergies", "preferred_place", "diagnoses", "care_plan", "what_matters", "about_me", "mental_health"),
    *("substance_use", "safeguarding", "third_party", "gender_recognition"),
)
"""The sections of which each person has a note."""
PATIENT = "the Patient"
"""Beside the sections, what may be asked for."""
GROUP = SECTIONS[:5]
URGENT = SECTIONS[:7]
ATTORNEY = "zz-attorney-9"
BORN = "1941-03-02"


def word_of(section: str, index: int) -> str:
    """Return the word that a person's part holds and nothing else does."""
    return f"zq{index}x{section.replace('_', '')}"


@dataclass(slots=True)
class Known:
    """A person of the examples: number, Patient, the notes by their section, and the Consent with its version."""

    index: int
    nhs_number: str
    patient: str
    notes: dict[str, str]
    consent: str = ""
    version: int = 0


def admit(service: Running, token: str, index: int) -> Known:
    """Let the practice post the plan of somebody who has something in every section."""
    number = nhs_number(index)
    answer = service.call("POST", "", token, _plan(number, index))
    assert answer.status_code == 200, answer.text
    references = references_of(answer)
    notes = [one for one in references if one.startswith("Observation/")]
    return Known(index, number, references[0], dict(zip(SECTIONS, notes, strict=False)))


def _plan(number: str, index: int) -> Json:
    doctor = {
        "type": "Practitioner",
        "identifier": {"system": USER_ID, "value": DR_TESTWICK.id},
        "display": DR_TESTWICK.name,
    }
    teams = sorted(set(ORGANISATION_OF.values()) - {"ZZAMB1", "ZZ1110", "ZZAPP1", "ZZCOO1"} - _BY_CONSENT)
    entries: list[Json] = [
        {
            "resourceType": "Patient",
            "identifier": [{"system": NHS_NUMBER_SYSTEM, "value": number}],
            "name": [{"use": "official", "family": word_of("name", index).capitalize(), "given": ["Ada"]}],
            "birthDate": BORN,
            "address": [{"line": [f"1 {word_of('address', index)} Street"], "city": "Exampleton"}],
            "generalPractitioner": [_organisation(HOLDER)],
        },
        {
            "resourceType": "CareTeam",
            "status": "active",
            "subject": {"reference": _PERSON},
            "participant": [{"member": _organisation(code)} for code in teams],
        },
        {
            "resourceType": "RelatedPerson",
            "patient": {"reference": _PERSON},
            "identifier": [{"system": PROXY_USER_SYSTEM, "value": ATTORNEY}],
            "relationship": [
                {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "HPOWATT"}]}
            ],
            "name": [{"family": "Example", "given": ["Attorney"]}],
        },
        *(_note(section, index, doctor) for section in SECTIONS),
        {
            "resourceType": "DocumentReference",
            "status": "current",
            "docStatus": "final",
            "type": {"coding": [{"system": SNOMED, "code": "1052921000000100"}]},
            "subject": {"reference": _PERSON},
            "content": [{"attachment": {"title": "Seen at the practice"}}],
            "context": {"related": [{"reference": _ATTORNEY}]},
        },
    ]
    bundle = transaction(*(("POST", one["resourceType"], one) for one in entries))
    for place, entry in enumerate(bundle["entry"]):
        entry["fullUrl"] = _urn(place)
    return bundle


def _urn(place: int) -> str:
    return f"urn:uuid:{place:08d}-0000-4000-8000-000000000000"


_PERSON, _ATTORNEY = _urn(0), _urn(2)
_BY_CONSENT = {ORGANISATION_OF[role] for role in ("support", "education", "bereavement")}


def _organisation(code: str) -> Json:
    return {"type": "Organization", "identifier": {"system": ODS_SYSTEM, "value": code}}


def _note(section: str, index: int, doctor: Json) -> Json:
    """Return the note of a section: of the decisions what makes them such."""
    word = word_of(section, index)
    note: Json = {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": code_system("section"), "code": section}]}],
        "code": {"text": word},
        "subject": {"reference": _PERSON},
        "effectiveDateTime": "2026-05-01",
        "performer": [doctor],
        "note": [{"text": f"{word} was said"}],
    }
    if section in ("what_matters", "allergies"):
        # What may be read points at what may not: that it is there must not be told either (I14).
        note["derivedFrom"] = [
            {"reference": _urn(3 + SECTIONS.index(one))}
            for one in ("mental_health", "safeguarding", "third_party", "gender_recognition", "cpr_decision")
        ]
    if section == "cpr_decision":
        note["code"] = {"coding": [{"system": SNOMED, "code": "304251008"}], "text": word}
        note["valueCodeableConcept"] = {"coding": [{"system": SNOMED, "code": "450476008"}]}
    elif section == "lpa_health_welfare":
        note["code"] = {"coding": [{"system": SNOMED, "code": "816361000000101"}], "text": word}
        note |= {"valueBoolean": True, "focus": [{"reference": _ATTORNEY}]}
    elif section == "decision_context":
        note["code"] = {"coding": [{"system": EPACCS, "code": "decision-capacity"}], "text": word}
        note["valueCodeableConcept"] = {"coding": [{"system": EPACCS, "code": "lacks-capacity"}]}
    return note


@dataclass(slots=True, repr=False)
class World:
    """A service with its people, and the means to be anybody and to read the audit."""

    service: Running
    known: list[Known] = field(default_factory=list)
    absent: str = ""
    _issuer: Issuer | None = field(default=None)
    _sealer: AuditSealer | None = field(default=None)
    _filed: int = 0
    _strangers: int = 0

    def stranger(self) -> int:
        """Return a number that nobody had before."""
        self._strangers += 1
        return self._strangers

    def token(self, role: str, organisation: str, **claims: Any) -> str:
        """Return a token for anyone; unlike `Running.token` this reads keys and clients once."""
        if self._issuer is None:
            settings = self.service.settings
            registry = ClientRegistry.load(settings.clients)
            self._issuer = issuer_of(settings, open_keys(settings.keys), registry, system_clock, None)
        return self._issuer.mint(role, organisation, **claims)

    def filed(self) -> Iterator[AuditEntry]:
        """Yield the audit entries that were filed since this was asked before."""
        settings = self.service.settings
        if self._sealer is None:
            self._sealer = AuditSealer(open_keys(settings.keys).audit_seal, settings.tenant)
        with closing(sqlite3.connect(f"file:{settings.store.removeprefix('sqlite://')}?mode=ro", uri=True)) as database:
            rows = database.execute(
                "SELECT filed, sealed FROM audit WHERE filed > ? ORDER BY filed", (self._filed,)
            ).fetchall()
        for filed, sealed in rows:
            self._filed = filed
            yield self._sealer.open(sealed)
