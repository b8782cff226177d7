"""Whose word stands for the person's: when a proxy's authority holds (sharing rules 5.8).

What a record has on its proxies is compiled when it is written (`Proxy`), so that a decision only looks at the time,
the person's age and what they permit. A fact that is not known is not assumed. A safeguarding concern suspends a proxy;
no reason of a refusal is ever told to them, and all look like an absent record.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum

import msgspec

from security import cells
from security.clock import LONDON
from security.consent_times import Period, within


class ProxyKind(StrEnum):
    """What makes somebody a proxy."""

    ATTORNEY = "attorney"
    DEPUTY = "deputy"
    PARENT = "parent"
    CONSENTED_CARER = "consented_carer"


class ProxyAuthority(msgspec.Struct, frozen=True):
    """What the record has on one proxy's authority. A fact that is not known is not assumed.

    `age` is the person's, in whole years. `suspended` is set for a safeguarding concern, and never explained. `reach`
    are the cells that it opens at most (`security.cells`): what the person permitted, where it rests on that alone.
    """

    kind: ProxyKind
    registered: bool = False
    person_lacks_capacity: bool = False
    within_order: bool = False
    age: int | None = None
    competent: bool | None = None
    person_agrees: bool = False
    suspended: bool = False
    reach: int = cells.ALL


class ProxyGround(msgspec.Struct, frozen=True, array_like=True):
    """One ground of a proxy's authority, as a record states it.

    `registered`: a power of attorney that names them is registered and was seen. `orders`: the terms of the court
    orders that appoint them. `lacks_capacity` and `competent` are what was last found of the person.
    """

    kind: ProxyKind
    registered: bool = False
    orders: tuple[Period, ...] = ()
    lacks_capacity: bool = False
    competent: bool | None = None


class Proxy(msgspec.Struct, frozen=True, array_like=True):
    """One person who acts for another: their user id, since and until when, and on what grounds."""

    user: str
    grounds: tuple[ProxyGround, ...]
    start: int | None = None
    end: int | None = None
    suspended: bool = False


def is_proxy(proxies: Iterable[Proxy], user: str | None, now: int) -> bool:
    """Tell whether a record names a user as a proxy at a moment (microseconds), whether or not they may act."""
    return any(proxy.user == user and within((proxy.start, proxy.end), now) for proxy in proxies)


def authority_of(
    proxies: Iterable[Proxy], user: str | None, birth_date: str, agreed: int, at: datetime, now: int
) -> ProxyAuthority | None:
    """Return the authority of a user over a record: one that holds now if any does; None where they are no proxy of it.

    Args:
        proxies: those of the record.
        user: who asks.
        birth_date: the person's, a FHIR date.
        agreed: the cells that the person's Consents permit to this user by name.
        at: the time of the decision.
        now: the same in microseconds since 1970.

    """
    mine = [proxy for proxy in proxies if proxy.user == user and within((proxy.start, proxy.end), now)]
    suspended = any(proxy.suspended for proxy in mine)
    age = age_at(birth_date, at.astimezone(LONDON).date())
    found = [_authority(ground, age, agreed, now, suspended=suspended) for proxy in mine for ground in proxy.grounds]
    return max(found, key=lambda one: (authority_holds(one), one.reach.bit_count()), default=None)


def _authority(ground: ProxyGround, age: int | None, agreed: int, now: int, *, suspended: bool) -> ProxyAuthority:
    authority = ProxyAuthority(
        ground.kind,
        registered=ground.registered,
        person_lacks_capacity=ground.lacks_capacity,
        within_order=any(within(order, now) for order in ground.orders),
        age=age,
        competent=ground.competent,
        suspended=suspended,
    )
    if authority_holds(authority) or not agreed:
        return authority
    return msgspec.structs.replace(authority, person_agrees=True, reach=agreed)


def age_at(birth_date: str, today: date) -> int | None:
    """Return an age in whole years; of a birth date that is not whole, the highest it may be. None: not known."""
    try:
        parts = [int(part) for part in birth_date.split("-")]
        year, month, day = (*parts, 1, 1)[:3]
        date(year, month, day)
    except ValueError:
        return None
    return today.year - year - ((today.month, today.day) < (month, day))


def authority_holds(authority: ProxyAuthority) -> bool:
    """Tell whether the proxy may act now.

    An attorney acts once registered and while the donor lacks capacity; a deputy within the order; a parent for a child
    under 11, from 11 to 15 only if the child is known not to be competent or agrees, from 16 only by the young person's
    consent, from 18 never; a carer by the person's consent.
    """
    if authority.suspended:
        return False
    match authority.kind:
        case ProxyKind.ATTORNEY:
            return authority.registered and authority.person_lacks_capacity
        case ProxyKind.DEPUTY:
            return authority.within_order
        case ProxyKind.CONSENTED_CARER:
            return authority.person_agrees
        case ProxyKind.PARENT:
            return _parent_may_act(authority)


def _parent_may_act(authority: ProxyAuthority) -> bool:
    age = authority.age
    if age is None or age >= 18:
        return False
    if age >= 16:
        return authority.person_agrees
    if age >= 11:
        return authority.competent is False or authority.person_agrees
    return age >= 0
