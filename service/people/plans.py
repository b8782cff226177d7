"""Seeded synthetic plans: one person's whole plan as one FHIR transaction Bundle. The same seed gives the same bytes.

Who somebody is comes from `who.identity`, which needs no plan. Every clinician who decides something belongs to the
practice of the person's locality, which holds the record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any, BinaryIO

import msgspec

from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from service.people import agreements, around, clinical, proxies, values
from service.people.chance import Chance
from service.people.decided import cpr_decisions
from service.people.draft import Draft, Scene, doctors, nurse, stamp
from service.people.illnesses import DIAGNOSES, OTHER_DIAGNOSES, illness_of
from service.people.localities import LOCALITIES, Locality
from service.people.traits import Traits, drawn
from service.people.values import Json
from service.people.who.contacts import Contact
from service.people.who.given_names import given_name
from service.people.who.identity import Identity, identity
from service.people.who.ordinary import someone
from service.people.who.patient import HOSPITAL_NUMBER, patient
from service.people.who.surnames import surname
from service.plan import vocabulary as v

PRACTICE = LOCALITIES[0].practice
HOSPICE = LOCALITIES[0].hospice

_PRACTICES = frozenset(locality.practice[0] for locality in LOCALITIES)

_WISHES = (
    "I want to be in my own bed with the window open and the radio on.",
    "My cat stays with me. Please talk to my daughter before you move me.",
    "I want to hear my grandchildren play. No more hospital corridors.",
    "I would like prayers read, and to be told plainly what is happening.",
    "Keep me clean and warm, and do not leave me on my own at night.",
    "Let my friends come, whatever the hour.",
)
_CHILDS_WISHES = (
    "I want my brother and the dog with me.",
    "Mum and Dad stay with me, always. Tell me before you touch me.",
    "Play my music. No needles if there is another way.",
)
_KEPT = (
    "Kitchen, top shelf left of the sink",
    "Bedroom, blue box on the wardrobe",
    "Hall cupboard, labelled box",
)
_KEPT_BY_STAFF = "Locked cupboard in the office, ask the nurse in charge"
_FAMILY = frozenset({"DAUC", "SONC", "SPS", "MTH", "FTH"})


def plans(count: int, seed: int, now: datetime, first: int = 0) -> Iterator[Json]:
    """Yield `count` plans. Person number `first + n` always has the same NHS number, whatever the seed."""
    for index in range(first, first + count):
        who = identity(index, seed)
        random = Random(f"{seed}:{index}")  # noqa: S311 - invents people, guards nothing
        yield plan_of(random, who, drawn(random, who), now)


def practice_of(bundle: Any) -> str | None:
    """Return the ODS code of the practice that a plan of ours is held by, or None for any other Bundle."""
    try:
        code = bundle["entry"][0]["resource"]["identifier"][0]["value"]
    except (KeyError, IndexError, TypeError):
        return None
    return code if code in _PRACTICES else None


def write_ndjson(bundles: Iterable[Json], out: BinaryIO) -> int:
    """Write one Bundle a line and return how many there were."""
    written = 0
    for bundle in bundles:
        out.write(msgspec.json.encode(bundle) + b"\n")
        written += 1
    return written


def plan(random: Random, number: str, traits: Traits, now: datetime, name: tuple[str, str, str] | None = None) -> Json:
    """Return the plan of somebody ordinary; `name` is (given, family, gender) where it is not to be drawn."""
    return plan_of(random, someone(random, number, name), traits, now)


def plan_of(random: Random, who: Identity, traits: Traits, now: datetime) -> Json:
    """Return one person's whole plan."""
    draft, locality = Draft(random), LOCALITIES[who.locality]
    practice = values.to(draft.add(around.organisation(*locality.practice)), locality.practice[1])
    doctor, second = doctors(draft, locality, practice)
    helper = nurse(draft, locality)
    person = patient(who)
    person["generalPractitioner"] = [practice]
    person["managingOrganization"] = practice
    if traits.interpreter:
        around.speaks(person, traits.interpreter)
    subject = values.to(draft.add(person, _condition(who)))
    when = stamp(now - timedelta(days=traits.decided_days_ago))
    scene = Scene(draft, subject, doctor, second, helper, when, now)
    illness = traits.illness or illness_of(random, who)

    content = [*cpr_decisions(scene, traits)]
    if traits.level != "none":
        content.append(draft.add(clinical.escalation(subject, when, doctor, traits.level)))
    content += _preferences(scene, traits)
    content += _medicines(scene, traits, illness, at_home=who.shared is None)
    if traits.allergy != "not-recorded":
        content.append(draft.add(clinical.allergy(subject, when, doctor, traits.allergy)))
    content += _people(scene, traits, who, locality)
    content += _consents(scene, traits)
    if not traits.bare:
        content += _state_of_health(scene, illness, child=who.age < 18)
    if traits.alert:
        content.append(draft.add(clinical.alert(subject, traits.alert)))
    if traits.proxy:
        content += proxies.proxy(scene, traits)
    draft.add(around.provenance(content, when, doctor, practice))
    return draft.bundle()


