"""Following a pointer: the plan as PDF for whom it is open, one answer for all others, and all of it written down."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from adapters.nrl_pointer import pointer_of
from security.audit_event import to_audit_event
from security.oversight import own_organisation
from security.principal import Purpose, Role
from service.record.access_log import LogQuestion
from service.record.as_given import AnswerAsGiven
from service.record.read import BEHIND_POINTER
from service.ssp.headers import INTERACTION
from tests.adapters.nrl_world import WHEN
from tests.adapters.nrl_world import settings as nrl_settings
from tests.journeys.canary import PLACES, canary, flagged
from tests.service.document.reading import pages_of
from tests.service.record.house import doctor, update
from tests.service.ssp import spine_proxy
from tests.service.ssp.spine_proxy import AMBULANCE, OURS, STRANGER, CannotFollow, spine_jwt
from tests.service.ssp.world import PROXY_NAME, World, world

NOBODY = "ssp://records.example.nhs.uk/plan/" + "0" * 32


@pytest.fixture
async def open_world(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as opened:
        yield opened


def same(one: httpx.Response, other: httpx.Response) -> bool:
    """Say whether two answers differ in nothing but what differs every time."""
    ours = ({k: v for k, v in answer.headers.items() if k not in ("x-request-id", "date")} for answer in (one, other))
    return one.status_code == other.status_code and one.content == other.content and next(ours) == next(ours)


async def test_a_crew_gets_the_plan_as_bytes_of_a_pdf(open_world: World) -> None:
    number = await open_world.admitted(1)
    answer = await open_world.spine.get(await open_world.pointer(number))
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.content.startswith(b"%PDF-")
    first = pages_of(answer.content)[0]
    assert f"{number[:3]} {number[3:6]} {number[6:]}" in first
    assert "DO NOT ATTEMPT CPR" in first


async def test_it_is_written_down_who_asked_and_who_brought_the_question(open_world: World) -> None:
    number = await open_world.admitted(2)
    pointer = await open_world.pointer(number)
    await open_world.spine.get(pointer)
    (entry,) = await open_world.audited(number)
    assert (entry.client_id, entry.organisation, entry.role, entry.purpose) == (
        "demo-ambulance",
        "ZZAMB1",
        "system",
        "TREAT",
    )
    assert (entry.status, entry.permitted, entry.user_id) == (200, True, "")
    assert dict(entry.said) == {
        "peer": PROXY_NAME,
        "verb": "GET",
        "path": pointer.removeprefix("ssp://records.example.nhs.uk"),
        "ssp-from": AMBULANCE,
        "ssp-to": OURS,
        "ssp-traceid": "09a01679-2564-0fb4-5129-aecc81ea2706",
        "jwt.sub": "https://fhir.nhs.uk/Id/sds-role-profile-id|555000000001",
        "jwt.requesting_user": "https://fhir.nhs.uk/Id/sds-role-profile-id|555000000001",
        "jwt.requesting_system": f"https://fhir.nhs.uk/Id/accredited-system|{AMBULANCE}",
        "jwt.requesting_organization": "https://fhir.nhs.uk/Id/ods-organization-code|ZZAMB1",
        "jwt.reason_for_request": "directcare",
        "jwt.scope": "patient/*.read",
    }
    details = to_audit_event(entry, "here")["entity"][0]["detail"]
    assert {"type": "ssp-from", "valueString": AMBULANCE} in details
    assert {"type": "peer", "valueString": PROXY_NAME} in details


async def test_absent_and_refused_are_the_same_answer(open_world: World) -> None:
    stranger = await open_world.admitted(3, known=False)
    refused = await open_world.spine.get(await open_world.pointer(stranger))
    absent = await open_world.spine.get(NOBODY)
    unreadable = await open_world.spine.get("ssp://records.example.nhs.uk/plan/nothing-like-it")
    assert refused.status_code == 404
    assert same(refused, absent)
    assert same(absent, unreadable)
    assert refused.headers["Content-Type"].startswith("application/fhir+json")
    assert refused.json()["resourceType"] == "OperationOutcome"
    (entry,) = await open_world.audited(stranger)
    assert (entry.permitted, entry.status) == (False, 404)


async def test_a_withdrawal_holds_for_a_pointer_that_is_still_there(open_world: World) -> None:
    number = await open_world.admitted(4)
    pointer = await open_world.pointer(number)
    assert (await open_world.spine.get(pointer)).status_code == 200
    record = await open_world.house.record_of(number)
    for entry in record.contents.entries:
        if entry.reference.startswith("CareTeam/"):
            team = await open_world.house.read(entry.reference)
            await open_world.house.write(update(entry.reference, entry.version, {**team, "status": "inactive"}))
    assert same(await open_world.spine.get(pointer), await open_world.spine.get(NOBODY))


async def test_an_address_is_of_one_partner_and_tells_nobody_s_number(open_world: World) -> None:
    number = await open_world.admitted(5)
    pointer, of_another = await open_world.pointer(number), await open_world.pointer(number, "another")
    assert pointer != of_another
    assert await open_world.pointer(number) == pointer
    assert number not in pointer
    assert re.fullmatch(r"ssp://records\.example\.nhs\.uk/plan/[0-9a-f]{32}", pointer)
    assert same(await open_world.spine.get(of_another), await open_world.spine.get(NOBODY))


async def test_whatever_is_not_as_agreed_opens_nothing(open_world: World) -> None:
    number = await open_world.admitted(6)
    pointer = await open_world.pointer(number)
    cases: tuple[tuple[dict[str, str | None], int], ...] = (
        ({"Ssp-From": STRANGER}, 403),
        ({"Ssp-To": STRANGER}, 400),
        ({"Ssp-InteractionID": None}, 400),
        ({"Authorization": None}, 400),
        ({"Authorization": f"Bearer {spine_jwt(reason_for_request='research')}"}, 400),
    )
    for changed, status in cases:
        answer = await open_world.spine.get(pointer, changed)
        assert answer.status_code == status
        assert answer.json()["resourceType"] == "OperationOutcome"
        assert number not in answer.text
        assert STRANGER not in answer.text
    assert await open_world.audited(number) == []
    twice = await open_world.spine.get(pointer, extra=(("Ssp-From", STRANGER),))
    assert twice.status_code == 400, "a header that came twice is nobody's"


async def test_only_get_of_a_plan_is_served(open_world: World) -> None:
    pointer = await open_world.pointer(await open_world.admitted(7))
    for method in ("POST", "PUT", "DELETE", "HEAD", "OPTIONS"):
        assert (await open_world.spine.get(pointer, method=method)).status_code == 405
    for path in ("/", "/plan", "/plan/", "/fhir/R4/metadata", "/metrics", "/crew", "/plan/../plan/x/y"):
        assert (await open_world.spine.get(f"ssp://records.example.nhs.uk{path}")).status_code == 404
    assert (await open_world.spine.get(f"{pointer}?number=1")).status_code == 400


async def test_the_stand_in_refuses_pointers_that_the_proxy_cannot_follow() -> None:
    proxy = spine_proxy.SpineProxy(Path("unread.pem"), 9)
    for pointer in ("ssp://host/plan/9990000018", "ssp://host/plan/a%2Fb", "ssp://proxy.nhs.uk/x", "https://host/plan"):
        with pytest.raises(CannotFollow):
            await proxy.get(pointer)
    assert spine_proxy.INTERACTION == INTERACTION


async def test_who_brings_no_certificate_or_the_wrong_one_is_not_spoken_with(open_world: World) -> None:
    number = await open_world.admitted(8)
    pointer, parties = await open_world.pointer(number), open_world.parties
    for certified in (None, parties.namesake, parties.other):
        with pytest.raises(httpx.TransportError):
            await open_world.proxy(certified).get(pointer)
    assert await open_world.audited(number) == []
    assert (await open_world.spine.get(pointer)).status_code == 200


async def test_who_was_sent_there_reads_until_the_incident_ends(open_world: World) -> None:
    number = await open_world.admitted(9, known=False)
    pointer = await open_world.pointer(number)
    assert (await open_world.spine.get(pointer)).status_code == 404
    incidents = open_world.house.services.operations.incidents
    control = doctor("ZZCAD1", Role.SYSTEM)
    opened = await incidents.open(control, number, "ZZAMB1", "INC-1")
    assert (await open_world.spine.get(pointer)).status_code == 200
    await incidents.close(control, opened.id)
    assert (await open_world.spine.get(pointer)).status_code == 404


async def test_where_a_protected_person_is_stands_on_no_page(open_world: World) -> None:
    told = {}
    for index, flag in ((8_970, ""), (8_971, "R")):
        someone = canary(index)
        patient = next(
            one["resource"] for one in someone.bundle["entry"] if one["resource"]["resourceType"] == "Patient"
        )
        if flag:
            patient |= flagged(patient, flag)
        await open_world.house.post(someone.bundle)
        await open_world.house.services.operations.incidents.open(
            doctor("ZZCAD1", Role.SYSTEM), someone.nhs_number, "ZZAMB1", "INC-1"
        )
        answer = await open_world.spine.get(await open_world.pointer(someone.nhs_number))
        assert answer.status_code == 200, answer.text
        text = " ".join(pages_of(answer.content)).lower()
        assert "nhs number" in text
        told[flag] = [place for place in PLACES if place in text]
    assert told[""], "the control shows that places would be seen"
    assert told["R"] == []


async def test_an_officer_sees_what_was_given_as_a_document(open_world: World) -> None:
    house, officer = open_world.house, doctor("ZZGP01", Role.PRIVACY_OFFICER, Purpose.HCOMPL)
    number = await open_world.admitted(10)
    assert (await open_world.spine.get(await open_world.pointer(number))).status_code == 200
    record, log = await house.record_of(number), house.services.audit_events.log
    found = await log(officer, LogQuestion(patient=record.manifest.patient))
    [event] = [one["id"] for one in found.events if BEHIND_POINTER in str(one)]
    again = AnswerAsGiven(house.writing.access, log, own_organisation, house.services.operations.style)
    given = await again(officer, record.manifest.patient, f"AuditEvent/{event}")
    assert given.entry.organisation == "ZZAMB1"
    assert given.answered.decision.permitted
    assert given.answered.released.whole is not None or given.answered.released.items


async def test_the_pointer_that_the_record_locator_is_given_leads_here(open_world: World) -> None:
    number = await open_world.admitted(11)
    address = (await open_world.pointer(number)).rpartition("/")[2]
    url = pointer_of(nrl_settings(), number, address, WHEN).body["content"][0]["attachment"]["url"]
    assert url.endswith(f"/plan/{address}")
    assert (await open_world.spine.get(url)).status_code == 200
