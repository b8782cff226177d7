"""Emergency reads that call for notices, and the partner that carries those, for the tests of sync."""

from __future__ import annotations

from typing import Any

from security.audit import AuditEntry
from security.principal import Role
from service.app import owed_of
from service.record.access_log import LogQuestion
from service.record.alerts import Alert
from service.sync.members import Member
from tests.service.record.house import create, doctor, patient
from tests.service.sync.partner import member
from tests.service.sync.world import World

LIMITS = {"retry_base": 1.0, "retry_cap": 300.0}


def gateway(name: str = "gateway", organisation: str = "ZZAPP1", **more: Any) -> Member:
    """Return a partner that carries notices and nothing else."""
    return member(name, organisation, role="admin", notices=True, gets=False, **{"limits": LIMITS, **more})


async def admitted(opened: World, index: int, **more: Any) -> tuple[str, str]:
    """Write a person down; return their NHS number and the reference of the Patient."""
    number, resource = patient(index, **more)
    (made,) = await opened.house.write(create(resource))
    return number, made.reference


async def read_in_an_emergency(opened: World, *numbers: str, by: str = "ZZAMB1") -> None:
    """Let a crew ask in an emergency, and what the audit owes be paid; a process that has just done so must be gone."""
    incidents = opened.house.services.operations.incidents
    for number in numbers:
        await incidents.open(doctor("ZZCAD1"), number, by, "INC-1")
        await opened.house.ask_in_emergency(number, doctor(by, Role.AMBULANCE), at=opened.time.now)
    await owed_of(opened.house.opened, opened.house.services).sweep()


async def later(opened: World, hours: float) -> None:
    """Let hours pass, in steps of a minute or, where it is long, of five."""
    minutes = 1 if hours <= 1 else 5
    for _ in range(round(hours * 60) // minutes):
        opened.time.forward(60.0 * minutes)
        await opened.run()


async def not_told(opened: World, organisation: str = "ZZGP01") -> list[Alert]:
    """Return the alerts of people who were not told."""
    found = await opened.alerts.list(opened.officer(organisation), opened.time.now.replace(month=1, day=1))
    return [one for one in found if one.kind == "not-told"]


async def entries(opened: World, organisation: str, interaction: str) -> list[AuditEntry]:
    """Return the entries of an organisation's days, or of records it holds, that are of one interaction."""
    log = opened.house.services.audit_events.log
    found: list[AuditEntry] = []
    for tokens in log._days([organisation], LogQuestion(), opened.time.now):
        found += [one[3] for one in await log._entries(tokens)]
    return [one for one in found if one.interaction == interaction]
