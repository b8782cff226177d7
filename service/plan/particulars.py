"""What is known of a person's identity, in a form that can be compared: read from a Patient, or said by who asks.

The two are of one type, so that comparing does not depend on which is which.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from service.plan import spelling

UPRN_EXTENSION = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-AddressKey"
_BORN = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
_PREVIOUS = frozenset({"old", "maiden"})


class Dwelling(msgspec.Struct, frozen=True, array_like=True):
    """An address: house number and street as `spelling.street` makes them, postcode, town, UPRN; '' for not known."""

    house: str = ""
    street: str = ""
    postcode: str = ""
    town: str = ""
    uprn: str = ""


class Particulars(msgspec.Struct, frozen=True, array_like=True):
    """Who somebody is. Names are plain (`spelling.plain`); `born` is a year, a month of a year, or a day.

    `families` holds every form of every family name, present and past; `givens` first and other given names; `called`
    what the person is called. `years_off`: how far `born` may be off, where only an age was told. `telephones` are
    those of the person and of contacts; `elsewhere` are numbers besides the NHS number, as `system|value`.
    """

    nhs_number: str = ""
    elsewhere: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    givens: tuple[str, ...] = ()
    called: tuple[str, ...] = ()
    born: str = ""
    years_off: int = 0
    gender: str = ""
    dwellings: tuple[Dwelling, ...] = ()
    telephones: tuple[str, ...] = ()

    @property
    def is_place_alone(self) -> bool:
        """Whether an address is all that is known: nothing of the person themselves."""
        said = (self.nhs_number, self.elsewhere, self.families, self.givens, self.called, self.born, self.telephones)
        return bool(self.dwellings) and not any(said)

    @property
    def year(self) -> int:
        """The year of birth; 0 where none is known."""
        return int(self.born[:4]) if self.born else 0


def of_patient(patient: dict[str, Any], contacts: Iterable[dict[str, Any]] = ()) -> Particulars:
    """Return what a Patient says, and the telephones of `contacts` (RelatedPerson and the like)."""
    numbers = [item for item in patient.get("identifier", ()) if item.get("value")]
    families: list[str] = []
    givens: list[str] = []
    called: list[str] = []
    for name in patient.get("name", ()):
        families += spelling.families(name.get("family", ""))
        given = [spelling.plain(part) for part in name.get("given", ())]
        (called if name.get("use") in ("nickname", "usual") else givens).extend(given)
        if not name.get("family") and not name.get("given") and name.get("text"):
            called.append(spelling.plain(name["text"]))
    born = str(patient.get("birthDate", ""))
    telecoms = [*patient.get("telecom", ())]
    for contact in (*patient.get("contact", ()), *contacts):
        telecoms += contact.get("telecom", ())
    return Particulars(
        nhs_number=next(
            (one["value"] for one in numbers if one.get("system") == NHS_NUMBER_SYSTEM and one.get("use") != "old"), ""
        ),
        elsewhere=_distinct(
            f"{one.get('system', '')}|{one['value']}" for one in numbers if one.get("system") != NHS_NUMBER_SYSTEM
        ),
        families=_distinct(families),
        givens=_distinct(givens),
        called=_distinct(called),
        born=born if _BORN.fullmatch(born) else "",
        gender=str(patient.get("gender", "")),
        dwellings=tuple(dict.fromkeys(_dwelling(address) for address in patient.get("address", ()))),
        telephones=_distinct(
            spelling.phone(str(one.get("value", "")))
            for one in telecoms
            if one.get("system") in ("phone", "sms", "pager")
        ),
    )


def unplaced(person: Particulars) -> Particulars:
    """Return what may tell who somebody is whose whereabouts are protected: no dwelling, telephone or local number."""
    return msgspec.structs.replace(person, dwellings=(), telephones=(), elsewhere=())


def _dwelling(address: dict[str, Any]) -> Dwelling:
    house = street = ""
    for line in address.get("line", ()):
        house, street = spelling.street(str(line))
        if house and street:
            break
    uprn = ""
    for extension in address.get("extension", ()):
        if extension.get("url") == UPRN_EXTENSION:
            parts = {part.get("url"): part for part in extension.get("extension", ())}
            kind = parts.get("type", {})
            codings = [kind.get("valueCoding", {}), *kind.get("valueCodeableConcept", {}).get("coding", ())]
            if any(coding.get("code") == "UPRN" for coding in codings):
                uprn = str(parts.get("value", {}).get("valueString", ""))
    return Dwelling(
        house,
        street,
        spelling.postcode(str(address.get("postalCode", ""))),
        spelling.place(str(address.get("city", ""))),
        uprn,
    )


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))
