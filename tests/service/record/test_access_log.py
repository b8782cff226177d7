"""A person's log, in lay words and without what must not be told; an officer's, within their scope; nobody else's."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fhir_profiles import json
from fhir_profiles.canonical import code_system
from fhir_profiles.identifiers import ODS_SYSTEM
from fhir_profiles.validation import validate
from security.decision import Obligation
from security.principal import NamedPerson, Purpose, Role
from security.service_seal import ServiceSeal
from service.record import access as module
from service.record.access import Caller, Refused
from service.record.access_log import AccessLog, LogQuestion
from service.record.errors import InvalidSearch
from service.record.records import OpenRecord, Records
from tests.service.record.house import House, create, doctor, note, patient
from tests.service.record.test_alerts import officer
from tests.service.record.test_owed import asked_by_a_crew, at

Json = dict[str, Any]
START = datetime(2026, 11, 27, 22, 0, tzinfo=UTC)
NIGHT = START + timedelta(hours=5)
MORNING = START + timedelta(hours=12)


def log_of(house: House) -> AccessLog:
    opened = house.opened
    access = house.services.operations.read_record.access
    return AccessLog(access, ServiceSeal(opened.keys.service, opened.settings.tenant), "epaccs.example.org")


def the_person(number: str, **changes: Any) -> Caller:
    principal = replace(
        doctor("ZZAPP1").principal, role=Role.PATIENT, purpose=Purpose.PATRQT, user=NamedPerson(number, "Ada Testley")
    )
    return Caller(replace(principal, **changes), "request-2")


def told(events: Sequence[Json]) -> list[str]:
    """Return the sentences of a person's log, newest first."""
    return [event["text"]["div"].removesuffix("</p></div>").partition("<p>")[2] for event in events]


async def events(house: House, who: Caller, **question: Any) -> list[Json]:
    """Return everything that a caller's log says, page by page."""
    log, asked = log_of(house), LogQuestion(**question)
    found: list[Json] = []
    while True:
        page = await log(who, asked)
        found += page.events
        if not page.cursor:
            return found
        assert len(page.events) == asked.count
        asked = log.resume(who.principal, page.cursor)


@pytest.fixture
async def lived(service_house: House) -> tuple[House, str, str]:
    """A service in the morning after a person was written down in the evening and looked up at night."""
    number, resource = patient(740)
    evening, night = at(service_house, START), at(service_house, NIGHT)
    (made,) = await evening.write(create(resource))
    await asked_by_a_crew(night, number)
    return at(service_house, MORNING), number, made.reference


async def test_the_person_reads_who_looked_and_why(lived: tuple[House, str, str]) -> None:
    house, number, reference = lived
    found = await events(house, the_person(number), patient=reference)
    assert told(found) == [
        "On 28 November 2026 at 10:00 you looked at the list of who used your plan, at your request.",
        "On 28 November 2026 at 03:00 an ambulance service (ZZAMB1) looked at the emergency summary of your plan, for "
        "your care.",
        "On 27 November 2026 at 22:00 a GP practice (ZZGP01) changed your plan, for your care.",
    ]
    assert all(validate(event) == [] for event in found), [validate(event) for event in found]
    assert len({event["id"] for event in found}) == 3


async def test_organisations_have_the_names_that_the_directory_gives(lived: tuple[House, str, str]) -> None:
    house, number, _ = lived
    writer = Caller(replace(doctor("ZZDIR1").principal, role=Role.SYSTEM, user=None), "request-3")
    resource = {"resourceType": "Organization", "name": "Example Ambulance", "identifier": [ods("ZZAMB1")]}
    await house.services.directory.directory.create(writer, create(resource))
    found = await events(house, the_person(number))
    assert "an ambulance service (Example Ambulance)" in told(found)[1]
    assert any(agent.get("name") == "Example Ambulance" for agent in found[1]["agent"])


def ods(code: str) -> Json:
    return {"system": ODS_SYSTEM, "value": code}


async def test_no_staff_no_section_and_no_single_resource_is_told(lived: tuple[House, str, str]) -> None:
    house, number, reference = lived
    category = [{"coding": [{"system": code_system("section"), "code": "safeguarding"}]}]
    (kept,) = await house.write(create(note(reference, "a concern", category=category)))
    (flag,) = await house.write(create(note(reference, "harm", meta=nopat())))
    await house.read(kept.reference)
    await house.read(flag.reference)
    body = json.encode(await events(house, the_person(number))).decode()
    assert body.count('"id"') == 7
    for word in ("safeguarding", "harm", "NOPAT", "Observation/", "Dr Test", "user-of-", "third_party"):
        assert word not in body


def nopat() -> Json:
    return {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "NOPAT"}]}


