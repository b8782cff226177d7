"""`identity(index, seed)`: who person number `index` is, in some thirty microseconds, without their plan.

The same whatever else is made, by however many processes. Nobody exists: invented family names, towns and postcodes
that no mail uses, telephones and NHS numbers of ranges that nobody has. What is awkward in life occurs here: no NHS
number, a birth date known in part, two people whom only a careful eye tells apart, a name in another script.
"""

from __future__ import annotations

from datetime import date

import msgspec

from service.people.chance import Chance
from service.people.invented import nhs_number
from service.people.who.ages import age
from service.people.who.contacts import Contact, contacts_of, mobile
from service.people.who.core import Core, core
from service.people.who.given_names import FORMS, SHORT, given_name
from service.people.who.shared_homes import SharedHome, home_of
from service.people.who.streets import Property, landline, property_of
from service.people.who.surnames import surname
from service.people.who.traditions import Foreign

NO_NUMBER = ("nhs-number-not-known", "overseas-patient", "devolved-nation")
"""Why somebody has no NHS number (UK Core)."""


class Identity(msgspec.Struct, frozen=True):
    """Who somebody is, as true values; `service.people.who.patient` says how a record has them.

    `born_known` is how much of the birth date a record has: day, month, year, or about (the year is a guess). `home` is
    where they live and is absent for who has no fixed address; `shared` is the care home or hostel that it is in.
    `usual` is what they like to be called. `protected` marks who must not be found (PDS confidentiality R); a record of
    theirs says so only where `patient` is asked to.
    """

    index: int
    nhs_number: str | None
    no_number_reason: str | None
    hospital_number: str | None
    given: tuple[str, ...]
    family: str
    usual: str
    nickname: str | None
    other_form: str | None
    maiden_family: str | None
    foreign: Foreign | None
    gender: str
    born: date
    born_known: str
    setting: str
    locality: int
    home: Property | None
    shared: SharedHome | None
    landline: str | None
    mobile: str | None
    with_uprn: bool
    contacts: tuple[Contact, ...]
    protected: bool
    tie: str

    @property
    def age(self) -> int:
        """Age in whole years on the fixed day."""
        return age(self.born)


def identity(index: int, seed: int = 1) -> Identity:
    """Return who person `index` is. Their NHS number depends on the index alone."""
    person = core(index, seed)
    chance = Chance(seed, index, "identity")
    number, reason = _number(person, chance)
    given: tuple[str, ...] = (person.given,)
    if not person.foreign and chance.happens(550):
        given = (person.given, given_name(chance, person.gender, person.born))
    short = SHORT.get(person.given)
    nickname = chance.one_of(short) if short and chance.happens(450) else None
    grown = age(person.born) >= 25
    shared = (
        home_of(person.setting, index, seed, person.locality) if person.setting in ("care-home", "hostel") else None
    )
    home = _home(person, shared)
    return Identity(
        index=index,
        nhs_number=number,
        no_number_reason=reason,
        hospital_number=f"ZZ{1_000_000 + index}" if reason or chance.happens(180) else None,
        given=given,
        family=person.family,
        usual=_usual(person, given, nickname, chance),
        nickname=nickname,
        other_form=FORMS.get(person.given) if chance.happens(120) else None,
        maiden_family=surname(chance) if grown and person.gender == "female" and chance.happens(300) else None,
        foreign=person.foreign,
        gender=person.gender,
        born=person.born,
        born_known=_known(person, chance),
        setting=person.setting,
        locality=person.locality,
        home=home,
        shared=shared,
        landline=_landline(person, shared, chance),
        mobile=mobile(chance) if person.setting != "care-home" and chance.happens(550) else None,
        with_uprn=home is not None and chance.happens(700),
        contacts=contacts_of(person, seed),
        protected=chance.happens(4),
        tie=person.tie,
    )


def _number(person: Core, chance: Chance) -> tuple[str | None, str | None]:
    drawn = chance.below(1000)
    without = 120 if person.setting in ("hostel", "no-fixed-address") else 4
    if drawn >= without:
        return nhs_number(person.index), None
    return None, NO_NUMBER[0 if drawn % 4 else 1 + drawn // 4 % 2]


def _known(person: Core, chance: Chance) -> str:
    drawn = chance.below(1000)
    if person.setting in ("hostel", "no-fixed-address"):
        drawn //= 8
    return "about" if drawn < 4 else "year" if drawn < 10 else "month" if drawn < 14 else "day"


def _usual(person: Core, given: tuple[str, ...], nickname: str | None, chance: Chance) -> str:
    way = chance.below(10)
    if way == 0 and len(given) > 1:
        return given[1]  # known by the second name
    if way in (1, 2) and age(person.born) > 60 and person.gender in ("female", "male"):
        return f"{'Mrs' if person.gender == 'female' else 'Mr'} {person.family}"
    return nickname if nickname and way < 8 else given[0]


def _home(person: Core, shared: SharedHome | None) -> Property | None:
    if shared:
        return shared.place
    return None if person.setting == "no-fixed-address" else property_of(person.locality, person.place)


def _landline(person: Core, shared: SharedHome | None, chance: Chance) -> str | None:
    if shared:
        return shared.phone if person.setting == "care-home" else None
    likely = 850 if age(person.born) >= 65 else 450
    return (
        landline(person.locality, person.place)
        if person.setting != "no-fixed-address" and chance.happens(likely)
        else None
    )
