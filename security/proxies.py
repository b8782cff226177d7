"""Whose word stands for the person's: when a proxy's authority holds (sharing rules 5.8)."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class ProxyKind(StrEnum):
    """What makes somebody a proxy."""

    ATTORNEY = "attorney"
    DEPUTY = "deputy"
    PARENT = "parent"
    CONSENTED_CARER = "consented_carer"


class ProxyAuthority(msgspec.Struct, frozen=True):
    """What the record has on one proxy's authority. A fact that is not known is not assumed.

    `age` is the person's, in whole years. `suspended` is set for a safeguarding concern, and never explained.
    """

    kind: ProxyKind
    registered: bool = False
    person_lacks_capacity: bool = False
    within_order: bool = False
    age: int | None = None
    competent: bool | None = None
    person_agrees: bool = False
    suspended: bool = False


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
    return True
