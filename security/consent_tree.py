"""The provisions of one Consent as a flat list, level by level, with what a decision matches them against (rule 5.2).

What cannot be understood is never ignored: a deny then matches everybody and everything it could have meant, a permit
matches nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any

import msgspec

from security import cells
from security.consent_base import Base
from security.consent_elements import (
    Actors,
    Reference,
    action_applies,
    data_cells,
    objects,
    period_of,
    purposes_of,
    read_actors,
)
from security.principal import RoleWord
from security.purposes import EMERGENCY_PURPOSES


class Effect(IntEnum):
    """What a provision does to the cells it matches."""

    NOTHING = 0
    PERMIT = 1
    DENY = 2


class Provision(msgspec.Struct, frozen=True, array_like=True):
    """One provision: its place in the tree, whom and what it matches, and what it does then.

    Provisions of a Consent are stored level by level; `parent` is a position in that order, -1 for the root. `data` are
    the cells it speaks of, those of its parents already taken into account (`cells.pack`). Times are microseconds since
    1970 in UTC, the end exclusive. Empty `purposes` match any; `named` is false where anybody matches.
    """

    effect: Effect
    depth: int
    parent: int
    data: bytes = b""
    start: int | None = None
    end: int | None = None
    purposes: frozenset[str] = frozenset()
    named: bool = False
    organisations: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    persons: frozenset[str] = frozenset()
    emergencies: bool = False
    """A deny that names emergencies too, so that breaking glass does not open it."""
    in_emergencies_only: bool = False
    """A permit for nothing but emergencies: it opens to a caller who is there by an open registered incident."""


class ProvisionTree:
    """Walks a Consent's provisions level by level."""

    def __init__(
        self,
        organisation_of: Callable[[Reference], str | None],
        person_of: Callable[[Reference], str | None],
        known_roles: frozenset[RoleWord],
    ) -> None:
        self.provisions: list[Provision] = []
        self._organisation_of = organisation_of
        self._person_of = person_of
        self._known_roles = known_roles

    def add_root(self, root: Mapping[str, Any], base: Base, *, modified: bool) -> None:
        """Add the root and everything below. `modified`: the Consent carries a modifier that is not known here."""
        effect = _EFFECT[base]
        bounded = root.get("type") == _WORD[effect]
        # limits that stand beside another word than the base's, or beside none, could mean either
        torn = not bounded and any(root.get(element) for element in _LIMITS)
        period_is_dark = not period_of(root.get("period"))[2]
        doubted = modified or period_is_dark or (torn and effect is not Effect.DENY)
        own = {**root, "period": None}
        if not bounded:
            own |= dict.fromkeys(_LIMITS)
        level = [(root, *self._add(own, effect, 0, -1, doubted=doubted))]
        depth = 1
        while level:
            below = []
            for provision, position, doubts in level:
                for child in objects(provision.get("provision")):
                    kind = Effect.PERMIT if child.get("type") == "permit" else Effect.DENY
                    below.append((child, *self._add(child, kind, depth, position, doubted=doubts)))
            level, depth = below, depth + 1

    def _add(
        self, provision: Mapping[str, Any], effect: Effect, depth: int, parent: int, *, doubted: bool
    ) -> tuple[int, bool]:
        """Add one provision; return its position and whether what stands below it can be trusted to permit.

        `doubted`: something above was not understood, so a permit here opens nothing.
        """
        inherited = cells.unpack(self.provisions[parent].data) if parent >= 0 else cells.ALL
        doubted = doubted or bool(provision.get("modifierExtension"))
        if effect is Effect.DENY:
            compiled = self._deny(provision, depth, parent, inherited)
        else:
            permit = None if doubted or effect is Effect.NOTHING else self._permit(provision, depth, parent, inherited)
            doubted = doubted or (effect is Effect.PERMIT and permit is None)
            compiled = permit or Provision(Effect.NOTHING, depth, parent, cells.pack(inherited))
        self.provisions.append(compiled)
        return len(self.provisions) - 1, doubted

    def _actors(self, provision: Mapping[str, Any], *, widen: bool) -> Actors:
        named = provision.get("actor")
        return read_actors(named, self._organisation_of, self._person_of, widen=widen, known_roles=self._known_roles)

    def _deny(self, provision: Mapping[str, Any], depth: int, parent: int, inherited: int) -> Provision:
        """Return a deny; whatever of it is not understood matches."""
        if provision.get("modifierExtension"):
            return Provision(Effect.DENY, depth, parent, cells.pack(inherited))
        start, end, _ = period_of(provision.get("period"))
        purposes, purposes_known = purposes_of(provision.get("purpose"))
        reading, actions_known = action_applies(provision.get("action"))
        if actions_known and not reading:
            return Provision(Effect.NOTHING, depth, parent, cells.pack(inherited))
        actors = self._actors(provision, widen=True)
        data = data_cells(provision, widen=True)
        return Provision(
            Effect.DENY,
            depth,
            parent,
            cells.pack(inherited if data is None else inherited & data),
            start,
            end,
            purposes if purposes_known else frozenset(),
            actors.named and actors.known,
            actors.organisations,
            actors.roles,
            actors.persons,
            emergencies=not purposes.isdisjoint(EMERGENCY_PURPOSES),
        )

    def _permit(self, provision: Mapping[str, Any], depth: int, parent: int, inherited: int) -> Provision | None:
        """Return a permit, or None when what it permits cannot be told. Of alternatives, those understood count."""
        start, end, period_known = period_of(provision.get("period"))
        purposes, _ = purposes_of(provision.get("purpose"))
        reading, _ = action_applies(provision.get("action"))
        actors = self._actors(provision, widen=False)
        data = data_cells(provision, widen=False)
        if data is None or not period_known or not reading or (provision.get("purpose") and not purposes):
            return None
        return Provision(
            Effect.PERMIT,
            depth,
            parent,
            cells.pack(inherited & data),
            start,
            end,
            purposes,
            actors.named,
            actors.organisations,
            actors.roles,
            actors.persons,
            in_emergencies_only=bool(purposes) and purposes <= EMERGENCY_PURPOSES,
        )


_LIMITS = ("actor", "action", "securityLabel", "purpose", "class", "code", "data", "dataPeriod")
_EFFECT = {
    Base.EXPLICIT: Effect.PERMIT,
    Base.BEST_INTERESTS: Effect.PERMIT,
    Base.IMPLIED: Effect.PERMIT,
    Base.DISSENT: Effect.DENY,
    Base.UNSTATED: Effect.NOTHING,
}
_WORD = {Effect.PERMIT: "permit", Effect.DENY: "deny", Effect.NOTHING: None}
