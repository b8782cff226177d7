"""What PDS says of a person, put against what is recorded here: what changes, and what somebody has to look at. Pure.

PDS is believed about the number, the flag, the death and the practice of the person whom it means; whether that is the
person of this record is judged by family name and birth date first (hazard H2). It is not believed about anybody who
does not fit, but for one thing: protection that it asks for is given. Names, birth date, address and telephones stay
what those who know the person wrote.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from adapters.pds_person import DEATH_STATUS, PdsPerson
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from security.labels import SFlag
from service.record import derive
from service.record.registration import moved
from service.sync.identity_review import Review

Resource = dict[str, Any]
VERIFICATION = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"
_VERIFICATION_CODES = "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland"
_DEATH_CODES = "https://fhir.hl7.org.uk/CodeSystem/UKCore-DeathNotificationStatus"
VERIFIED, NO_MATCH, TO_RESOLVE = "01", "04", "05"
_VERIFICATION_WORDS = {
    VERIFIED: "Number present and verified",
    NO_MATCH: "Trace attempted - No match or multiple match found",
    TO_RESOLVE: "Trace needs to be resolved - (NHS number or patient detail conflict)",
}
_FLAGS = (SFlag.UNRESTRICTED, SFlag.RESTRICTED, SFlag.VERY_RESTRICTED)


class Did(StrEnum):
    """What was taken over from PDS, in words for logs and people."""

    VERIFIED = "verified"
    NOT_VERIFIED = "not-verified"
    RENUMBERED = "renumbered"
    FLAG_RAISED = "flag-raised"
    FLAG_TAKEN = "flag-taken"
    DIED = "died"
    DEATH_REMOVED = "death-removed"
    PRACTICE = "practice"
    FROZEN = "frozen"
    THAWED = "thawed"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Known:
    """What the record says of its person, beside the Patient itself."""

    sflag: SFlag
    former_numbers: tuple[str, ...] = field(default=(), repr=False)
    invalidated: str = field(default="", repr=False)


@dataclass(slots=True)
class Judged:
    """What the record shall say. `reviews` are what somebody has to settle, each with what it was raised about."""

    patient: Resource = field(repr=False)
    known: Known
    did: list[Did] = field(default_factory=list)
    reviews: list[tuple[Review, str]] = field(default_factory=list, repr=False)

    def ask(self, review: Review, about: str) -> None:
        """Have somebody look; `about` tells one occasion from another and is only compared."""
        self.reviews.append((review, about))


def judge(
    patient: Resource, known: Known, person: PdsPerson, *, rival: bool, resources: Mapping[str, Resource]
) -> Judged:
    """Return what becomes of a record when PDS says this of its person.

    `rival`: the number that superseded theirs has another record here. `resources` are those of
    the record, by reference: what the Patient points at.
    """
    judged = Judged(deepcopy(patient), known)
    same = is_same(patient, person)
    _flag(judged, SFlag(person.sflag), lower=same)
    if known.invalidated:
        judged.known = Known(judged.known.sflag, known.former_numbers)
        judged.did.append(Did.THAWED)
    if not same:
        _verify(judged, TO_RESOLVE)
        judged.ask(Review.DETAILS_DIFFER, f"{person.nhs_number}|{person.family}|{person.birth_date}")
        return judged
    _death(judged, person)
    if person.nhs_number == derive.identity_of(patient).nhs_number:
        _verify(judged, VERIFIED)
    elif rival:
        _verify(judged, TO_RESOLVE)
        judged.ask(Review.TWO_RECORDS, person.nhs_number)
        return judged
    else:
        _renumber(judged, person.nhs_number)
        _verify(judged, VERIFIED)
    registered = moved(judged.patient, person.gp_ods, resources)
    if registered is not judged.patient:
        judged.patient = registered
        judged.did.append(Did.PRACTICE)
    return judged


def judge_unknown(patient: Resource, known: Known) -> Judged:
    """Return what becomes of a record whose number PDS does not know."""
    judged = Judged(deepcopy(patient), known)
    _verify(judged, NO_MATCH)
    judged.ask(Review.NOT_KNOWN, derive.identity_of(patient).nhs_number)
    return judged


def judge_invalidated(patient: Resource, known: Known) -> Judged:
    """Return what becomes of a record whose number PDS declared invalid: nothing is shared until that is settled."""
    number = derive.identity_of(patient).nhs_number
    judged = Judged(deepcopy(patient), Known(known.sflag, known.former_numbers, number))
    if known.invalidated != number:
        judged.did.append(Did.FROZEN)
    _verify(judged, TO_RESOLVE)
    judged.ask(Review.INVALIDATED, number)
    return judged


def is_same(patient: Resource, person: PdsPerson) -> bool:
    """Say whether PDS means the person of this Patient. What either does not say is no agreement.

    A birth date that one of the two knows to the year or month alone may be the other's. PDS may know the person by any
    name that the Patient has, a former one included.
    """
    born, said = str(patient.get("birthDate", "")), person.birth_date
    if not born or not said or not (born.startswith(said) or said.startswith(born)):
        return False
    ours = {_folded(name.get("family", "")) for name in patient.get("name", ())}
    return _folded(person.family) in ours - {""}


def status_of(patient: Resource) -> str:
    """Return how far the Patient's NHS number is verified: a code of NHSNumberVerificationStatusEngland, or ''."""
    for number in _numbers(patient):
        for extension in number.get("extension", ()):
            if extension.get("url") == VERIFICATION:
                codings = extension.get("valueCodeableConcept", {}).get("coding", ())
                return next((str(one["code"]) for one in codings if "code" in one), "")
    return ""


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _numbers(patient: Resource) -> Iterator[Resource]:
    for one in patient.get("identifier", ()):
        if one.get("system") == NHS_NUMBER_SYSTEM and one.get("use") != "old":
            yield one


