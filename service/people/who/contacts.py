"""Those close to a person, and telephones of one's own."""

from __future__ import annotations

import msgspec

from service.people.chance import Chance
from service.people.who.ages import age
from service.people.who.core import Core
from service.people.who.given_names import given_name
from service.people.who.streets import PROPERTIES, landline
from service.people.who.surnames import surname


class Contact(msgspec.Struct, frozen=True):
    """Somebody close to a person; `relation` is a code of HL7 v3 RoleCode, `use` that of the phone."""

    given: str
    family: str
    relation: str
    phone: str
    use: str


def mobile(chance: Chance) -> str:
    """Return a number of one's own; few can be of the thousand mobile numbers that are kept for fiction."""
    if chance.happens(30):
        return f"07700 900{chance.below(1000):03}"
    return landline(chance.below(2), chance.below(PROPERTIES))


def contacts_of(person: Core, seed: int) -> tuple[Contact, ...]:
    """Return up to three people close to somebody: parents of a child, a friend of who has no home, else family."""
    chance = Chance(seed, person.index, "contacts")
    years = age(person.born)
    count = (0, 1, 1, 1, 1, 2, 2, 2, 3, 3)[chance.below(10)]
    kinds: tuple[str, ...]
    if years < 18:
        kinds = ("MTH", "FTH", "GRMTH")
    elif person.setting in ("hostel", "no-fixed-address"):
        kinds, count = ("FRND", "BRO", "SIS"), min(count, 1)
    else:
        kinds = ("SPS", "DAUC", "SONC") if years < 80 or person.tie == "couple" else ("DAUC", "SONC", "FRND")
        turn = chance.below(3)
        kinds = (*kinds[turn:], *kinds[:turn])
    return tuple(_contact(person, relation, chance) for relation in kinds[:count])


_OLDER = {"MTH": 30, "FTH": 32, "GRMTH": 58, "SPS": 0, "DAUC": -28, "SONC": -28, "FRND": 0, "BRO": 2, "SIS": -2}
_GENDERS = {
    "MTH": "female",
    "FTH": "male",
    "GRMTH": "female",
    "DAUC": "female",
    "SONC": "male",
    "BRO": "male",
    "SIS": "female",
}
_SAME_NAME = {
    "SPS": 900,
    "SONC": 850,
    "DAUC": 400,
    "MTH": 800,
    "FTH": 900,
    "BRO": 900,
    "SIS": 500,
    "GRMTH": 500,
    "FRND": 0,
}


def _contact(person: Core, relation: str, chance: Chance) -> Contact:
    gender = _GENDERS.get(relation) or ("male" if person.gender == "female" else "female")
    given = given_name(chance, gender, person.born.replace(year=person.born.year - _OLDER[relation], day=1))
    family = person.family if chance.happens(_SAME_NAME[relation]) else surname(chance)
    if relation in ("SPS", "MTH") and person.setting == "home" and chance.happens(600):
        return Contact(given, family, relation, landline(person.locality, person.place), "home")
    return Contact(given, family, relation, mobile(chance), "mobile")
