"""Links for crews: whom they open for, what they say when they do not open, and that they hold nobody's number."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from security.audit import AuditEntry, AuditSealer, Outcome
from security.keys import open_keys
from service.app import create_app
from tests.journeys.people import TimeMachine, admitted, person
from tests.running import Running, demo_settings, parameters
from tests.web.browsing import crew_link
from tests.web.visits import path_of, visitor


def test_a_link_leads_a_crew_of_the_incident_to_the_answer(service: Running) -> None:
    someone = admitted(service, 700)
    link = crew_link(service, someone.nhs_number)
    assert someone.nhs_number not in link.url
    with visitor(service) as bryn:
        page = bryn.get(link.url)
        assert page.status_code == 200
        assert "DO NOT ATTEMPT CPR" in page.text
        assert page.headers["cache-control"] == "no-store"
        assert "script" not in page.text
        assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
        assert bryn.get(f"{link.url}/details").status_code == 200


def test_what_opens_to_nobody_reads_the_same_whatever_the_reason(service: Running) -> None:
    mine, theirs = admitted(service, 701), admitted(service, 702)
    ended = crew_link(service, mine.nhs_number)
    closed = service.call("POST", "/$close-incident", service.token("system", "ZZCAD1"), parameters(id=ended.incident))
    assert closed.status_code == 200
    foreign = crew_link(service, theirs.nhs_number, "ZZ1110")
    about_nobody = crew_link(service, person(703).nhs_number, "ZZ1110")
    guessed = f"{service.settings.base_url}/crew/i/{'A' * 32}"
    with visitor(service) as bryn:
        pages = [bryn.get(url) for url in (ended.url, foreign.url, about_nobody.url, guessed)]
    bodies = {page.text.replace(path_of(str(page.request.url)), "") for page in pages}
    assert {page.status_code for page in pages} == {404}
    assert len(bodies) == 1
    assert "says nothing about whether there is a plan" in bodies.pop()


def test_using_a_link_that_was_made_for_somebody_else_is_written_down(service: Running) -> None:
    someone = admitted(service, 1510)
    foreign = path_of(crew_link(service, someone.nhs_number, "ZZ1110").url)
    with visitor(service) as bryn, visitor(service, "ada") as ada:
        own = bryn.post("/crew/find", form=bryn.form(), nhs_number=someone.nhs_number).headers["location"]
        for path in (foreign, f"{foreign}/details", own):
            before = entries(service)
            assert ada.get(path).status_code == 404
            (entry,) = entries(service)[len(before) :]
            assert (entry.interaction, entry.outcome, entry.permitted) == ("crew-link", Outcome.REFUSED, False)
            assert (entry.user_id, entry.organisation) == ("zz-ambulance-2", "ZZAMB1")
        before = entries(service)
        assert ada.get(f"/crew/i/{'A' * 32}").status_code == 404
        assert entries(service) == before, "a guess concerns nobody"


def entries(service: Running) -> list[AuditEntry]:
    """Return every audit entry, in the order in which they were filed."""
    settings = service.settings
    sealer = AuditSealer(open_keys(settings.keys).audit_seal, settings.tenant)
    with sqlite3.connect(settings.home / "records.sqlite") as database:
        return [sealer.open(sealed) for (sealed,) in database.execute("SELECT sealed FROM audit ORDER BY filed")]


def test_an_address_that_is_no_link_is_not_repeated(service: Running) -> None:
    with visitor(service) as bryn:
        page = bryn.get("/crew/i/%3Cscript%3Ealert")
    assert page.status_code == 404
    assert "alert" not in page.text


@pytest.mark.parametrize("path", ["/crew/nothing", "/crew/i", "/crew/i/x/y/z", "/crew/sign-out", "/crew/find/"])
@pytest.mark.parametrize("persona", ["bryn", None])
def test_what_is_no_page_is_said_to_be_none(service: Running, path: str, persona: str | None) -> None:
    with visitor(service, persona) as somebody:
        page = somebody.get(path)
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "THERE IS NO SUCH PAGE" in page.text


def test_a_page_that_a_browser_brings_back_is_one(service: Running) -> None:
    """The address of a form that was sent, in a tab that is opened again."""
    with visitor(service) as bryn:
        page = bryn.get("/crew/find")
    assert page.status_code == 200
    assert "Find a plan" in page.text


def test_a_slash_too_many_leads_to_no_other_host(service: Running) -> None:
    link = path_of(crew_link(service, admitted(service, 1511).nhs_number).url)
    with visitor(service) as bryn:
        for path in ("/crew", link, f"{link}/details", f"{link}/outcome", "/crew/search"):
            page = bryn.get(f"{path}/", Host="evil.example")
            assert (page.status_code, page.headers["location"]) == (303, path)


def test_a_link_ends_after_two_hours(later: TimeMachine) -> None:
    service = later.service
    link = crew_link(service, admitted(service, 704).nhs_number)
    with visitor(service) as bryn:
        assert bryn.get(link.url).status_code == 200
        later.clock.advance(timedelta(hours=2, seconds=1))
        bryn.sign_in()
        assert bryn.get(link.url).status_code == 404


@pytest.mark.parametrize("token", ["ambulance", "gp"])
def test_only_a_control_room_gets_links(service: Running, token: str) -> None:
    incident = service.open_incident(person(705).nhs_number)
    caller = service.token(token, "ZZAMB1" if token == "ambulance" else "ZZGP01")
    assert service.call("POST", "/$crew-link", caller, parameters(id=incident)).status_code == 403


def test_a_link_is_made_of_an_open_incident_of_one_s_own(service: Running) -> None:
    incident = service.open_incident(person(706).nhs_number)
    room = service.token("system", "ZZCAD1")
    assert service.call("POST", "/$crew-link", room, parameters(id="0" * 32)).status_code == 404
    assert service.call("POST", "/$crew-link", room, parameters(name="x")).status_code == 422
    service.call("POST", "/$close-incident", room, parameters(id=incident))
    assert service.call("POST", "/$crew-link", room, parameters(id=incident)).status_code == 404


def test_a_number_typed_by_hand_is_in_no_address_and_opens_for_its_typist_alone(service: Running) -> None:
    someone = admitted(service, 1507)
    service.open_incident(someone.nhs_number)
    spaced = f"{someone.nhs_number[:3]} {someone.nhs_number[3:6]} {someone.nhs_number[6:]}"
    with visitor(service) as bryn, visitor(service, "ada") as ada:
        answer = bryn.post("/crew/find", form=bryn.form(), nhs_number=spaced)
        assert answer.status_code == 303
        address = answer.headers["location"]
        assert someone.nhs_number not in address
        assert "DO NOT ATTEMPT CPR" in bryn.get(address).text
        assert ada.get(address).status_code == 404


def test_without_an_incident_a_plan_and_no_plan_look_the_same(service: Running) -> None:
    with visitor(service) as bryn:
        form, pages = bryn.form(), []
        for number in (admitted(service, 708).nhs_number, person(709).nhs_number):
            address = bryn.post("/crew/find", form=form, nhs_number=number).headers["location"]
            pages.append(bryn.get(address))
            pages[-1].encoding = "utf-8"
        texts = {page.text.replace(path_of(str(page.request.url)), "") for page in pages}
    assert [page.status_code for page in pages] == [404, 404]
    assert len(texts) == 1
    assert "This does not mean that the person has no wishes" in texts.pop()


@pytest.mark.parametrize("typed", ["", "1", "1234567890", "<script>alert(1)</script>", "9" * 10_000])
def test_what_is_no_number_is_told_so_and_not_repeated(service: Running, typed: str) -> None:
    with visitor(service) as bryn:
        page = bryn.post("/crew/find", form=bryn.form(), nhs_number=typed)
    assert page.status_code == 422
    assert "NHS number" in page.text
    assert "alert(1)" not in page.text
    assert "99999" not in page.text
    assert "1234567890" not in page.text


def test_far_too_much_is_not_read(service: Running) -> None:
    with visitor(service) as bryn:
        page = bryn.post("/crew/find", form=bryn.form(), nhs_number="9" * 20_000)
    assert page.status_code == 413
    assert "THIS WAS NOT DONE" in page.text


async def test_before_the_service_is_open_it_says_that_it_cannot_answer(tmp_path: Path) -> None:
    app = create_app(demo_settings(tmp_path, 8000))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as client:
        page = await client.get(f"/crew/i/{'A' * 32}")
    assert page.status_code == 503
    assert page.headers["retry-after"]
    assert page.headers["cache-control"] == "no-store"
    assert "THE SERVICE CANNOT ANSWER NOW" in page.text
    assert "Do not infer that there is no plan" in page.text