async def test_where_the_person_is_protected_nothing_says_who_looked(
    lived: tuple[House, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    house, number, _ = lived
    by_nhs_number = Records.by_nhs_number

    async def protected(records: Records, asked: str) -> OpenRecord | None:
        found = await by_nhs_number(records, asked)
        if found is not None:
            found.manifest.sflag = "R"
        return found

    monkeypatch.setattr(Records, "by_nhs_number", protected)
    # Whether such a person's plan is served is the decision's business; here it is, and the words are looked at.
    monkeypatch.setattr(module, "PERFORMED", frozenset(Obligation))
    found = await events(house, the_person(number))
    body = json.encode(found).decode()
    for word in ("ZZAMB1", "ZZGP01", "client-of", "192.0.2"):
        assert word not in body
    assert "an ambulance service looked" in told(found)[1]
    assert all(validate(event) == [] for event in found)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"role": Role.PROXY, "purpose": Purpose.FAMRQT}, 403),
        ({"role": Role.GP, "purpose": Purpose.TREAT}, 403),
        ({"role": Role.PRIVACY_OFFICER, "purpose": Purpose.TREAT}, 403),
        ({"role": Role.RESEARCHER, "purpose": Purpose.TREAT}, 403),
        ({"role": Role.SYSTEM, "purpose": Purpose.TREAT, "user": None}, 403),
        ({"purpose": Purpose.TREAT}, 403),
    ],
)
async def test_nobody_else_sees_a_log_and_the_refusal_is_of_the_token_alone(
    lived: tuple[House, str, str], changes: Json, status: int
) -> None:
    house, number, reference = lived
    for whom in (reference, "Patient/nobody", ""):
        with pytest.raises(Refused) as refused:
            await log_of(house)(the_person(number, **changes), LogQuestion(patient=whom))
        assert refused.value.decision.status == status


async def test_another_persons_log_and_one_of_nobody_are_both_empty(lived: tuple[House, str, str]) -> None:
    house, number, reference = lived
    other, resource = patient(741)
    await house.write(create(resource))
    assert await events(house, the_person(other), patient=reference) == []
    assert await events(house, the_person(patient(742)[0])) == []
    assert await events(house, the_person(number), patient="Patient/nobody") == []


# --- officers


async def test_an_officer_sees_what_their_own_organisation_did(lived: tuple[House, str, str]) -> None:
    house, _, reference = lived
    found = await events(house, officer("ZZAMB1", at=MORNING))
    kinds = [event["subtype"][0]["code"] for event in found]
    assert kinds == ["search-type", "operation"], "their own look, and the crew's"
    crew = found[1]
    assert validate(crew) == []
    user = next(agent for agent in crew["agent"] if agent["type"]["coding"][0]["code"] == "IRCP")
    assert (user["name"], user["who"]["identifier"]["value"]) == ("Dr Test", "user-of-ZZAMB1")
    named = await events(house, officer("ZZAMB1", at=MORNING), patient=reference)
    assert {event["id"] for event in named} > {crew["id"]}
    assert all("ZZGP01" not in json.encode(event).decode() for event in named)


async def test_an_officer_of_the_holder_sees_every_entry_about_the_record(lived: tuple[House, str, str]) -> None:
    house, _, reference = lived
    for question in ({"patient": reference}, {}):
        body = json.encode(await events(house, officer("ZZGP01", at=MORNING), **question)).decode()
        assert "ZZAMB1" in body
        assert "ZZGP01" in body
    assert await events(house, officer("ZZHSP1", at=MORNING), patient="Patient/nobody") == []
    for _ in range(2):
        found = await events(house, officer("ZZHSP1", at=MORNING), patient=reference)
        assert found == [], "not even their own look before, for it would tell that there is a record"
    looks = await events(house, officer("ZZHSP1", at=MORNING))
    assert {event["subtype"][0]["code"] for event in looks} == {"search-type"}
    assert reference not in json.encode(looks).decode()


async def test_a_scope_of_several_organisations(lived: tuple[House, str, str]) -> None:
    house, _, _ = lived
    log = replace(log_of(house), scope=lambda principal: frozenset({"ZZAMB1", "ZZGP01"}))
    page = await log(officer("ZZICB1", at=MORNING), LogQuestion())
    body = json.encode([*page.events]).decode()
    assert "ZZAMB1" in body
    assert "ZZGP01" in body


async def test_what_the_look_itself_leaves(lived: tuple[House, str, str]) -> None:
    house, number, reference = lived
    store = house.opened.store
    before = sum(head.seq for head in await store.chain_heads())
    await events(house, officer("ZZAMB1", at=MORNING), patient=reference)
    assert sum(head.seq for head in await store.chain_heads()) == before + 1
    assert (
        "a privacy officer (ZZAMB1) looked at the list of who used your plan, to check how your plan is used"
        in (told(await events(house, the_person(number)))[1])
    )


# --- pages, times