def _condition(who: Identity) -> str | None:
    """Return what says that a person is here already: the NHS number, else the number that a hospital gave."""
    if who.nhs_number:
        return f"identifier={NHS_NUMBER_SYSTEM}|{who.nhs_number}"
    return f"identifier={HOSPITAL_NUMBER}|{who.hospital_number}" if who.hospital_number else None


def _preferences(scene: Scene, traits: Traits) -> Iterator[str]:
    if traits.place == "not-recorded":
        return
    by = [scene.doctor]
    yield scene.add(clinical.preferred_place(scene.subject, scene.when, by, "care", 1, traits.place))
    yield scene.add(clinical.preferred_place(scene.subject, scene.when, by, "death", 1, traits.place))
    if traits.place in clinical.PLACES and traits.second_place:
        second = "hospice" if traits.place != "hospice" else "home"
        yield scene.add(clinical.preferred_place(scene.subject, scene.when, by, "death", 2, second))


def _medicines(scene: Scene, traits: Traits, illness: str, *, at_home: bool) -> Iterator[str]:
    until = scene.day(traits.authorised_for_days)
    # in kidney failure alfentanil comes first and morphine last
    order = (3, 1, 2, 0) if illness == "kidney" else (0, 1, 2, 3)
    for number in order[: traits.medicines]:
        yield scene.add(
            clinical.anticipatory(scene.subject, scene.when, scene.doctor, number, until, traits.medicines_held)
        )
    if traits.medicines and traits.box and traits.medicines_held != "stopped":
        kept = scene.draft.random.choice(_KEPT) if at_home else _KEPT_BY_STAFF
        yield scene.add(clinical.box_in_the_house(scene.subject, scene.when, kept))


def _people(scene: Scene, traits: Traits, who: Identity, locality: Locality) -> Iterator[str]:
    for rank, one in enumerate(who.contacts):
        yield scene.add(_contact(scene.subject, one, "N" if rank == 0 and one.relation in _FAMILY else "C"))
    if traits.attorney:
        yield from _attorney(scene, traits)
    if traits.advance_decision:
        yield scene.add(agreements.advance_decision(scene.subject, scene.when, seen=traits.advance_decision_seen))
    _, name, phone = locality.hospice
    hospice = values.to(scene.add(around.organisation(*locality.hospice)), name)
    team = around.care_team(scene.subject, f"{name} advice line", phone, scene.nurse, hospice)
    if traits.care_home_code and who.shared:
        home = scene.add(around.organisation(traits.care_home_code, who.shared.name, who.shared.phone))
        team["participant"].append({"member": values.to(home, who.shared.name)})
    yield scene.add(team)


def _contact(subject: Json, one: Contact, role: str) -> Json:
    roles = [values.concept(v.V2_CONTACT_ROLE, role), values.concept(v.V3_ROLE, one.relation)]
    return around.contact(subject, one.given, one.family, one.phone, roles, one.use)


def _attorney(scene: Scene, traits: Traits) -> Iterator[str]:
    chance = Chance(0, scene.draft.random.getrandbits(40), "attorney")
    born = scene.now.date().replace(year=scene.now.year - 55, day=1)
    given, family = given_name(chance, "female", born), surname(chance)
    deputy = traits.attorney_for == "deputy"
    roles = [{"text": "Court-appointed deputy"}] if deputy else [values.concept(v.V3_ROLE, "HPOWATT")]
    attorney = scene.add(around.contact(scene.subject, given, family, _attorneys_phone(scene), roles))
    yield attorney
    named = values.to(attorney, f"{given} {family}")
    yield scene.add(agreements.power_of_attorney(scene.subject, scene.when, [scene.doctor], named, traits.attorney_for))


def _attorneys_phone(scene: Scene) -> str:
    return f"01632 {scene.draft.random.randrange(200_000, 950_000)}"


def _state_of_health(scene: Scene, illness: str, *, child: bool) -> Iterator[str]:
    random = scene.draft.random
    diagnoses = [random.choice(DIAGNOSES[illness])]
    if not child:
        diagnoses.append(random.choice(OTHER_DIAGNOSES))
    for diagnosis in diagnoses:
        yield scene.add(clinical.condition(scene.subject, diagnosis, scene.doctor))
    score = random.randrange(10, 70, 10)
    yield scene.add(clinical.functional_status(scene.subject, scene.when, [scene.doctor], score))
    wishes = _CHILDS_WISHES if child else _WISHES
    yield scene.add(clinical.what_matters(scene.subject, scene.when, random.choice(wishes)))


def _consents(scene: Scene, traits: Traits) -> Iterator[str]:
    yield scene.add(agreements.record_consent(scene.subject, scene.when))
    if traits.sharing != "not-recorded":
        yield scene.add(agreements.sharing_consent(scene.subject, scene.when, traits.sharing == "given"))
