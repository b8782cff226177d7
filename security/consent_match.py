"""Where one caller stands with a person's compiled Consents at one moment (sharing rules 5.1, 5.2).

Inside a Consent the deepest matching provision decides and, at one depth, deny wins. Across Consents deny wins,
unless one supersedes the other. What no permission covers is not permitted, once any Consent says what is. Times
outside its period make a Consent as if it did not exist (I11). A permission that arrived late opens nothing and lifts
no refusal (`consent_times`). One for emergencies alone opens to callers whom an open registered incident brings.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from security import cells
from security.access_request import AccessRequest, ConsentState
from security.clock import microseconds
from security.consent_base import Base
from security.consent_compile import CompiledConsent, CompiledConsents, Effect, Provision
from security.consent_times import within
from security.principal import Purpose, Role
from security.purposes import BREAKING_GLASS, COVERED_BY

_GOVERNED = cells.GOVERNED_BY_CONSENT


class Standing(NamedTuple):
    """What Consents leave to one caller, before the matrix."""

    state: ConsentState
    permitted: int
    """Cells that sharing leaves open; none where sharing is refused."""
    explicit: int
    """Those of them that an explicit consent or a best interests decision opens; E cells of the matrix need it."""
    refused_by: str
    """The rule by which nothing is permitted; meaningful when `permitted` leaves nothing."""


def from_state(state: ConsentState, withheld: int) -> Standing:
    """Return the standing of a caller for whom the state is known otherwise, and cells withheld from everybody."""
    if state in (ConsentState.EXPLICIT, ConsentState.BEST_INTERESTS):
        explicit = cells.ALL
    elif state in (ConsentState.IMPLIED, ConsentState.NOT_RECORDED):
        explicit = cells.NONE
    else:
        return Standing(state, cells.NONE, cells.NONE, "2.8")
    permitted = cells.ALL & ~(withheld & _GOVERNED)
    if not permitted & _GOVERNED:
        return Standing(state, cells.NONE, cells.NONE, "5.1")
    return Standing(state, permitted, explicit & permitted, "")


def standing(consents: CompiledConsents, request: AccessRequest, at: datetime, withheld: int) -> Standing:
    """Return where this caller stands. `withheld` are further cells that the person closed to everybody."""
    now = microseconds(at)
    rules = in_force(consents, now)
    purposes = COVERED_BY[request.purpose] if request.purpose is not None else frozenset[str]()
    granted = explicit = cells.NONE
    denied = withheld & _GOVERNED
    limits = False
    kinds: set[Base] = set()
    for consent, opens in rules:
        permits, denies = _resolve(consent, request, purposes, now)
        denied |= denies
        limits = limits or consent.limits
        if permits and opens:
            granted |= permits
            kinds.add(consent.base)
            if consent.base is not Base.IMPLIED:
                explicit |= permits
    reachable = (granted if limits else cells.ALL) & ~denied & _GOVERNED
    if not reachable:
        absolute = _GOVERNED & ~_opposes_emergencies(rules, request, now) == cells.NONE
        return Standing(
            ConsentState.DISSENT_ABSOLUTE if absolute else ConsentState.DISSENT,
            cells.NONE,
            cells.NONE,
            "2.8" if _GOVERNED & ~denied == cells.NONE else "5.2",
        )
    explicit &= reachable
    served_unasked = reachable & ~granted
    return Standing(
        ConsentState.NOT_RECORDED if served_unasked else _stated(kinds),
        reachable | cells.SAFEGUARDING,
        explicit | (cells.SAFEGUARDING if explicit else cells.NONE),
        "",
    )


def withheld_from(consents: CompiledConsents, request: AccessRequest, at: datetime) -> int:
    """Return the cells that the person withholds from a caller whom a refusal of sharing does not bind (2.8, 5.1).

    That is the organisation which holds the record, or a proxy. Provisions about sections, tiers or a human still bind.
    """
    now = microseconds(at)
    purposes = COVERED_BY[request.purpose] if request.purpose is not None else frozenset[str]()
    closed = cells.NONE
    for consent, _ in in_force(consents, now):
        closed |= _resolve(consent, request, purposes, now, only_withholding=True)[1]
    return closed & _GOVERNED


def closed_in_emergency(
    consents: CompiledConsents, request: AccessRequest, at: datetime, *, reserved_stay_shut: bool
) -> int:
    """Return the cells that breaking glass leaves shut: refused for emergencies too, and reserved to others (4)."""
    now = microseconds(at)
    rules = in_force(consents, now)
    shut = _opposes_emergencies(rules, request, now)
    if reserved_stay_shut:
        for consent, _ in rules:
            for provision in consent.provisions:
                data = cells.unpack(provision.data)
                if (
                    provision.effect is Effect.PERMIT
                    and provision.organisations
                    and data != cells.ALL
                    and _in_time(provision, now)
                    and not _names(provision, request)
                ):
                    shut |= data
    return shut & _GOVERNED


def named_cells(consents: CompiledConsents, request: AccessRequest, at: datetime, *, by_role: bool = True) -> int:
    """Return the cells that Consents in force permit to this caller by name: its organisation, its user, its role.

    What other Consents deny is not taken away here. Without `by_role`, to be one of everybody in a role is no name.
    """
    now = microseconds(at)
    purposes = COVERED_BY[request.purpose] if request.purpose is not None else frozenset[str]()
    found = cells.NONE
    for consent, opens in in_force(consents, now):
        granted = _resolve(consent, request, purposes, now)[0]
        if granted and opens:
            found |= granted & _permitted_by_name(consent, request, now, by_role=by_role)
    return found


def permitted_to_person(consents: CompiledConsents, user: str, at: datetime) -> int:
    """Return the cells that the person's Consents permit to somebody who acts for them, by that user's own name."""
    request = AccessRequest(role=Role.PROXY, organisation="", purpose=Purpose.FAMRQT, user=user, id="")
    return named_cells(consents, request, at, by_role=False)


def _permitted_by_name(consent: CompiledConsent, request: AccessRequest, now: int, *, by_role: bool) -> int:
    cells_named = cells.NONE
    under: list[bool] = []
    for provision in consent.provisions:
        here = (
            request.organisation in provision.organisations
            or request.user in provision.persons
            or (by_role and request.role in provision.roles)
        )
        under.append(here or (provision.parent >= 0 and under[provision.parent]))
        if provision.effect is Effect.PERMIT and under[-1] and _in_time(provision, now):
            cells_named |= cells.unpack(provision.data)
    return cells_named


def recorded_state(consents: CompiledConsents, at: datetime) -> ConsentState:
    """Return what is recorded about sharing with everybody, for the patient, whom it does not bind."""
    rules = in_force(consents, microseconds(at))
    for consent, _ in rules:
        root = consent.provisions[0]
        if root.effect is Effect.DENY and not root.named and root.data == b"":
            return ConsentState.DISSENT_ABSOLUTE if root.emergencies else ConsentState.DISSENT
    bases = {consent.base for consent, opens in rules if opens} - {Base.DISSENT}
    return _stated(bases) if bases else ConsentState.NOT_RECORDED


def in_force(consents: CompiledConsents, now: int) -> list[tuple[CompiledConsent, bool]]:
    """Return the Consents in force that no other one in force supersedes, and whether their permissions open anything.

    What only a late arrival supersedes keeps its refusals, and loses its permissions all the same: neither of the two
    may open what was closed.
    """
    current = [
        (position, consent)
        for position, consent in enumerate(consents.consents)
        if (consent.start is None or consent.start <= now) and (consent.end is None or now < consent.end)
    ]
    late = {
        position
        for position, consent in current
        if consent.overtaken and any(within(period, now) for period in consent.overtaken)
    }
    superseded: set[int] = set()
    muted = late
    for position, consent in current:
        if position in late:
            muted = muted | consent.supersedes
        else:
            superseded |= consent.supersedes
    return [(consent, position not in muted) for position, consent in current if position not in superseded]


def _stated(kinds: set[Base]) -> ConsentState:
    if kinds <= {Base.IMPLIED}:
        return ConsentState.IMPLIED
    if kinds <= {Base.IMPLIED, Base.BEST_INTERESTS}:
        return ConsentState.BEST_INTERESTS
    # a permission that is an exception to a refusal, or stands alone, is the person's own words
    return ConsentState.EXPLICIT


def _resolve(
    consent: CompiledConsent,
    request: AccessRequest,
    purposes: frozenset[str],
    now: int,
    *,
    only_withholding: bool = False,
    only_emergencies: bool = False,
) -> tuple[int, int]:
    """Return the cells that one Consent permits and denies to the caller: level by level, the deeper replacing.

    `only_withholding` leaves out denies of everything, unless they name a human: those are refusals of sharing between
    organisations. `only_emergencies` leaves out denies that do not name emergencies, and reads the rest for any
    purpose.
    """
    granted = denied = permits = denies = cells.NONE
    depth = 0
    reached: list[bool] = []
    for provision in consent.provisions:
        if provision.depth != depth:
            granted, denied = (granted & ~denies) | (permits & ~denies), (denied & ~permits) | denies
            permits = denies = cells.NONE
            depth = provision.depth
        if provision.parent >= 0 and not reached[provision.parent]:
            reached.append(False)
            continue
        effect = provision.effect
        any_purpose = not provision.purposes or (only_emergencies and effect is Effect.DENY)
        if (provision.in_emergencies_only and not request.by_incident) or not (
            (any_purpose or not purposes.isdisjoint(provision.purposes))
            and (not provision.named or _names(provision, request))
            and _in_time(provision, now)
        ):
            reached.append(False)
            continue
        reached.append(True)
        if effect is Effect.PERMIT:
            permits |= cells.unpack(provision.data)
        elif effect is Effect.DENY:
            data = cells.unpack(provision.data)
            if (only_withholding and data == cells.ALL and not provision.persons) or (
                only_emergencies and not provision.emergencies
            ):
                continue
            denies |= data
    return (granted & ~denies) | (permits & ~denies), (denied & ~permits) | denies


def _opposes_emergencies(rules: list[tuple[CompiledConsent, bool]], request: AccessRequest, now: int) -> int:
    shut = cells.NONE
    for consent, _ in rules:
        shut |= _resolve(consent, request, BREAKING_GLASS, now, only_emergencies=True)[1]
    return shut


def _names(provision: Provision, request: AccessRequest) -> bool:
    return (
        request.organisation in provision.organisations
        or request.role in provision.roles
        or request.user in provision.persons
    )


def _in_time(provision: Provision, now: int) -> bool:
    return (provision.start is None or provision.start <= now) and (provision.end is None or now < provision.end)
