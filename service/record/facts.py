"""What a decision needs to know of an opened record, from what was worked out when it was written (sharing rules 1)."""

from __future__ import annotations

from datetime import date, datetime

from security.access_request import Life, RecordFacts
from security.clock import parse_instant
from security.labels import SFlag
from security.principal import Principal
from service.record.acting import authority
from service.record.manifest import Manifest


def facts_of(principal: Principal, manifest: Manifest, now: datetime) -> RecordFacts:
    """Return the facts of a record for one caller: who holds it, and on what authority a proxy asks, depend on who."""
    days = max(0, (now.date() - _day(manifest.died)).days) if manifest.died else None
    return RecordFacts(
        consents=manifest.consents,
        sflag=SFlag(manifest.sflag) if manifest.sflag else SFlag.UNRESTRICTED,
        life=Life(manifest.life),
        days_since_death=days,
        owner_org=manifest.holder == principal.organisation,
        proxy=authority(principal, manifest, now),
        frozen=manifest.frozen,
    )


def _day(died: str) -> date:
    return parse_instant(died).date() if "T" in died else datetime.fromisoformat(f"{died}-01-01"[:10]).date()
