"""What an audit entry calls for is made once: alerts for the privacy officer, a notice for the person."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from fhir_profiles.canonical import code_system
from security.audit import AuditEntry
from security.audit_tokens import Owes, owed_by
from security.decision import Obligation
from security.principal import Role
from security.service_seal import ServiceSeal
from service.app import owed_of
from service.record.access import Asked, Caller
from service.record.alerts import Alert, AlertKind
from service.record.notices import Notice, Notices, suspended
from service.record.owed import Owed, alert_of
from service.store.errors import StoreUnavailable
from tests.security.test_audit import ENTRY
from tests.service.record.house import House, create, doctor, note, patient
from tests.service.record.test_alerts import officer

ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
THREE = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)


def at(house: House, moment: datetime) -> House:
    """Return the same service at another time, as a process of its own: nothing kept in memory is shared."""
    opened = replace(house.opened, clock=lambda: moment)
    other = House(opened, house.services, house.path)
    return other.on(house.opened.store)


def sweeper(house: House) -> Owed:
    return owed_of(house.opened, house.services)


def crew(organisation: str = "ZZAMB1") -> Caller:
    return doctor(organisation, Role.AMBULANCE)


async def asked_by_a_crew(house: House, number: str, organisation: str = "ZZAMB1") -> None:
    """Ask in an emergency, at the service's time, as a crew with a registered incident."""
    await house.services.operations.incidents.open(doctor("ZZCAD1"), number, organisation, "INC-1")
    await house.ask_in_emergency(number, crew(organisation), at=house.opened.clock())


async def notices(house: House) -> list[Notice]:
    """Return the notices that wait to be sent."""
    made = Notices.of(house.records, ServiceSeal(house.opened.keys.service, house.opened.settings.tenant))
    return [made.open(one.lane, one.sealed) for one in await house.opened.store.waiting(b"", 100)]


async def alerts(house: House, organisation: str = "ZZAMB1") -> list[Alert]:
    return [*await sweeper(house).alerts.list(officer(organisation, at=THREE), THREE - timedelta(days=5))]


async def test_a_read_at_three_leaves_one_notice_due_before_three_the_next_day(service_house: House) -> None:
    number, resource = patient(701)
    await at(service_house, THREE).write(create(resource))
    night = at(service_house, THREE)
    await asked_by_a_crew(night, number)
    assert await notices(night) == [], "nothing but the audit entry is written before the answer"
    # The process that answered is gone; two others come up and sweep at once, then again.
    after = [at(service_house, THREE + timedelta(minutes=number)) for number in (4, 4, 5)]
    await asyncio.gather(*(sweeper(one).sweep() for one in after[:2]))
    await sweeper(after[2]).sweep()
    (one,) = await notices(night)
    assert one.record == (await night.record_of(number)).record_id.hex()
    assert (one.organisation, one.role, one.time) == ("ZZAMB1", "ambulance", "2026-11-28T03:00:00.000Z")
    assert THREE < datetime.fromisoformat(one.due) < THREE + timedelta(days=1)


async def test_one_notice_covers_a_days_reads_of_one_organisation(service_house: House) -> None:
    number, resource = patient(702)
    await at(service_house, THREE).write(create(resource))
    one = sweeper(at(service_house, THREE + timedelta(hours=30)))
    for hours, organisation in ((0, "ZZAMB1"), (1, "ZZAMB1"), (2, "ZZAMB2"), (25, "ZZAMB1")):
        await asked_by_a_crew(at(service_house, THREE + timedelta(hours=hours)), number, organisation)
    assert await one.sweep() == 4
    assert await one.sweep() == 0
    told = [(datetime.fromisoformat(one.time), one.organisation) for one in await notices(service_house)]
    assert told == [
        (THREE, "ZZAMB1"),
        (THREE + timedelta(hours=2), "ZZAMB2"),
        (THREE + timedelta(hours=25), "ZZAMB1"),
    ]


@pytest.mark.parametrize("why", ["died", "protected", "safeguarding", "NOPAT"])
async def test_no_notice_where_it_is_suspended(service_house: House, why: str) -> None:
    number, resource = patient(703)
    night = at(service_house, THREE)
    resource |= {"died": {"deceasedDateTime": "2026-11-01"}}.get(why, {})
    (made,) = await night.write(create(resource))
    extra: dict[str, Any] = {
        "safeguarding": {"category": [{"coding": [{"system": code_system("section"), "code": "safeguarding"}]}]},
        "NOPAT": {"meta": {"security": [{"system": ACT_CODE, "code": "NOPAT"}]}},
    }
    if why in extra:
        await night.write(create(note(made.reference, "x", **extra[why])))
    record = await night.record_of(number)
    if why == "protected":
        record.manifest = msgspec.structs.replace(record.manifest, sflag="R")
    assert suspended(record)


async def test_a_person_without_any_of_that_is_told(service_house: House) -> None:
    number, resource = patient(704)
    (made,) = await service_house.write(create(resource))
    await service_house.write(create(note(made.reference, "sleeps well")))
    assert not suspended(await service_house.record_of(number))


