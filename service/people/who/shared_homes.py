"""Where people live together: care homes of 20 to 60 residents, hostels, and the hospice; and who lives where.

People are dealt out in blocks of 400 neighbours: each block has one care home in each locality, and its residents are
people of that block. So a home has as many residents as it should, whoever else is made, and one person's home needs
nobody else. A fifth of people live in one, as a fifth of deaths in England are in care homes (21.8 % in 2016;
hospices 5.7 %: Public Health England, End of Life Care Profiles, February 2018).
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from service.people.chance import Chance
from service.people.who.streets import PROPERTIES, Property, landline, property_of

BLOCK = 400
"""Neighbours in number among whom two care homes find their residents."""

FEWEST, MOST = 20, 60
_HOSTEL_BLOCK = 4_000
_TURNS = (57, 63, 87, 93, 111, 123, 147, 153, 157, 163, 171, 177, 183, 189)  # none shares a factor with 400
_STEMS = (
    "Beechmere Larkfold Oakhanger Rowanlea Swanholt Thornmead Willowgate Ashcombe Fernhurst Hollowbrook Kingsmere "
    "Lindenholt Meadowsweet Orchardleigh Primrose Ravenstoke Sycamore Westerlea Yewtree Harebell"
).split()
_KINDS = ("House", "Lodge", "Court", "Manor", "Grange")


class SharedHome(msgspec.Struct, frozen=True):
    """A home that its residents share: its name, address and telephone."""

    name: str
    place: Property
    phone: str


@lru_cache(maxsize=512)
def _plan_of_block(seed: int, block: int) -> tuple[int, int, int, int]:
    chance = Chance(seed, block, "block")
    turn, shift = chance.one_of(_TURNS), chance.below(BLOCK)
    return turn, shift, FEWEST + chance.below(MOST - FEWEST + 1), FEWEST + chance.below(MOST - FEWEST + 1)


def care_home_locality(index: int, seed: int) -> int | None:
    """Return the locality of the care home that somebody lives in, or None for who lives in none."""
    block, place = divmod(index, BLOCK)
    turn, shift, first, second = _plan_of_block(seed, block)
    position = (place * turn + shift) % BLOCK
    if position < first:
        return 0
    return 1 if position < first + second else None


@lru_cache(maxsize=512)
def care_home(seed: int, block: int, locality: int) -> SharedHome:
    """Return the care home of a block in a locality."""
    return _home(Chance(seed, block * 2 + locality, "care home"), locality, _KINDS)


@lru_cache(maxsize=64)
def hostel(seed: int, block: int, locality: int) -> SharedHome:
    """Return the hostel of a locality for 4,000 neighbours."""
    return _home(Chance(seed, block * 2 + locality, "hostel"), locality, ("Street Hostel", "Foyer", "Night Shelter"))


def home_of(setting: str, index: int, seed: int, locality: int) -> SharedHome:
    """Return the care home or hostel that somebody of a locality lives in."""
    if setting == "care-home":
        return care_home(seed, index // BLOCK, locality)
    return hostel(seed, index // _HOSTEL_BLOCK, locality)


def _home(chance: Chance, locality: int, kinds: tuple[str, ...]) -> SharedHome:
    number = chance.below(PROPERTIES)
    name = f"{chance.one_of(_STEMS)} {chance.one_of(kinds)}"
    return SharedHome(name, property_of(locality, number), landline(locality, number))
