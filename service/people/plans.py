"""Seeded synthetic plans: one person's whole plan as one FHIR transaction Bundle. The same seed gives the same bytes.

Every clinician who decides something belongs to the demo GP practice `ZZGP01`, which holds the records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import BinaryIO

import msgspec

from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from service.people import agreements, around, clinical, invented, values
from service.people.traits import Traits, drawn
from service.people.values import Json
from service.plan import vocabulary as v

PRACTICE = ("ZZGP01", "Exampleton Surgery", "01632 960001")
HOSPICE = ("ZZHSP1", "Sampleford Hospice", "01632 960024")

_DOCTORS = (
    ("555500000011", "Anwen", "Testwick"),
    ("555500000012", "Bilal", "Mockford"),
    ("555500000013", "Chloe", "Trialby"),
)
_NURSES = (("555500000021", "Dara", "Samplestead"), ("555500000022", "Esther", "Protodale"))
_DIAGNOSES = (
    "Cancer of the lung, spread to the liver",
    "Severe heart failure",
    "Motor neurone disease",
    "End-stage kidney disease, no dialysis",
    "Advanced dementia",
    "Severe chronic obstructive pulmonary disease",
)
_OTHER_DIAGNOSES = ("Type 2 diabetes", "Atrial fibrillation", "Osteoarthritis", "High blood pressure")
_WISHES = (
    "I want to be in my own bed with the window open and the radio on.",
    "My cat stays with me. Please talk to my daughter before you move me.",
    "I want to hear my grandchildren play. No more hospital corridors.",
    "I would like prayers read, and to be told plainly what is happening.",
)
_KEPT = ("Kitchen, top shelf left of the sink", "Bedroom, blue box on the wardrobe", "Hall cupboard, labelled box")
_KIN = ("DAUC", "SONC", "SPS", "FRND")


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


def plans(count: int, seed: int, now: datetime, first: int = 0) -> Iterator[Json]:
    """Yield `count` plans. Person number `first + n` always has the same NHS number, whatever the seed."""
    for index in range(first, first + count):
        random = Random(f"{seed}:{index}")  # noqa: S311 - invents people, guards nothing
        yield plan(random, invented.nhs_number(index), drawn(random), now)


def write_ndjson(bundles: Iterable[Json], out: BinaryIO) -> int:
    """Write one Bundle a line and return how many there were."""
    written = 0
    for bundle in bundles:
        out.write(msgspec.json.encode(bundle) + b"\n")
        written += 1
    return written


def plan(random: Random, number: str, traits: Traits, now: datetime, name: tuple[str, str, str] | None = None) -> Json:
    """Return one person's whole plan; `name` is (given, family, gender) where it is not to be drawn."""
    draft = Draft(random)
    when = _stamp(now - timedelta(days=traits.decided_days_ago))
    gender = name[2] if name else random.choice(("female", "male"))
    given, family = name[:2] if name else (invented.given_name(random, gender), invented.family_name(random))

    practice = values.to(draft.add(around.organisation(*PRACTICE)), PRACTICE[1])
    doctor, second = (_doctor(draft, practice, which) for which in random.sample(_DOCTORS, 2))
    nurse = _nurse(draft)
    person = around.patient(
        number,
        given,
        family,
        random.choice((given, given[:3], f"{'Mrs' if gender == 'female' else 'Mr'} {family}")),
        gender,
        f"{now.year - random.randint(55, 97)}-{random.randint(1, 12):02}-{random.randint(1, 28):02}",
        invented.address(random),
        invented.landline(random),
    )
    person["generalPractitioner"] = [practice]
    person["managingOrganization"] = practice
    if traits.interpreter:
        around.speaks(person, traits.interpreter)
    subject = values.to(draft.add(person, f"identifier={NHS_NUMBER_SYSTEM}|{number}"))

    content = [*_cpr(draft, traits, subject, when, doctor, second, now)]
    if traits.level != "none":
        content.append(draft.add(clinical.escalation(subject, when, doctor, traits.level)))
    content += _preferences(draft, traits, subject, when, doctor)
    content += _medicines(draft, traits, subject, when, doctor, now)
    if traits.allergy != "not-recorded":
        content.append(draft.add(clinical.allergy(subject, when, doctor, traits.allergy)))
    content += _people(draft, traits, subject, when, doctor, nurse)
    content += _consents(draft, traits, subject, when)
    for diagnosis in (random.choice(_DIAGNOSES), random.choice(_OTHER_DIAGNOSES)):
        content.append(draft.add(clinical.condition(subject, diagnosis, doctor)))
    content.append(draft.add(clinical.functional_status(subject, when, [doctor], random.randrange(10, 70, 10))))
    content.append(draft.add(clinical.what_matters(subject, when, random.choice(_WISHES))))
    if traits.alert:
        content.append(draft.add(clinical.alert(subject, traits.alert)))
    draft.add(around.provenance(content, when, doctor, practice))
    return draft.bundle()


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _doctor(draft: Draft, practice: Json, who: tuple[str, str, str]) -> Json:
    user, given, family = who
    urn = draft.add(around.practitioner(user, "Dr", given, family))
    reference = values.author_reference(urn, user, f"Dr {given} {family}")
    draft.add(around.practitioner_role(reference, practice, "General practitioner"))
    return reference