def _flag(judged: Judged, said: SFlag, *, lower: bool) -> None:
    known = judged.known
    if _FLAGS.index(said) > _FLAGS.index(known.sflag):
        judged.did.append(Did.FLAG_RAISED)
    elif said is not known.sflag and lower:
        judged.did.append(Did.FLAG_TAKEN)
    else:
        return
    judged.known = Known(said, known.former_numbers, known.invalidated)


def _verify(judged: Judged, status: str) -> None:
    if status_of(judged.patient) == status:
        return
    coding = {"system": _VERIFICATION_CODES, "code": status, "display": _VERIFICATION_WORDS[status]}
    extension = {"url": VERIFICATION, "valueCodeableConcept": {"coding": [coding]}}
    for number in _numbers(judged.patient):
        others = [one for one in number.get("extension", ()) if one.get("url") != VERIFICATION]
        number["extension"] = [*others, extension]
    judged.did.append(Did.VERIFIED if status == VERIFIED else Did.NOT_VERIFIED)


def _renumber(judged: Judged, number: str) -> None:
    """Give the person the number that PDS has for them, and keep the one before it as a former one."""
    patient, before = judged.patient, derive.identity_of(judged.patient).nhs_number
    listed = []
    for one in patient.get("identifier", ()):
        former = one.get("use") == "old" and one.get("value") not in (number, before)
        if former or one.get("system") != NHS_NUMBER_SYSTEM:
            listed.append(one)
    theirs = {"use": "official", "system": NHS_NUMBER_SYSTEM, "value": number}
    patient["identifier"] = [theirs, {"use": "old", "system": NHS_NUMBER_SYSTEM, "value": before}, *listed]
    numbers = dict.fromkeys((*judged.known.former_numbers, before))
    judged.known = Known(judged.known.sflag, tuple(one for one in numbers if one != number))
    judged.did.append(Did.RENUMBERED)


def _death(judged: Judged, person: PdsPerson) -> None:
    patient = judged.patient
    life, died = derive.life_of(patient)
    status = person.death_status
    if status == "U":
        if life == "verified_death":
            judged.ask(Review.DEATH_DISAGREES, "U")
        elif life != "alive":
            _set_death(patient, "", "")
            judged.did.append(Did.DEATH_REMOVED)
    elif status == "":
        if bool(person.died) != (life != "alive") and life != "verified_death":
            judged.ask(Review.DEATH_DISAGREES, person.died)
    elif status == "1" and life == "verified_death":
        return  # a clinician saw it; that somebody told PDS of it says less
    elif (life, died) != ("formal_death" if status == "2" else "informal_death", person.died or died):
        _set_death(patient, status, person.died or died)
        judged.did.append(Did.DIED)


def _set_death(patient: Resource, status: str, died: str) -> None:
    for name in ("deceasedBoolean", "_deceasedBoolean", "deceasedDateTime", "_deceasedDateTime"):
        patient.pop(name, None)
    others = [one for one in patient.pop("extension", ()) if one.get("url") != DEATH_STATUS]
    if status:
        coding = {"system": _DEATH_CODES, "code": status}
        inner = {"url": "deathNotificationStatus", "valueCodeableConcept": {"coding": [coding]}}
        others.append({"url": DEATH_STATUS, "extension": [inner]})
        patient.update({"deceasedDateTime": died} if died else {"deceasedBoolean": True})
    if others:
        patient["extension"] = others