@pytest.mark.parametrize("tidied", [False, True])
async def test_pages_hold_everything_once_newest_first(service_house: House, tidied: bool) -> None:
    number, resource = patient(743)
    (made,) = await at(service_house, START).write(create(resource))
    times = [START + timedelta(hours=7 * step) for step in range(1, 12)]
    for moment in times:
        await at(service_house, moment).read(made.reference)
        if tidied:
            await service_house.opened.store.tidy()
    last = at(service_house, times[-1] + timedelta(minutes=1))
    who = the_person(number)
    everything = await events(last, who, count=100)
    recorded = [event["recorded"] for event in everything]
    assert recorded == sorted(recorded, reverse=True)
    assert len(recorded) == 13
    for size in (1, 3, 5):
        log = log_of(last)
        page = await log(who, LogQuestion(count=size, until=recorded[0]))
        found = [*page.events]
        while page.cursor:
            page = await log(who, log.resume(who.principal, page.cursor))
            found += page.events
        # The looks at the pages before are entries too, and newer than where the page goes on.
        assert [event["id"] for event in found] == [event["id"] for event in everything[1:]]
    one = await events(last, who, since=recorded[5], until=recorded[2], count=100)
    assert [event["recorded"] for event in one] == recorded[3:6]


async def test_a_cursor_is_for_whom_it_was_given_to(lived: tuple[House, str, str]) -> None:
    house, number, _ = lived
    log, who = log_of(house), the_person(number)
    cursor = (await log(who, LogQuestion(count=1))).cursor
    assert log.resume(who.principal, cursor).count == 1
    assert number not in cursor
    for principal, changed in (
        (the_person("9990000018").principal, cursor),
        (officer("ZZAMB1").principal, cursor),
        (who.principal, cursor[:-8] + "AAAAAAA="),
        (who.principal, "no cursor"),
        (who.principal, ""),
    ):
        with pytest.raises(InvalidSearch):
            log.resume(principal, changed)


async def test_a_whole_organisation_for_more_than_a_year_is_not_answered(lived: tuple[House, str, str]) -> None:
    house, _, _ = lived
    late = at(house, MORNING + timedelta(days=800))
    with pytest.raises(InvalidSearch):
        await events(late, officer("ZZAMB1", at=MORNING + timedelta(days=800)), since="2026-11-01T00:00:00.000Z")


async def test_tokens_do_not_group_entries_in_the_database(service_house: House) -> None:
    number, resource = patient(744)
    (made,) = await service_house.write(create(resource))
    for _ in range(20):
        await service_house.read(made.reference)
    with sqlite3.connect(service_house.path) as connection:
        rows = [tokens for (tokens,) in connection.execute("SELECT tokens FROM audit")]
    connection.close()
    assert {len(tokens) for tokens in rows} == {64}, "as many for every entry"
    every = [tokens[start : start + 16] for tokens in rows for start in range(0, 64, 16)]
    # 21 entries of one record, one organisation and one day: over 256 places, few meet.
    assert len(every) - len(set(every)) < 12
    assert number


async def test_an_officer_looks_by_number_and_gets_what_is_got_by_reference(lived: tuple[House, str, str]) -> None:
    house, number, reference = lived
    by_reference = await events(house, officer(at=MORNING), patient=reference)
    by_number = await events(house, officer(at=MORNING), nhs_number=number)
    assert [one["id"] for one in by_number[1:]] == [one["id"] for one in by_reference], "after a look comes that look"
    assert by_reference


async def test_for_somebody_else_s_person_the_very_log_is_looked_through_that_is_for_nobody(
    lived: tuple[House, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many entries the person has, and though people of the officer's own tried in vain (I3)."""
    house, number, reference = lived
    for _ in range(3):
        with pytest.raises(Refused):
            await house.ask_in_emergency(number, doctor("ZZHOS1", Role.HOSPITAL), at=MORNING)
    asked: list[tuple[bytes, ...]] = []
    carrying = type(house.opened.store).audit_carrying

    async def counted(store: Any, tokens: Any, *rest: Any) -> Any:
        asked.append(tuple(tokens))
        return await carrying(store, tokens, *rest)

    monkeypatch.setattr(type(house.opened.store), "audit_carrying", counted)
    nobody, no_reference = patient(741)[0], "Patient/00000000-0000-4000-8000-000000000000"
    looked_through = []
    for whom in ({"nhs_number": number}, {"nhs_number": nobody}, {"patient": reference}, {"patient": no_reference}):
        asked.clear()
        for _ in range(2):
            assert await events(house, officer("ZZHOS1", at=MORNING), **whom) == []
        looked_through.append(list(asked))
    assert looked_through[0]
    assert all(one == looked_through[0] for one in looked_through)


async def test_a_cursor_of_a_first_page_is_good_for_who_it_was_given_to(lived: tuple[House, str, str]) -> None:
    house, number, _ = lived
    log, asked = log_of(house), LogQuestion(nhs_number=number)
    given = log.cursor(officer().principal, asked)
    assert log.resume(officer().principal, given) == asked
    assert number not in given
    with pytest.raises(InvalidSearch):
        log.resume(officer("ZZGP01").principal, given)
