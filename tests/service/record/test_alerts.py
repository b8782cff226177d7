"""Alerts for privacy officers are raised once, seen by the right officers, and moved on with who, when and a note."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from security.principal import NamedPerson, Principal, Purpose, Role
from service.record import alerts as module
from service.record.access import Caller, Refused
from service.record.alerts import Alert, AlertKind, Alerts, AlertState, NewAlert
from service.record.errors import NotHere
from tests.service.record.house import House, doctor

AT = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
SINCE = AT - timedelta(days=7)


def officer(organisation: str = "ZZAMB1", *, at: datetime = AT, **changes: object) -> Caller:
    """Return a privacy officer of an organisation."""
    principal = replace(
        doctor(organisation).principal,
        role=Role.PRIVACY_OFFICER,
        purpose=Purpose.HCOMPL,
        user=NamedPerson("officer-1", "Officer Test"),
    )
    changed: Principal = replace(principal, **changes)  # type: ignore[arg-type]
    return Caller(changed, "request-1", at=at)


def new(decision: str = "d1", **changes: object) -> NewAlert:
    """Return an alert to raise."""
    fields: dict[str, object] = {
        "time": "2026-11-28T02:59:00.000Z",
        "kind": AlertKind.BREAK_GLASS,
        "organisation": "ZZAMB1",
        "decision_id": decision,
        "role": "ambulance",
        "rule": "4",
        "user_id": "medic-1",
        "record": "ab" * 16,
    }
    return NewAlert(**(fields | changes))  # type: ignore[arg-type]


@pytest.fixture
def alerts(service_house: House) -> Alerts:
    return Alerts.of(service_house.services.operations.read_record.access)


async def listed(alerts: Alerts, who: Caller | None = None, **more: object) -> list[Alert]:
    return [*await alerts.list(who or officer(), SINCE, **more)]  # type: ignore[arg-type]


async def test_raised_twice_it_is_one_alert(alerts: Alerts, service_house: House) -> None:
    elsewhere = Alerts.of(service_house.on(service_house.opened.store).services.operations.read_record.access)
    raised = await asyncio.gather(*(one.raise_(new()) for one in (alerts, elsewhere, alerts, elsewhere)))
    assert len({one.id for one in raised}) == 1
    assert await listed(alerts) == [raised[0]]
    other = await alerts.raise_(new(kind=AlertKind.SELF_CLAIM))
    assert {one.id for one in await listed(alerts)} == {raised[0].id, other.id}


async def test_alerts_about_one_record_can_be_told_together_and_it_is_not_named(alerts: Alerts) -> None:
    first, second = await alerts.raise_(new("d1")), await alerts.raise_(new("d2"))
    other, nobody = await alerts.raise_(new("d3", record="cd" * 16)), await alerts.raise_(new("d4", record=""))
    assert first.about == second.about
    assert len({first.about, other.about, nobody.about}) == 3
    assert "ab" * 16 not in repr(first)
    assert nobody.about


async def test_an_officer_sees_the_alerts_of_their_own_organisation(alerts: Alerts) -> None:
    await alerts.raise_(new())
    assert len(await listed(alerts)) == 1
    assert await listed(alerts, officer("ZZGP01")) == []
    locality = Alerts(alerts.access, alerts.pages, lambda principal: frozenset({"ZZAMB1", "ZZGP01"}))
    await alerts.raise_(new("d2", organisation="ZZGP01", time="2026-11-28T03:00:00.000Z"))
    assert [one.organisation for one in await listed(locality, officer("ZZGP01"))] == ["ZZGP01", "ZZAMB1"]


@pytest.mark.parametrize(
    "who",
    [
        officer(role=Role.AMBULANCE),
        officer(purpose=Purpose.TREAT),
        officer(user=None),
        officer(role=Role.PATIENT, purpose=Purpose.PATRQT),
    ],
)
async def test_nobody_else_sees_or_moves_one(alerts: Alerts, service_house: House, who: Caller) -> None:
    raised = await alerts.raise_(new())
    before = sum(head.seq for head in await service_house.opened.store.chain_heads())
    for attempt in (alerts.list(who, SINCE), alerts.acknowledge(who, raised.id), alerts.close(who, "none")):
        with pytest.raises(Refused) as refused:
            await attempt
        assert refused.value.decision.status == 403
    assert sum(head.seq for head in await service_house.opened.store.chain_heads()) == before + 3


async def test_it_moves_on_with_who_when_and_a_note(alerts: Alerts) -> None:
    raised = await alerts.raise_(new())
    seen = await alerts.acknowledge(officer(), raised.id, "asking the crew")
    assert (seen.state, seen.steps[0].user_id, seen.steps[0].note) == ("acknowledged", "officer-1", "asking the crew")
    assert await alerts.acknowledge(officer(), raised.id, "again") == seen
    closed = await alerts.close(officer(at=AT + timedelta(hours=1)), raised.id, "rightly so")
    assert [(one.state, one.time) for one in closed.steps] == [
        ("acknowledged", "2026-11-28T03:00:00.000Z"),
        ("closed", "2026-11-28T04:00:00.000Z"),
    ]
    assert await alerts.acknowledge(officer(), raised.id) == closed, "what is closed stays closed"
    assert await alerts.raise_(new()) == closed, "raising it again does not open it again"
    assert await listed(alerts, states=[AlertState.NEW]) == []
    assert await listed(alerts, states=[AlertState.CLOSED]) == [closed]


async def test_one_is_read_by_its_officer_and_the_look_is_written_down(alerts: Alerts, service_house: House) -> None:
    raised = await alerts.raise_(new())
    store = service_house.opened.store
    before = sum(head.seq for head in await store.chain_heads())
    assert await alerts.read(officer(), raised.id) == raised
    for id in ("ZZAMB1.2026-11.1.0", "ZZAMB1.2026-01.1.0", "x", ""):
        with pytest.raises(NotHere):
            await alerts.read(officer(), id)
    with pytest.raises(NotHere):
        await alerts.read(officer("ZZGP01"), raised.id)
    with pytest.raises(Refused):
        await alerts.read(officer(role=Role.AMBULANCE), raised.id)
    assert sum(head.seq for head in await store.chain_heads()) == before + 7


async def test_an_alert_of_somebody_else_is_not_here(alerts: Alerts) -> None:
    raised = await alerts.raise_(new())
    for who, id in (
        (officer("ZZGP01"), raised.id),
        (officer(), raised.id[:-1] + "x"),
        (officer(), "ZZAMB1.2026-01.1.0"),
    ):
        with pytest.raises(NotHere):
            await alerts.close(who, id, "")
    assert (await listed(alerts))[0].state is AlertState.NEW


async def test_no_page_grows_without_end(alerts: Alerts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    raised = [await alerts.raise_(new(f"d{number}")) for number in range(5)]
    assert [one.id.split(".")[2] for one in raised] == ["1", "1", "2", "2", "3"]
    assert await alerts.raise_(new("d0")) == raised[0]
    assert {one.id for one in await listed(alerts)} == {one.id for one in raised}
    earlier = await alerts.raise_(new("old", time="2026-10-31T23:59:00.000Z"))
    assert earlier.id not in {one.id for one in await listed(alerts)}
    since = AT - timedelta(days=40)
    assert (await alerts.list(officer(), since))[-1] == earlier


async def test_nothing_of_an_alert_lies_open_in_the_database(alerts: Alerts, service_house: House) -> None:
    await alerts.raise_(new("decision-in-the-clear"))
    await alerts.close(officer(), (await listed(alerts))[0].id, "a note in the clear")
    with sqlite3.connect(service_house.path) as connection:
        dump = "\n".join(connection.iterdump())
    connection.close()
    for word in ("decision-in-the-clear", "a note in the clear", "ZZAMB1", "medic-1"):
        assert word not in dump
        assert word.encode().hex() not in dump.lower()
