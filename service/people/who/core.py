"""The bones of an identity: where somebody lives, gender, birth date and name; and who is tied to whom.

One person is drawn from seed and index alone. Then an odd one may be tied to the even one before: twins, a couple, or
two people whom only a careful eye tells apart. Such a tie costs a second draw, and needs nobody else.
"""

from __future__ import annotations

from datetime import date, timedelta

import msgspec

from service.people.chance import Chance
from service.people.who.ages import age, birth_date
from service.people.who.given_names import given_name
from service.people.who.shared_homes import care_home_locality
from service.people.who.streets import PROPERTIES
from service.people.who.surnames import surname
from service.people.who.traditions import Foreign, foreign_name

_ALONE = ((955, "home"), (987, "hospice"), (994, "hostel"), (1000, "no-fixed-address"))
_TIES = ((10, "twin"), (22, "near-double"), (80, "couple"))


class Core(msgspec.Struct):
    """What the rest of an identity follows from.

    `setting`: home, care-home, hospice, hostel or no-fixed-address. `place` is a property of the locality.
    `tie`: twin, couple or near-double of the person one index before or after; empty for most.
    """

    index: int
    setting: str
    locality: int
    place: int
    gender: str
    born: date
    given: str
    family: str
    foreign: Foreign | None
    tie: str = ""


def core(index: int, seed: int) -> Core:
    """Return the bones of person `index`."""
    person = _alone(index, seed)
    tie = _tie(index // 2, seed)
    if not tie or person.setting != "home":
        return person
    other = _alone(index ^ 1, seed)
    first, second = (person, other) if index % 2 == 0 else (other, person)
    if other.setting != "home" or (tie == "couple" and (age(first.born) < 50 or first.foreign)):
        return person
    person.tie = tie
    if person is second:
        _follow(first, second, Chance(seed, index, "tie"))
    return person


def _alone(index: int, seed: int) -> Core:
    chance = Chance(seed, index, "core")
    locality = care_home_locality(index, seed)
    setting = "care-home"
    if locality is None:
        drawn = chance.below(1000)
        setting = next(name for end, name in _ALONE if drawn < end)
        locality = 0 if chance.below(10) < 6 else 1
    born = birth_date(chance, setting)
    gender = _gender(chance, born, setting)
    place = chance.below(PROPERTIES)
    if chance.happens(45):
        foreign = foreign_name(chance, gender)
        return Core(index, setting, locality, place, gender, born, foreign.given, foreign.family, foreign)
    return Core(index, setting, locality, place, gender, born, given_name(chance, gender, born), surname(chance), None)


def _gender(chance: Chance, born: date, setting: str) -> str:
    """Draw a gender. Women live longer; most of those without a home are men."""
    drawn = chance.below(1000)
    if drawn < 3:
        return "other" if drawn else "unknown"
    women = 610 if age(born) >= 85 else 470
    if setting in ("hostel", "no-fixed-address"):
        women = 200
    return "female" if drawn < women else "male"


def _tie(pair: int, seed: int) -> str:
    drawn = Chance(seed, pair, "tie").below(1000)
    return next((name for end, name in _TIES if drawn < end), "") if drawn < _TIES[-1][0] else ""


def _follow(first: Core, second: Core, chance: Chance) -> None:
    """Make the second person of a tied pair what the first one makes them."""
    second.foreign = None
    second.family = first.family
    if second.tie == "near-double":
        second.given, second.gender, second.foreign = first.given, first.gender, first.foreign
        second.born = _nearly(first.born, chance)
        return
    second.locality, second.place = first.locality, first.place
    if second.tie == "twin":
        second.born = first.born
    else:
        second.gender = "male" if first.gender == "female" else "female"
        second.born = first.born + timedelta(days=chance.below(4000) - 2000)
    second.given = given_name(chance, second.gender, second.born)
    while second.given == first.given:
        second.given = given_name(chance, second.gender, second.born)


def _nearly(born: date, chance: Chance) -> date:
    """Return a birth date that is easily taken for another: day and month swapped, a digit off, a few days apart."""
    way = chance.below(3)
    if way == 0 and born.day <= 12 and born.day != born.month:
        return born.replace(month=born.day, day=born.month)
    if way == 1:
        return born.replace(year=born.year - (10 if born.year > 1930 else 1), day=min(born.day, 28))
    return born - timedelta(days=1 + chance.below(3))
