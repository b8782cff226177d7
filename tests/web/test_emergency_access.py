"""Emergency access on a crew's phone: a second step in plain words, and nothing that says whether there is a plan."""

from __future__ import annotations

from datetime import timedelta

import httpx

from tests.journeys.audit import entries_of
from tests.journeys.people import Person, TimeMachine, admitted, gp, nhs_number, sharing
from tests.running import Running
from tests.web.browsing import crew_link
from tests.web.visits import Visitor, draft_of, form_of, hidden_of, path_of, visitor

WHAT_HAPPENED = "Found unconscious at home"


def refusing(service: Running, index: int) -> Person:
    """Return somebody who refuses to share."""
    someone = admitted(service, index)
    assert service.call("POST", "/Consent", gp(service), sharing(someone, "deny")).status_code == 201
    return someone


def typed(born: str, **said: str) -> dict[str, str]:
    year, month, day = born.split("-")
    return {"day": day, "month": month, "year": year, "basis": "unable_to_ask", "reason": WHAT_HAPPENED} | said


def asks(who: Visitor, path: str, born: str, **said: str) -> httpx.Response:
    return who.post(f"{path}/emergency", form=form_of(who.get(f"{path}/emergency")), **typed(born, **said))


def born_of(someone: Person) -> str:
    return str(someone.resource("Patient")["birthDate"])


def test_from_no_plan_found_to_the_plan_in_a_second_step(service: Running) -> None:
    someone = refusing(service, 8_700)
    link = crew_link(service, someone.nhs_number)
    path = path_of(link.url)
    with visitor(service) as bryn:
        page = bryn.get(path)
        assert page.status_code == 404
        assert f'href="{path}/emergency"' in page.text
        form = bryn.get(f"{path}/emergency")
        assert "privacy officer is told" in form.text
        assert "their refusal stands" in form.text

        given = asks(bryn, path, born_of(someone))

        assert given.status_code == 303
        answer = bryn.get(given.headers["location"])
        assert answer.status_code == 200
        assert "DO NOT ATTEMPT CPR" in answer.text
        assert "refused to share" in bryn.get(given.headers["location"] + "/details").text
        (entry,) = entries_of(service, given)
        assert (entry.interaction, entry.break_glass_basis) == ("$break-glass", "unable_to_ask")
        assert "notify_privacy_officer" in entry.obligations
        for address in (given.headers["location"], str(answer.url)):
            assert someone.nhs_number not in address
    with visitor(service, "ada") as ada:
        assert ada.get(given.headers["location"]).status_code == 404, "the link is for the one who asked"


def test_another_birth_date_and_an_absent_plan_are_the_page_that_they_were(service: Running) -> None:
    someone, nobody = refusing(service, 8_701), nhs_number(8_702)
    with visitor(service) as bryn:
        pages = []
        for number in (someone.nhs_number, nobody):
            path = path_of(crew_link(service, number).url)
            pages.append(asks(bryn, path, "1931-02-03").text.replace(path, "LINK"))
    assert "NO PLAN FOUND" in pages[0]
    assert without_tokens(pages[0]) == without_tokens(pages[1])


def without_tokens(page: str) -> str:
    """Return a page without what differs from one drawing to the next."""
    return "\n".join(line for line in page.splitlines() if 'type="hidden"' not in line)


def test_what_is_missing_is_said_at_its_field_and_what_was_typed_is_kept(service: Running) -> None:
    someone = admitted(service, 8_703)
    path = path_of(crew_link(service, someone.nhs_number).url)
    with visitor(service) as bryn:
        for said, field in (
            ({"reason": "short"}, "reason"),
            ({"basis": "patient_refuses"}, "basis"),
            ({"day": "31", "month": "2"}, "born"),
            ({"basis": "public_interest"}, "senior"),
        ):
            page = asks(bryn, path, born_of(someone), **said)
            assert page.status_code == 422
            assert f'href="#{field}' in page.text
            assert "reason" in said or WHAT_HAPPENED in page.text


def test_a_sign_in_that_ends_meanwhile_loses_nothing(later: TimeMachine) -> None:
    service = later.service
    someone = refusing(service, 8_704)
    path = path_of(crew_link(service, someone.nhs_number).url)
    with visitor(service) as bryn:
        form = bryn.get(f"{path}/emergency")
        later.clock.advance(timedelta(minutes=31))
        asked = bryn.post(f"{path}/emergency", **hidden_of(form), **typed(born_of(someone)))
        assert asked.status_code == 401
        fields = {"form": form_of(asked), "persona": "bryn", "next": f"{path}/emergency"}
        again = bryn.post("/crew/sign-in", **fields, draft=draft_of(asked))
        assert WHAT_HAPPENED in again.text
        given = bryn.post(f"{path}/emergency", form=form_of(again), **typed(born_of(someone)))
        assert given.status_code == 303


def test_a_form_from_elsewhere_breaks_nothing(service: Running) -> None:
    someone = refusing(service, 8_705)
    path = path_of(crew_link(service, someone.nhs_number).url)
    with visitor(service) as bryn:
        form = form_of(bryn.get(f"{path}/emergency"))
        sent = bryn.post(f"{path}/emergency", {"Sec-Fetch-Site": "cross-site"}, form=form, **typed(born_of(someone)))
        assert sent.status_code == 403
        old = bryn.post(f"{path}/emergency", form="0" * 32, **typed(born_of(someone)))
        assert old.status_code == 409


def test_who_is_refused_too_often_is_told_so(service: Running) -> None:
    nobody = nhs_number(8_706)
    path = path_of(crew_link(service, nobody, "ZZ1110").url)
    with visitor(service, "odile") as odile:
        pages = [asks(odile, path, "1931-02-03") for _ in range(6)]
    assert [page.status_code for page in pages] == [404] * 5 + [403]
    assert "Locked for you" in pages[-1].text
