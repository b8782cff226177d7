"""Who may look at how records were used: a privacy officer, within the organisations that are theirs to watch.

Decided from the token alone (I4). Privacy officers read no plans (rule 2.2); what they read here is the audit, alerts
and nothing else. The scope is a function, so that an officer of a locality can have several organisations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from security.access_policy import AccessPolicy
from security.decision import REGISTER_RULE, Decision, impersonal
from security.localities import Policies
from security.principal import Principal, Purpose, Role

OVERSIGHT_RULE: Final = "8"
NOT_FOR_YOU: Final = "2.2"

Scope = Callable[[Principal], frozenset[str]]
"""Returns the organisations that a caller watches over; nothing for everybody who is no privacy officer."""


def own_organisation(principal: Principal) -> frozenset[str]:
    """Return an officer's own organisation; nothing for another role, another purpose, or where no human is named."""
    watches = principal.role == Role.PRIVACY_OFFICER and principal.purpose == Purpose.HCOMPL
    return frozenset({principal.organisation}) if watches and principal.user is not None else frozenset()


def scope_under(policies: Policies) -> Scope:
    """Return the scope of officers under these policies: their own organisation, and where a locality names theirs,
    every organisation that lies in the locality or serves it."""

    def scope(principal: Principal) -> frozenset[str]:
        own = own_organisation(principal)
        if not own:
            return own
        ours = [policy.locality for policy in (policies.base, *policies.localities)]
        found = [
            locality.places.union(*locality.serving.values())
            for locality in ours
            if principal.organisation in locality.privacy_officers
        ]
        return own.union(*found)

    return scope


def decide_oversight(principal: Principal, scope: frozenset[str], policy: AccessPolicy, id: str) -> Decision:
    """Return the decision on a look at the audit or the alerts: permitted for whoever has a scope, else 403."""
    decision = impersonal(REGISTER_RULE, principal.role, policy, id)
    if scope:
        return msgspec.structs.replace(decision, rule=OVERSIGHT_RULE, reason="a privacy officer watches over this")
    return msgspec.structs.replace(
        decision, permitted=False, status=403, rule=NOT_FOR_YOU, reason="this is for privacy officers"
    )
