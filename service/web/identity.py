"""Whom a page is about, in few words: enough to see at the door that it is this person (hazard H2). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from security.clock import LONDON
from service.plan.elements import Resource, identifier_of, person_name
from service.plan.times import span_of
from service.web.dates import short


@dataclass(frozen=True, slots=True)
class Person:
    """Whom it is about."""

    name: str
    born: str
    age: str
    nhs_number: str
    address: str
    died: str


def person_of(patient: Resource, now: datetime) -> Person:
    """Return whom a Patient is about, in the words of the screen."""
    number = identifier_of(patient, NHS_NUMBER_SYSTEM) or ""
    died = short(str(patient.get("deceasedDateTime", ""))) or ("yes" if patient.get("deceasedBoolean") else "")
    born = str(patient.get("birthDate", ""))
    return Person(
        name=person_name(patient.get("name")) or "Name not recorded",
        born=short(born) or "date not recorded",
        age="" if died else age_in_words(born, now),
        nhs_number=f"{number[:3]} {number[3:6]} {number[6:]}" if number else "not recorded",
        address=address_of(patient, now),
        died=died,
    )


def age_in_words(born: str, now: datetime) -> str:
    """Return a person's age in whole years, in months under two; empty for a partial date of birth."""
    if len(born) != 10:
        return ""
    day, today = datetime.fromisoformat(born).date(), now.astimezone(LONDON).date()
    months = (today.year - day.year) * 12 + today.month - day.month - (today.day < day.day)
    return f"{months // 12} years" if months >= 24 else f"{months} months"


def address_of(patient: Resource, now: datetime) -> str:
    """Return where somebody lives now, empty where that is not known: no address that has ended or has not begun."""
    usable: list[Resource] = [
        one
        for one in patient.get("address", ())
        if one.get("use") not in ("old", "billing") and _holds(one.get("period", {}), now)
    ]
    one = next((found for found in usable if found.get("use") == "home"), usable[0] if usable else {})
    parts = [*one.get("line", ()), one.get("city"), one.get("postalCode")]
    return str(one.get("text") or ", ".join(str(part) for part in parts if part))


def _holds(period: Resource, now: datetime) -> bool:
    """Say whether a Period covers a moment; its days are London's, the last one included."""
    begins, ends = span_of(period.get("start")), span_of(period.get("end"))
    return (begins is None or begins.earliest <= now) and (ends is None or now <= ends.latest)
