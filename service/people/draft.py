"""A plan while it is being written, and those who write it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from service.people import around, invented, values
from service.people.localities import Locality, Named
from service.people.values import Json


@dataclass(slots=True)
class Draft:
    """A plan being written: entries in order, each with a `urn:uuid` of its own."""

    random: Random
    entries: list[Json] = field(default_factory=list)

    def add(self, resource: Json, condition: str | None = None) -> str:
        """Add a resource and return the URN by which the others refer to it."""
        bits = f"{self.random.getrandbits(128):032x}"
        urn = f"urn:uuid:{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-a{bits[17:20]}-{bits[20:]}"
        request = {"method": "POST", "url": resource["resourceType"]}
        if condition:
            request["ifNoneExist"] = condition
        self.entries.append({"fullUrl": urn, "resource": resource, "request": request})
        return urn

    def bundle(self) -> Json:
        """Return the whole as a transaction."""
        return {"resourceType": "Bundle", "type": "transaction", "entry": self.entries}


@dataclass(frozen=True, slots=True)
class Scene:
    """What every part of a plan refers to: whom it is about, who decides, and when.

    `when` is the time of the decisions, as FHIR writes it; `doctor` decides, `second` is another of the same practice.
    """

    draft: Draft
    subject: Json
    doctor: Json
    second: Json
    nurse: Json
    when: str
    now: datetime

    def add(self, resource: Json) -> str:
        """Add a resource to the plan."""
        return self.draft.add(resource)

    def before_now(self, days: int) -> str:
        """Return a time so many days ago, at least one."""
        return stamp(self.now - timedelta(days=max(days, 1)))

    def day(self, ahead: int) -> str:
        """Return a date so many days ahead."""
        return (self.now + timedelta(days=ahead)).date().isoformat()


def stamp(moment: datetime) -> str:
    """Write a time as FHIR does, in whole seconds."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def doctors(draft: Draft, locality: Locality, practice: Json) -> list[Json]:
    """Add two doctors of the practice and return references to them."""
    return [_doctor(draft, practice, who) for who in draft.random.sample(locality.doctors, 2)]


def nurse(draft: Draft, locality: Locality) -> Json:
    """Add a nurse with a telephone and return a reference."""
    user, given, family = draft.random.choice(locality.nurses)
    urn = draft.add(around.practitioner(user, "Nurse", given, family, invented.mobile(draft.random)))
    return values.author_reference(urn, user, f"Nurse {given} {family}")


def _doctor(draft: Draft, practice: Json, who: Named) -> Json:
    user, given, family = who
    urn = draft.add(around.practitioner(user, "Dr", given, family))
    reference = values.author_reference(urn, user, f"Dr {given} {family}")
    draft.add(around.practitioner_role(reference, practice, "General practitioner"))
    return reference
