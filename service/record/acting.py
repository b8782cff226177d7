"""Whose record it is to its own person, and to whoever acts for them (sharing rules 1, 5.8)."""

from __future__ import annotations

from datetime import datetime

from security.clock import microseconds
from security.consent_match import permitted_to_person
from security.principal import Principal, Role
from security.proxies import ProxyAuthority, authority_of, is_proxy
from service.record.manifest import Manifest


def is_theirs(principal: Principal, manifest: Manifest, now: datetime) -> bool:
    """Say whether a record is a patient's own, or names a proxy as somebody who acts for the person."""
    user = principal.user
    if user is None:
        return False
    if principal.role == Role.PATIENT:
        return manifest.is_numbered(user.id)
    return is_proxy(manifest.proxies, user.id, microseconds(now))


def authority(principal: Principal, manifest: Manifest, now: datetime) -> ProxyAuthority | None:
    """Return a proxy's authority over a record now; None for other roles, and for whom the record does not name."""
    user = principal.user
    if principal.role != Role.PROXY or user is None:
        return None
    agreed = permitted_to_person(manifest.consents, user.id, now)
    return authority_of(manifest.proxies, user.id, manifest.identity.birth_date, agreed, now, microseconds(now))