async def test_nobody_reads_of_a_notice_in_the_database(service_house: House) -> None:
    number, resource = patient(705)
    night = at(service_house, THREE)
    await night.write(create(resource))
    await asked_by_a_crew(night, number)
    await sweeper(night).sweep()
    (stored,) = await night.opened.store.waiting(b"", 10)
    for word in (b"ZZAMB1", b"emergency-read", number.encode(), b"2026-11"):
        assert word not in stored.sealed


# --- alerts


async def refused(house: House, moment: datetime = THREE, **changes: Any) -> None:
    """Write down the refusal of a decision with these facts, as whoever refuses does."""
    access = house.services.operations.read_record.access
    caller = crew()
    decision = await access.decide(caller, None)
    decision = msgspec.structs.replace(decision, **changes)
    principal = replace(caller.principal, self_claim_reason="called to the house")
    told = Caller(principal, "request-9", at=moment)
    await access.records.store.append_audit(access.entry(told, decision, Asked("$emergency-summary"), None))


NOTIFY = frozenset({Obligation.AUDIT, Obligation.NOTIFY_PRIVACY_OFFICER})


async def test_a_missing_alert_is_raised_within_five_minutes_and_once(service_house: House) -> None:
    night = at(service_house, THREE)
    await refused(night, obligations=NOTIFY)
    await refused(night)
    assert await alerts(night) == []
    later = sweeper(at(service_house, THREE + timedelta(minutes=5)))
    assert await later.sweep() == 1
    await sweeper(at(service_house, THREE + timedelta(minutes=6))).sweep()
    (one,) = await alerts(night)
    assert (one.kind, one.role, one.user_id, one.state) == ("self-claim", "ambulance", "user-of-ZZAMB1", "new")
    assert len(one.audit.partition("-")[0]) == 32


async def test_while_alerts_cannot_be_kept_nothing_is_lost(
    service_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = at(service_house, THREE)
    await refused(night, obligations=NOTIFY)
    one = sweeper(night)
    commit = type(night.opened.store).commit

    async def down(*arguments: Any) -> None:
        raise StoreUnavailable("alerts cannot be kept")

    monkeypatch.setattr(type(night.opened.store), "commit", down)
    with pytest.raises(StoreUnavailable):
        await one.sweep()
    monkeypatch.setattr(type(night.opened.store), "commit", commit)
    assert await one.sweep() == 1
    assert len(await alerts(night)) == 1


async def test_one_process_sweeps_and_another_takes_over(service_house: House) -> None:
    now = service_house.opened.clock()  # leases go by the store's own clock
    first, second = sweeper(at(service_house, now)), sweeper(at(service_house, now))
    assert await first.sweep() == 0
    await refused(at(service_house, now), now, obligations=NOTIFY)
    assert await second.sweep() == 0, "the first has the lease"
    store, index = service_house.opened.store, service_house.records.index
    await store.release(index.token("lease", "owed"), first._name)
    assert await second.sweep() == 1
    assert await first.sweep() == 0, "now the second has it"


CASES: dict[str, tuple[dict[str, Any], Owes | None, AlertKind | None]] = {
    "a claimed relationship": (
        {"obligations": ("audit", "notify_privacy_officer"), "self_claim_reason": "called"},
        Owes.ALERT,
        AlertKind.SELF_CLAIM,
    ),
    "emergency access": (
        {"obligations": ("audit", "notify_privacy_officer"), "break_glass_basis": "lacks_capacity"},
        Owes.ALERT,
        AlertKind.BREAK_GLASS,
    ),
    "emergency access that failed": (
        {
            "obligations": ("audit", "notify_privacy_officer"),
            "break_glass_basis": "unknown",
            "permitted": False,
            "self_claim_reason": "called",
        },
        Owes.ALERT,
        AlertKind.FAILED_BREAK_GLASS,
    ),
    "too many guesses": (
        {"obligations": ("notify_privacy_officer",), "permitted": False, "interaction": "$guess-limit"},
        Owes.ALERT,
        AlertKind.GUESS_LIMIT,
    ),
    "a protected person": (
        {"permitted": False, "rule": "2.6"},
        Owes.ALERT,
        AlertKind.PROTECTED_PERSON,
    ),
    "an ordinary refusal": ({"permitted": False, "rule": "2.5"}, None, None),
    "an emergency answer": ({"obligations": ("audit",)}, Owes.NOTICE, None),
    "an ordinary read": ({"interaction": "read"}, None, None),
}


@pytest.mark.parametrize("case", CASES)
def test_what_an_entry_calls_for(case: str) -> None:
    changes, owed, kind = CASES[case]
    entry: AuditEntry = msgspec.structs.replace(ENTRY, **{"interaction": "$emergency-summary"} | changes)
    assert owed_by(entry) is owed
    if kind is not None:
        assert alert_of(entry, "chain-1").kind is kind
