"""A dozen people worth looking at, with NHS numbers that never change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from random import Random

from service.people import invented
from service.people.plans import plan
from service.people.traits import Traits
from service.people.values import Json

_FIRST = invented.NUMBERS - 1_000
_CAST: tuple[tuple[str, str, str, Traits, str], ...] = (
    ("Ada", "Testley", "female", Traits(), "a whole plan: not for CPR, comfort care at home, medicines in the house"),
    (
        "Bernard",
        "Sampleford",
        "male",
        Traits(cpr="for", level="selective", place="hospice"),
        "for CPR, with limits on other treatment: a ceiling is not a DNACPR",
    ),
    (
        "Cora",
        "Mockham",
        "female",
        Traits(cpr="none", attorney=False),
        "an escalation plan and no CPR decision: see what the summary says of CPR",
    ),
    (
        "Desmond",
        "Trialworth",
        "male",
        Traits(review_in_days=-9, decided_days_ago=100),
        "the review of the CPR decision is overdue: it still stands, and says so",
    ),
    ("Edith", "Modelson", "female", Traits(cpr="conflict"), "two CPR decisions that disagree: both are shown"),
    ("Faisal", "Demowick", "male", Traits(cpr="revoked"), "the CPR decision was revoked: none is in force"),
    (
        "Greta",
        "Patterncombe",
        "female",
        Traits(place="undecided", cpr="declined"),
        "preferred place undecided, CPR: declined to discuss",
    ),
    (
        "Harish",
        "Protofield",
        "male",
        Traits(sharing="withdrawn"),
        "sharing was withdrawn: ask as the ambulance, then as the GP",
    ),
    (
        "Iris",
        "Specibrook",
        "female",
        Traits(sharing="not-recorded"),
        "no sharing consent recorded: served, with a prompt",
    ),
    (
        "Jack",
        "Mimichurst",
        "male",
        Traits(advance_decision=True, allergy="Latex"),
        "an advance decision to refuse ventilation, and an attorney",
    ),
    (
        "Kamala",
        "Exempldale",
        "female",
        Traits(interpreter="Punjabi", alert="Large dog in the house"),
        "needs an interpreter, and there is a safety alert",
    ),
    (
        "Leonard",
        "Placeholdstead",
        "male",
        Traits(authorised_for_days=-3, box=False, allergy="none-known"),
        "the authorisation of the anticipatory medicines has ended, and no box is recorded",
    ),
)


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """One of the cast: the plan to load and one line that says what to look at."""

    nhs_number: str
    name: str
    look_at: str
    bundle: Json


def demo_people(now: datetime) -> Iterator[DemoPerson]:
    """Yield the cast, with dates relative to `now`."""
    for position, (given, family, gender, traits, look_at) in enumerate(_CAST):
        number = invented.nhs_number(_FIRST + position)
        random = Random(f"demo:{position}")  # noqa: S311 - invents people, guards nothing
        bundle = plan(random, number, traits, now, (given, family, gender))
        yield DemoPerson(number, f"{given} {family}", look_at, bundle)
