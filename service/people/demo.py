"""People worth looking at, with NHS numbers that never change, as plans to load."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from random import Random

import msgspec

from service.people import invented
from service.people.cast import CAST
from service.people.plans import plan_of
from service.people.values import Json
from service.people.who.ordinary import someone

_FIRST = invented.NUMBERS - 1_000


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """One of the cast: the plan to load and one line that says what to look at."""

    nhs_number: str
    name: str
    look_at: str
    bundle: Json


def demo_people(now: datetime) -> Iterator[DemoPerson]:
    """Yield the cast, with dates relative to `now`."""
    for position, one in enumerate(CAST):
        number = invented.nhs_number(_FIRST + position)
        random = Random(f"demo:{position}")  # noqa: S311 - invents people, guards nothing
        who = someone(random, number, (one.given, one.family, one.gender))
        bundle = plan_of(random, msgspec.structs.replace(who, **one.changes), one.traits, now)
        yield DemoPerson(number, f"{one.given} {one.family}", one.look_at, bundle)
