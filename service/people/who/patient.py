"""An identity as a FHIR Patient: what a practice's system would have of this person."""

from __future__ import annotations

from typing import Any

from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from service.people.who.identity import Identity
from service.people.who.streets import Property

HOSPITAL_NUMBER = "https://fhir.example.org/Id/hospital-number"
"""The system of the numbers that an invented hospital gives."""

ADDRESS_KEY = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-AddressKey"
_ADDRESS_KEY_TYPE = "https://fhir.hl7.org.uk/CodeSystem/UKCore-AddressKeyType"
_NO_NUMBER = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberUnavailableReason"
_NO_NUMBER_REASON = "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberUnavailableReason"
_WORDS = {
    "nhs-number-not-known": "NHS number not known",
    "overseas-patient": "Overseas patient",
    "devolved-nation": "Devolved nation",
}
_LANGUAGE = "http://hl7.org/fhir/StructureDefinition/language"
_CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_NO_FIXED_ABODE = "ZZ99 3VZ"
"""The postcode that the NHS gives to people of no fixed abode."""

Json = dict[str, Any]


def patient(who: Identity, *, flagged: bool = False) -> Json:
    """Return the Patient of an identity, without references to other resources.

    `flagged`: as PDS has a person whose whereabouts are protected, marked R and without address or telephone. Only for
    those who are `protected`.
    """
    resource: Json = {
        "resourceType": "Patient",
        "identifier": _identifiers(who),
        "active": True,
        "name": _names(who),
        "gender": who.gender,
        **_birth(who),
    }
    if who.no_number_reason:
        reason = {"system": _NO_NUMBER_REASON, "code": who.no_number_reason, "display": _WORDS[who.no_number_reason]}
        resource["extension"] = [{"url": _NO_NUMBER, "valueCodeableConcept": {"coding": [reason]}}]
    if flagged and who.protected:
        resource["meta"] = {"security": [{"system": _CONFIDENTIALITY, "code": "R", "display": "restricted"}]}
        return resource
    if phones := _phones(who):
        resource["telecom"] = phones
    resource["address"] = _addresses(who)
    return resource


def _identifiers(who: Identity) -> list[Json]:
    found: list[Json] = []
    if who.nhs_number:
        found.append({"use": "official", "system": NHS_NUMBER_SYSTEM, "value": who.nhs_number})
    if who.hospital_number:
        found.append({"use": "secondary", "system": HOSPITAL_NUMBER, "value": who.hospital_number})
    return found


def _names(who: Identity) -> list[Json]:
    names: list[Json] = [
        {"use": "official", "family": who.family, "given": list(who.given)},
        {"use": "usual", "text": who.usual},
    ]
    if who.nickname:
        names.append({"use": "nickname", "given": [who.nickname]})
    if who.other_form:
        names.append({"use": "old", "family": who.family, "given": [who.other_form]})
    if who.maiden_family:
        names.append({"use": "maiden", "family": who.maiden_family, "given": [who.given[0]]})
    if foreign := who.foreign:
        first, second = foreign.own_given, foreign.own_family
        if foreign.tradition.family_first:
            first, second = second, first
        names.append(
            {
                "extension": [{"url": _LANGUAGE, "valueCode": foreign.tradition.language}],
                "text": f"{first} {second}",
                "family": foreign.own_family,
                "given": [foreign.own_given],
            }
        )
    return names


def _birth(who: Identity) -> Json:
    day = who.born.isoformat()
    if who.born_known == "day":
        return {"birthDate": day}
    if who.born_known == "month":
        return {"birthDate": day[:7]}
    if who.born_known == "year":
        return {"birthDate": day[:4]}
    # a guess from how old somebody looks; FHIR R4 has no mark for it beyond leaving month and day out
    return {"birthDate": str(round(who.born.year / 5) * 5)}


def _phones(who: Identity) -> list[Json]:
    numbers = [(who.landline, "home"), (who.mobile, "mobile")]
    return [
        {"system": "phone", "value": number, "use": use, "rank": rank}
        for rank, (number, use) in enumerate([pair for pair in numbers if pair[0]], 1)
    ]


def _addresses(who: Identity) -> list[Json]:
    if who.home is None:
        return [{"use": "home", "text": "No fixed address", "postalCode": _NO_FIXED_ABODE}]
    first: tuple[str, ...] = ()
    if who.shared:
        first = (f"Room {who.index % 60 + 1}", who.shared.name)
    return [address(who.home, first, with_uprn=who.with_uprn)]


def address(place: Property, first: tuple[str, ...] = (), *, with_uprn: bool = False) -> Json:
    """Return a home address; `first` are lines before its own."""
    found: Json = {"use": "home", "line": [*first, *place.lines], "city": place.town, "postalCode": place.postcode}
    if with_uprn:
        kind = {"system": _ADDRESS_KEY_TYPE, "code": "UPRN", "display": "Unique Property Reference Number"}
        parts = [
            {"url": "type", "valueCodeableConcept": {"coding": [kind]}},
            {"url": "value", "valueString": place.uprn},
        ]
        found["extension"] = [{"url": ADDRESS_KEY, "extension": parts}]
    return found
