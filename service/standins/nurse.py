"""What a nurse writes on the hospice's own page: a preferred place of death, or a CPR decision.

It is written as that system would: coded, with who decided and when; a new CPR decision names the one that it replaces.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fhir_profiles.canonical import structure_definition
from fhir_profiles.identifiers import ODS_SYSTEM, SDS_USER_SYSTEM
from fhir_profiles.terminology import FOR_CPR, NOT_FOR_CPR, SNOMED, display_of
from service.standins.decisions import CPR, ENDS, PLACE_OF_DEATH, RANK, is_coded, name_of, words_of
from service.standins.ledger import Ledger
from service.standins.shelf import Shelf, Version

Json = dict[str, Any]
PLACES = {"home": "110481000000108", "hospice": "108401000000102", "care home": "710571000000101"}
CPR_ANSWERS = {"not for CPR": NOT_FOR_CPR, "for CPR": FOR_CPR}
_BASIS = structure_definition("decision-basis")


class Nurse:
    """Somebody who works where the stand-in stands. Nurse and organisation are made when they are not there yet."""

    def __init__(self, shelf: Shelf, ledger: Ledger, name: str, organisation: str, title: str) -> None:
        self._shelf = shelf
        self._ledger = ledger
        given, _, family = name.rpartition(" ")
        self._name = {"family": family, **({"given": [given]} if given else {})}
        self._organisation = organisation
        self._title = title

    def place(self, person: str, place: str, now: datetime) -> Version:
        """Record where somebody wants to die: a new version of the first choice that is there, or a new entry."""
        value = _concept(PLACES[place])
        held = self._first_choice(person)
        if held is not None and held.resource is not None:
            changed = {
                **held.resource,
                "valueCodeableConcept": value,
                "effectiveDateTime": _seconds(now),
                "performer": self._performers(),
            }
            changed.pop("dataAbsentReason", None)
            return self._kept("update", self._shelf.update("Observation", held.id, changed))
        resource = self._observation(PLACE_OF_DEATH, person, value, now)
        resource["extension"] = [{"url": RANK, "valuePositiveInt": 1}]
        return self._kept("create", self._shelf.create(resource))

    def cpr(self, person: str, answer: str, reason: str, now: datetime) -> Version:
        """Record a CPR decision; it replaces those that are here."""
        replaced = [
            {"url": ENDS[0], "valueReference": {"reference": reference}} for reference in self._standing_cpr(person)
        ]
        resource = self._observation(CPR, person, _concept(CPR_ANSWERS[answer]), now)
        resource["extension"] = [{"url": _BASIS, "valueCode": "clinical-recommendation"}, *replaced]
        if reason:
            resource["note"] = [{"text": reason}]
        return self._kept("create", self._shelf.create(resource))

    def _about(self, person: str, coding: tuple[str, str]) -> list[Version]:
        pointing = self._shelf.pointing_at(person)
        return [
            one
            for one in self._shelf.all("Observation")
            if one.reference in pointing
            and one.resource is not None
            and is_coded(one.resource, coding)
            and one.resource.get("status") not in ("entered-in-error", "cancelled")
        ]

    def _first_choice(self, person: str) -> Version | None:
        for one in reversed(self._about(person, PLACE_OF_DEATH)):
            ranks = [ext.get("valuePositiveInt") for ext in (one.resource or {}).get("extension", ())]
            if 2 not in ranks:
                return one
        return None

    def _standing_cpr(self, person: str) -> list[str]:
        held = self._about(person, CPR)
        ended = {
            ext.get("valueReference", {}).get("reference")
            for one in held
            for ext in (one.resource or {}).get("extension", ())
            if ext.get("url") in ENDS
        }
        return [one.reference for one in held if one.reference not in ended]

    def _observation(self, coding: tuple[str, str], person: str, value: Json, now: datetime) -> Json:
        return {
            "resourceType": "Observation",
            "status": "final",
            "code": _concept(coding[1]),
            "subject": {"reference": person},
            "effectiveDateTime": _seconds(now),
            "performer": self._performers(),
            "valueCodeableConcept": value,
        }

    def _performers(self) -> list[Json]:
        """Return who decides, in which role and for whom, as one reference to a PractitionerRole; make it the first
        time. Whoever takes a decision in needs all three."""
        organisation = self._known("Organization", ODS_SYSTEM, self._organisation, {"name": self._title})
        number = f"{self._organisation.lower()}-nurse-1"
        nurse = self._known("Practitioner", SDS_USER_SYSTEM, number, {"name": [self._name]})
        role = {
            "practitioner": {"reference": nurse},
            "organization": {"reference": organisation},
            "code": [{"text": "Nurse"}],
        }
        acting = self._known("PractitionerRole", SDS_USER_SYSTEM, number, role)
        return [{"reference": acting, "display": name_of({"name": [self._name]})}]

    def _known(self, kind: str, system: str, value: str, content: Json) -> str:
        held = self._shelf.named(kind, system, value)
        if held:
            return held[0].reference
        identified = {"resourceType": kind, "identifier": [{"system": system, "value": value}], **content}
        return self._kept("create", self._shelf.create(identified)).reference

    def _kept(self, what: str, version: Version) -> Version:
        resource = version.resource or {}
        person = self._shelf.resource(resource.get("subject", {}).get("reference", ""))
        about = name_of(person) if person else ""
        self._ledger.effect(what, version.reference, version.number, words_of(resource), about, ours=True)
        return version


def _concept(code: str) -> Json:
    display = display_of(SNOMED, code)
    return {"coding": [{"system": SNOMED, "code": code, **({"display": display} if display else {})}]}


def _seconds(now: datetime) -> str:
    return now.isoformat(timespec="seconds").replace("+00:00", "Z")