def _nurse(draft: Draft) -> Json:
    user, given, family = draft.random.choice(_NURSES)
    urn = draft.add(around.practitioner(user, "Nurse", given, family, invented.mobile(draft.random)))
    return values.author_reference(urn, user, f"Nurse {given} {family}")


def _cpr(
    draft: Draft, traits: Traits, subject: Json, when: str, doctor: Json, second: Json, now: datetime
) -> Iterator[str]:
    if traits.cpr == "none":
        return
    if traits.cpr in ("not-discussed", "declined"):
        code = "not-asked" if traits.cpr == "not-discussed" else "asked-declined"
        words = "not discussed yet" if traits.cpr == "not-discussed" else "asked, declined to discuss"
        yield draft.add(clinical.cpr(subject, when, [doctor], dataAbsentReason=values.absent(code, words)))
        return
    answer = traits.cpr if traits.cpr in ("for", "modified") else "not-for"
    note = "CPR would not work and would cause harm." if answer == "not-for" else "Agreed with the person."
    decision = draft.add(_decided(subject, when, doctor, answer, note))
    yield decision
    if traits.cpr == "conflict":
        later = _stamp(now - timedelta(days=max(traits.decided_days_ago - 2, 1)))
        other = _decided(subject, later, second, "for", "The person says they want CPR and have capacity to say so.")
        other["extension"].append(clinical.relation(v.CONFLICTS_WITH, decision))
        yield draft.add(other)
    elif traits.cpr == "revoked":
        later = _stamp(now - timedelta(days=max(traits.decided_days_ago - 5, 1)))
        event = clinical.cpr(
            subject, later, [doctor], dataAbsentReason=values.absent("not-applicable", "decision revoked")
        )
        event["extension"] = [clinical.relation(v.REVOKES, decision)]
        yield draft.add(event)
        return
    due = (now + timedelta(days=traits.review_in_days)).date().isoformat()
    yield draft.add(clinical.review(subject, values.to(decision), due, doctor))


def _decided(subject: Json, when: str, doctor: Json, answer: str, reason: str) -> Json:
    return clinical.cpr(
        subject,
        when,
        [doctor],
        valueCodeableConcept=clinical.cpr_value(answer),
        extension=[clinical.basis("clinical-recommendation")],
        note=[{"text": reason}],
    )


def _preferences(draft: Draft, traits: Traits, subject: Json, when: str, doctor: Json) -> Iterator[str]:
    yield draft.add(clinical.preferred_place(subject, when, [doctor], "care", 1, traits.place))
    yield draft.add(clinical.preferred_place(subject, when, [doctor], "death", 1, traits.place))
    if traits.place in clinical.PLACES:
        second = "hospice" if traits.place != "hospice" else "home"
        yield draft.add(clinical.preferred_place(subject, when, [doctor], "death", 2, second))


def _medicines(draft: Draft, traits: Traits, subject: Json, when: str, doctor: Json, now: datetime) -> Iterator[str]:
    until = (now + timedelta(days=traits.authorised_for_days)).date().isoformat()
    for number in range(traits.medicines):
        yield draft.add(clinical.anticipatory(subject, when, doctor, number, until))
    if traits.medicines and traits.box:
        yield draft.add(clinical.box_in_the_house(subject, when, draft.random.choice(_KEPT)))


def _people(draft: Draft, traits: Traits, subject: Json, when: str, doctor: Json, nurse: Json) -> Iterator[str]:
    random = draft.random
    roles = [values.concept(v.V2_CONTACT_ROLE, "N"), values.concept(v.V3_ROLE, random.choice(_KIN))]
    given = invented.given_name(random, random.choice(("female", "male")))
    yield draft.add(around.contact(subject, given, invented.family_name(random), invented.mobile(random), roles))
    if traits.attorney:
        roles = [values.concept(v.V3_ROLE, "HPOWATT")]
        given, family = invented.given_name(random, "female"), invented.family_name(random)
        attorney = draft.add(around.contact(subject, given, family, invented.mobile(random), roles))
        yield attorney
        named = values.to(attorney, f"{given} {family}")
        yield draft.add(agreements.power_of_attorney(subject, when, [doctor], named))
    if traits.advance_decision:
        yield draft.add(agreements.advance_decision(subject, when))
    hospice = draft.add(around.organisation(*HOSPICE))
    team = around.care_team(subject, f"{HOSPICE[1]} advice line", HOSPICE[2], nurse, values.to(hospice, HOSPICE[1]))
    yield draft.add(team)


def _consents(draft: Draft, traits: Traits, subject: Json, when: str) -> Iterator[str]:
    yield draft.add(agreements.record_consent(subject, when))
    if traits.sharing != "not-recorded":
        yield draft.add(agreements.sharing_consent(subject, when, traits.sharing == "given"))
