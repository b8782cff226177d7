"""What a privacy officer sees and does: their alerts, the log, an explanation; and that nobody else does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from security.clock import LONDON
from service.app import create_app
from service.record.alerts import Alert, AlertKind
from service.settings import Settings
from tests.journeys.people import TimeMachine, admitted, crew, gp, person, sharing
from tests.running import Running
from tests.web.officers import REASON, broken_glass, new, officer, raised, signed_in
from tests.web.stopping import writer_stopped
from tests.web.visits import Visitor, draft_of, form_of, hidden_of, visitor

NOTE = "Asked the crew: heliotrope umbrella."


def an_alert(service: Running, decision: str, kind: AlertKind = AlertKind.BREAK_GLASS) -> Alert:
    """Raise one alert."""
    return raised(service, new(kind, datetime.now(UTC), decision))[0]


def path_of(alert: Alert) -> str:
    return f"/privacy/alerts/{alert.id}"


def today() -> str:
    return datetime.now(LONDON).date().isoformat()


def found(elowen: Visitor, **typed: str) -> str:
    """Search the log and return the page that was found."""
    answer = elowen.post("/privacy/log", **hidden_of(elowen.get("/privacy/log")), **typed)
    assert answer.status_code == 303, answer.text
    page = elowen.get(answer.headers["location"])
    assert page.status_code == 200, page.text
    return page.text


def test_each_kind_of_alert_says_why_and_names_nobody(service: Running) -> None:
    made = raised(service, *(new(kind, datetime.now(UTC), f"kind-{kind}") for kind in AlertKind))
    with officer(service) as elowen:
        pages = [elowen.get(path_of(one)).text for one in made]
        queue = elowen.get("/privacy").text
    for one, page, words in zip(
        made,
        pages,
        (
            "nothing that is registered here says so",
            "opened what was closed to them",
            "did not get it",
            "too many people who were not theirs",
            "whereabouts are protected",
            "has not been told, within minutes",
            "has not confirmed that it removed it",
            "should have been told within 24 hours",
        ),
        strict=True,
    ):
        assert words in page
        assert words in queue
        of_partner = one.kind in (AlertKind.NOT_DELIVERED, AlertKind.REMOVAL_UNCONFIRMED, AlertKind.NOT_TOLD)
        assert ("zz-ambulance-1, ambulance crew" in page) is not of_partner
        assert ("<dt>Answers for the partner</dt><dd>zz-ambulance-1</dd>" in page) is of_partner
        assert (f"<dd>{one.decision_id.partition('-')[0]} <span" if of_partner else one.decision_id) in page
        assert "ab" * 16 not in page, "the record's own id"


def test_the_queue_is_ordered_and_filtered(service: Running) -> None:
    older = raised(service, new(AlertKind.GUESS_LIMIT, datetime.now(UTC) - timedelta(minutes=1), "order-1"))[0]
    newer = an_alert(service, "order-2", AlertKind.GUESS_LIMIT)
    with officer(service) as elowen:
        form = form_of(elowen.get("/privacy"))

        def listed(query: str) -> list[int]:
            page = elowen.get(f"/privacy?{query}").text
            return [page.find(path_of(one)) for one in (newer, older)]

        first, second = listed("kind=guess-limit")
        assert 0 < first < second, "the latest first"
        elowen.post(path_of(newer), form=form, to="acknowledged")
        first, second = listed("kind=guess-limit&state=open")
        assert 0 < second < first, "new ones first"
        assert listed("kind=guess-limit&state=acknowledged")[1] == -1
        elowen.post(path_of(newer), form=form, to="closed", note=NOTE)
        assert listed("kind=guess-limit")[0] == -1
        assert listed("kind=guess-limit&state=closed")[0] > 0
        assert listed("kind=self-claim&state=all") == [-1, -1]
        assert listed("kind=guess-limit&state=all&from=99999") == [-1, -1]
        assert elowen.get("/privacy?kind=%3Cb%3E&state=x&from=-1").status_code == 200


def test_an_alert_is_acknowledged_and_closed_with_a_note_once(service: Running) -> None:
    path = path_of(an_alert(service, "moves"))
    with officer(service) as elowen:
        form = form_of(elowen.get(path))
        taps = [elowen.post(path, form=form, to="acknowledged", note="I ask them.") for _ in range(2)]
        assert [(one.status_code, one.headers["location"]) for one in taps] == [(303, path)] * 2
        page = elowen.get(path).text
        assert page.count("I ask them.") == 1
        assert "Acknowledge: I look into it" not in page
        missing = elowen.post(path, form=form, to="closed", note=" ")
        assert missing.status_code == 422
        assert "Say what you found" in missing.text
        long = elowen.post(path, form=form, to="closed", note="x" * 1001)
        assert (long.status_code, "x" * 1001 in long.text) == (422, True)
        assert elowen.post(path, form=form, to="reopened", note="x").status_code == 422
        assert elowen.post(path, form=form, to="closed", note=NOTE).status_code == 303
        late = elowen.post(path, form=form, to="acknowledged", note="Too late.")
        assert (late.status_code, "Too late." in late.text) == (409, True)
        page = elowen.get(path).text
    assert NOTE in page
    assert "Too late." not in page
    assert 'name="note"' not in page


def test_what_was_typed_is_there_after_the_next_sign_in_and_for_nobody_else(later: TimeMachine) -> None:
    service = later.service
    path = path_of(raised(service, new(AlertKind.BREAK_GLASS, later.clock(), "draft"))[0])
    with officer(service) as elowen:
        hidden = hidden_of(elowen.get(path))
        later.clock.advance(timedelta(minutes=31))
        page = elowen.post(path, **hidden, to="closed", note=NOTE)
        assert page.status_code == 401
        assert "heliotrope" not in page.text
        assert "What you typed is kept" in page.text
        sent = {"form": form_of(page), "draft": draft_of(page), "next": path, "persona": "elowen"}
        back = elowen.post("/privacy/sign-in", **sent)
        assert back.status_code == 200
        assert NOTE in back.text
        assert f'action="{path}"' in back.text
        assert elowen.post(path, **hidden_of(back), to="closed", note=NOTE).status_code == 303
        assert NOTE in elowen.get(path).text

        hidden = hidden_of(elowen.get("/privacy/explain"))
        later.clock.advance(timedelta(minutes=31))
        page = elowen.post("/privacy/explain", **hidden, organisation="ZZHELIO")
        sent = {"form": form_of(page), "draft": draft_of(page), "next": "/privacy", "persona": "elowen"}
        assert "ZZHELIO" in elowen.post("/privacy/sign-in", **sent).text


def test_after_signing_in_one_is_where_one_was(service: Running) -> None:
    path = path_of(an_alert(service, "back"))
    with visitor(service, None) as somebody:
        page = somebody.get(path)
        assert page.status_code == 401
        sent = {"form": form_of(page), "persona": "elowen", "draft": ""}
        assert f'value="{path}"' in page.text
        assert somebody.post("/privacy/sign-in", next=path, **sent).headers["location"] == path
    with visitor(service, None) as somebody:
        sent["form"] = form_of(somebody.get("/privacy"))
        assert somebody.post("/privacy/sign-in", next="//evil.example", **sent).headers["location"] == "/privacy"


@pytest.mark.parametrize("rest", ["", "/log", "/log?page=x", "/explain", "/alerts/ZZAMB1.2026-11.1.0"])
def test_nobody_else_sees_a_page(service: Running, rest: str) -> None:
    with visitor(service) as bryn:
        page = bryn.get(f"/privacy{rest}")
    assert page.status_code == 403
    assert "THIS IS FOR PRIVACY OFFICERS" in page.text


def test_a_crew_member_can_search_move_and_ask_nothing(service: Running) -> None:
    path = path_of(an_alert(service, "not-for-crews"))
    someone = admitted(service, 2220)
    with visitor(service) as bryn:
        form = bryn.form()
        found = bryn.post("/privacy/log", form=form, nhs_number=someone.nhs_number)
        answers = [
            bryn.get(found.headers["location"]),
            bryn.post(path, form=form, to="closed", note="x"),
            bryn.post("/privacy/explain", form=form, **question(someone.nhs_number)),
            bryn.post("/privacy/explain", form=form, **question("what is no number")),
        ]
    assert [one.status_code for one in answers] == [403] * 4
    with officer(service) as elowen:
        assert "Nobody has looked into it yet" in elowen.get(path).text
        # nobody signs in there who is no officer, and no officer signs in as a crew
        assert signed_in(elowen, "bryn").status_code == 401
        form = form_of(elowen.get("/crew/sign-in"))
        assert elowen.post("/crew/sign-in", form=form, persona="elowen", next="/crew", draft="").status_code == 401
        link = elowen.post("/crew/find", form=form, nhs_number=someone.nhs_number).headers["location"]
        assert elowen.get(link).status_code == 403


def test_an_alert_of_another_organisation_and_none_look_the_same(service: Running) -> None:
    other = raised(service, new(AlertKind.BREAK_GLASS, datetime.now(UTC), "other", organisation="ZZGP01"))[0]
    with officer(service) as elowen:
        form = form_of(elowen.get("/privacy"))
        assert path_of(other) not in elowen.get("/privacy?state=all").text
        for path in (path_of(other), "/privacy/alerts/ZZGP01.2020-01.1.0", "/privacy/alerts/x", "/privacy/nothing"):
            page = elowen.get(path)
            assert (page.status_code, "THERE IS NO SUCH PAGE FOR YOU" in page.text) == (404, True)
            assert elowen.post(path, form=form, to="closed", note="x").status_code == 404


def test_the_log_of_a_person_in_plain_words(service: Running) -> None:
    someone = admitted(service, 2221)
    broken_glass(service, someone)
    service.open_incident(someone.nhs_number)
    assert service.emergency(crew(service), someone.nhs_number).status_code == 200
    with officer(service) as elowen:
        page = found(elowen, nhs_number=f" {someone.nhs_number[:3]} {someone.nhs_number[3:6]} {someone.nhs_number[6:]}")
    assert "Read the emergency summary" in page
    assert f"the person could not be asked: {REASON}" in page
    assert "Paramedic Bryn Testcase" in page
    assert "Rule 4: Emergency access, for a reason that was given." in page
    assert "Looked at the access log" in page
    assert str(someone.resource("Patient")["name"][0]["family"]) not in page
    assert "ZZGP01" not in page, "what another organisation did with a record that it holds"


def test_the_log_of_somebody_else_s_record_and_of_nobody_are_both_empty(service: Running) -> None:
    with officer(service) as elowen:
        for someone in (admitted(service, 2222), person(2223)):
            for _ in range(2):
                assert "There is no entry that you may see" in found(elowen, nhs_number=someone.nhs_number)
            looks = found(elowen, **{"from": today(), "to": today()}).split("<tr role")[2:4]
            assert all("Looked at the access log" in look and "Patient/" not in look for look in looks)


def test_the_log_by_days_goes_on_from_page_to_page(service: Running) -> None:
    with officer(service) as elowen:
        for _ in range(52):
            assert elowen.get("/privacy").status_code == 200
        page = found(elowen, **{"from": today()})
        assert "50 entries" in page
        older = page.partition('class="act" href="')[2].partition('"')[0]
        second = elowen.get(older)
        assert second.status_code == 200
        assert "Older entries." in second.text
        first_entries, second_entries = (set(_entries(text)) for text in (page, second.text))
        assert first_entries
        assert second_entries
        assert not first_entries & second_entries
        assert "There is no entry" in found(elowen, **{"from": "2026-11-02", "to": "2026-11-03"})
    with visitor(service) as bryn:
        assert bryn.get(older).status_code == 403
    with officer(service) as elowen:
        assert elowen.get(f"{older[:-8]}AAAAAAA=").status_code == 422


def _entries(page: str) -> list[str]:
    return [part.partition("</dd>")[0] for part in page.split("<dt>Entry</dt><dd>")[1:]]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({}, "or the days to look at"),
        ({"nhs_number": "9990000019"}, "ten digits"),
        ({"from": "yesterday"}, "year, month and day"),
        ({"from": "2026-11-28", "to": "2026-11-27"}, "before the first"),
    ],
)
def test_what_cannot_be_searched_is_said_and_a_wrong_number_is_not_repeated(
    service: Running, typed: dict[str, str], words: str
) -> None:
    with officer(service) as elowen:
        page = elowen.post("/privacy/log", **hidden_of(elowen.get("/privacy/log")), **typed)
        too_long = elowen.post(
            "/privacy/log", **hidden_of(elowen.get("/privacy/log")), **{"from": "2024-01-01", "to": "2026-11-01"}
        )
    assert page.status_code == 422
    assert words in page.text
    assert "9990000019" not in page.text
    assert too_long.status_code == 303


def question(number: str, **more: str) -> dict[str, str]:
    return {
        "nhs_number": number,
        "role": "ambulance",
        "organisation": "ZZAMB1",
        "purpose": "TREAT",
        "at": f"{today()}T23:59",
        "way": "usual",
    } | more


def test_an_explanation_of_a_permit_and_of_a_refusal(service: Running) -> None:
    someone = admitted(service, 2224)
    service.open_incident(someone.nhs_number)
    assert service.emergency(crew(service), someone.nhs_number).status_code == 200
    standing = someone.reference("Consent", lambda consent: "patient-privacy" in str(consent["scope"]))
    with officer(service) as elowen:
        hidden = hidden_of(elowen.get("/privacy/explain"))

        def told(**more: str) -> str:
            page = elowen.post("/privacy/explain", **hidden, **question(someone.nhs_number, **more))
            assert page.status_code == 200, page.text
            return page.text

        permit = told()
        assert "An answer is given" in permit
        assert "CPR decision" in permit
        assert "This tier opens in an emergency only." in permit
        assert str(someone.resource("Patient")["name"][0]["family"]) not in permit
        assert "Refused, because of who asks" in told(purpose="other")
        assert "Refused, because of who asks" in told(role="researcher")
        refusal = {**sharing(someone, "deny"), "id": standing.partition("/")[2]}
        assert service.call("PUT", f"/{standing}", gp(service), refusal, {"If-Match": 'W/"1"'}).status_code == 200
        refused = told()
        assert "Told that nothing is available" in refused
        assert "Rule 2.8" in refused
        assert "An answer is given" in told(way="glass")
        for whom, more in ((person(2225), {}), (admitted(service, 2226), {}), (someone, {"organisation": "ZZHSP1"})):
            page = elowen.post("/privacy/explain", **hidden, **question(whom.nhs_number, **more))
            assert (page.status_code, "You cannot ask about this person" in page.text) == (404, True)


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("nhs_number", "9990000019"),
        ("role", "surgeon"),
        ("organisation", "x"),
        ("purpose", "HRESCH"),
        ("at", "now"),
        ("way", "by force"),
    ],
)
def test_a_question_that_cannot_be_read_is_asked_again(service: Running, field: str, typed: str) -> None:
    with officer(service) as elowen:
        asked = question("9990000018") | {field: typed}
        page = elowen.post("/privacy/explain", **hidden_of(elowen.get("/privacy/explain")), **asked)
    assert page.status_code == 422
    assert "There is a problem" in page.text
    assert "9990000019" not in page.text


@pytest.mark.parametrize("path", ["/privacy/log", "/privacy/explain", "/privacy/alerts/ZZAMB1.2026-11.1.0"])
def test_a_form_of_another_site_or_of_another_session_does_nothing(service: Running, path: str) -> None:
    alert = path_of(an_alert(service, "foreign"))
    path = alert if path.startswith("/privacy/alerts") else path
    typed = question("9990000018", to="closed", note=NOTE)
    with officer(service) as elowen:
        form = form_of(elowen.get("/privacy"))
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {}):
            assert elowen.post(path, headers, form=form, **typed).status_code == 403
        with visitor(service) as bryn:
            other = bryn.form()
        page = elowen.post(path, form=other, **typed)
        assert page.status_code == 409
        assert "9990000018" not in page.text
        assert NOTE not in page.text
        assert "Nobody has looked into it yet" in elowen.get(alert).text


def test_every_page_forbids_scripts_and_keeping_and_nothing_typed_is_logged(service: Running) -> None:
    someone = admitted(service, 2227)
    alert = path_of(an_alert(service, "logged"))
    with officer(service) as elowen:
        pages = [elowen.get(path) for path in ("/privacy", alert, "/privacy/log", "/privacy/explain", "/privacy/x")]
        found(elowen, nhs_number=someone.nhs_number)
        hidden = hidden_of(elowen.get("/privacy/explain"))
        elowen.post("/privacy/explain", **hidden, **question(someone.nhs_number))
        elowen.post(alert, form=form_of(pages[0]), to="closed", note=NOTE)
    for page in pages:
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
        assert page.headers["cache-control"] == "no-store"
        assert "DEMONSTRATION" in page.text
        assert "<script" not in page.text
    log = service.log.read_text()
    assert "privacy-explains" in log
    for word in (someone.nhs_number, "heliotrope", "/privacy/"):
        assert word not in log


def test_in_production_nobody_signs_in(tmp_path: Path) -> None:
    settings = Settings.from_environ(
        {"EPACCS_HOME": str(tmp_path), "EPACCS_TENANT": "t", "EPACCS_BASE_URL": "https://plans.example.org"}
    )
    paths = {getattr(route, "path", "") for route in create_app(settings).routes}
    assert "/privacy" in paths
    assert "/privacy/sign-in" not in paths


def test_an_alert_leads_to_the_log_of_its_day_in_london(service: Running) -> None:
    night = datetime(2026, 8, 1, 23, 30, tzinfo=UTC)  # half past midnight on the second, in summer
    made = raised(service, new(AlertKind.BREAK_GLASS, night, "summer"))[0]
    with officer(service) as elowen:
        page = elowen.get(path_of(made)).text
    assert '<input type="hidden" name="from" value="2026-08-02">' in page
    assert '<input type="hidden" name="to" value="2026-08-02">' in page


def test_a_note_is_there_still_when_it_cannot_be_saved(shaky: Running) -> None:
    path = path_of(an_alert(shaky, "unsaved"))
    with officer(shaky) as elowen:
        form = form_of(elowen.get("/privacy"))
        with writer_stopped(shaky):
            page = elowen.post(path, form=form, to="closed", note=NOTE)
            queue = elowen.get("/privacy")
    assert page.status_code == 503
    assert NOTE in page.text
    assert "Nothing is lost: send it again" in page.text
    assert queue.status_code == 503
    assert "THE SERVICE CANNOT ANSWER NOW" in queue.text
