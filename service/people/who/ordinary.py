"""Somebody ordinary: a grown person at home with everything on record, for the named cast and for tests of plans."""

from __future__ import annotations

from random import Random

import msgspec

from service.people.who.identity import Identity, identity

_FROM = 800_000


def someone(random: Random, number: str, name: tuple[str, str, str] | None = None) -> Identity:
    """Return an adult of the first locality with this NHS number; `name` is (given, family, gender) where it is
    given.
    """
    while True:
        who = identity(_FROM + random.randrange(90_000), seed=0)
        known = who.born_known == "day" and who.nhs_number and who.foreign is None and not who.tie
        if known and who.setting == "home" and who.locality == 0 and who.age >= 55 and who.landline and who.contacts:
            break
    if name is None:
        return msgspec.structs.replace(who, nhs_number=number)
    given, family, gender = name
    # the contacts keep their own family names: not everybody close is called the same
    return msgspec.structs.replace(
        who,
        nhs_number=number,
        given=(given,),
        family=family,
        gender=gender,
        usual=random.choice((given, f"{'Mrs' if gender == 'female' else 'Mr'} {family}")),
        nickname=None,
        other_form=None,
        maiden_family=None,
    )
