"""The page says what the API says to the same caller, is written down like it, and leaves nothing of anybody behind."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.journeys.people import admitted, crew, person, posted
from tests.running import Running
from tests.test_canary import words_in
from tests.web.browsing import crew_link
from tests.web.cases import fill_directory
from tests.web.visits import form_of, path_of, visitor

_TAGS = re.compile(r"<[^>]+>")


def plain(page: str) -> str:
    """Return the words of a page, with single spaces."""
    return " ".join(html.unescape(_TAGS.sub(" ", page)).split())


def told(bundle: dict[str, Any]) -> list[str]:
    """Return every paragraph of every item of the API's answer."""
    found = []
    for section in bundle["entry"][0]["resource"]["section"]:
        for part in section.get("section", (section,)):
            found += re.findall(r"<p>(.*?)</p>", part["text"]["div"])
    return [" ".join(html.unescape(one).split()) for one in found]


def test_the_details_hold_every_sentence_of_the_api_s_answer(service: Running) -> None:
    someone = admitted(service, 790, advance_decision=True, interpreter="Welsh", alert="Steep stairs")
    link = crew_link(service, someone.nhs_number)
    bundle = service.emergency(crew(service), someone.nhs_number).json()
    with visitor(service) as bryn:
        words = plain(bryn.get(f"{link.url}/details").text)
    assert [one for one in told(bundle) if one not in words] == []


def test_nothing_is_on_the_screen_that_the_api_does_not_give(service: Running) -> None:
    """Restricted things of the plan, and the person's wishes, which are not part of the emergency answer."""
    someone = admitted(service, 791)
    link = crew_link(service, someone.nhs_number)
    wish = someone.resource("Observation", lambda one: "preferences-and-wishes" in str(one["code"]))["valueString"]
    with visitor(service) as bryn:
        pages = bryn.get(link.url).text + bryn.get(f"{link.url}/details").text
    assert wish not in pages
    assert someone.resource("Condition")["code"]["text"] not in pages


def test_words_of_a_plan_are_shown_as_words_and_never_run(service: Running) -> None:
    someone = admitted(service, 794, alert="<img src=x onerror=alert(1)> NOT <b>safe</b>")
    link = crew_link(service, someone.nhs_number)
    with visitor(service) as bryn:
        pages = bryn.get(link.url).text + bryn.get(f"{link.url}/details").text
    assert "<img" not in pages
    assert "<b>" not in pages
    assert "&lt;img src=x" in pages


def test_a_doubt_is_stressed_and_what_stands_around_it_stays_text(service: Running) -> None:
    someone = person(1595)
    ceiling = someone.resource("CarePlan")
    ceiling["created"] = (datetime.now(UTC) + timedelta(days=3)).isoformat(timespec="seconds")
    ceiling["description"] = "<i>Stay</i> at home, NOT in hospital"
    link = crew_link(service, posted(service, someone).nhs_number)
    with visitor(service) as bryn:
        page = bryn.get(link.url).text
    assert "<strong>NOT VERIFIED</strong>: see Details" in page
    assert "&lt;i&gt;Stay&lt;/i&gt; at home, <strong>NOT</strong> in hospital" in page


def test_each_look_is_one_audit_entry(service: Running) -> None:
    """Counted by what the service reports of itself: an entry is appended for each answer, of pages as of the API."""
    someone = admitted(service, 792)
    link = crew_link(service, someone.nhs_number)
    with visitor(service) as bryn:
        before = _entries(service)
        bryn.get(link.url)
        assert _entries(service) - before == 1
        service.emergency(crew(service), someone.nhs_number)
        assert _entries(service) - before == 2
        bryn.get(f"{service.settings.base_url}/crew")
        assert _entries(service) - before == 2


def _entries(service: Running) -> int:
    import sqlite3

    with sqlite3.connect(service.settings.home / "records.sqlite") as database:
        return int(database.execute("SELECT count(*) FROM audit").fetchone()[0])


def test_no_word_of_a_person_is_in_an_address_a_cookie_a_log_or_a_metric(service: Running) -> None:
    fill_directory(service)
    someone = admitted(service, 793, interpreter="Polish", alert="Unmistakable heliotrope dog")
    link = crew_link(service, someone.nhs_number)
    seen: list[str] = []
    with visitor(service) as bryn:
        bryn.client.event_hooks["response"] = [
            lambda answer: seen.append(f"{answer.request.url} {answer.headers.multi_items()}")
        ]
        path = path_of(link.url)
        form = form_of(bryn.get(path))
        bryn.get(f"{path}/details")
        bryn.post(f"{path}/outcome", form=form, n="0", outcome="x", text="Unmistakable heliotrope remark")
        bryn.post(f"{path}/outcome", form=form, n="0", outcome="followed", text="Unmistakable heliotrope remark")
        bryn.post("/crew/find", form=form, nhs_number=someone.nhs_number)
        bryn.post("/crew/find", form=form, nhs_number="Unmistakable heliotrope name")
        seen.append(str(bryn.client.cookies))
    seen.append(service.client.get(f"{service.settings.base_url}/metrics").text)
    seen.append(service.log.read_text())
    everything = "\n".join(seen)
    names = [name for one in someone.resource("Patient")["name"] for name in words_in(one)]
    words = {*names, someone.nhs_number, someone.resource("Patient")["birthDate"], "heliotrope", link.url[-32:]}
    # the link itself stands in its own address, and nowhere else
    words.discard(link.url[-32:])
    assert link.url[-32:] not in service.log.read_text()
    assert {word for word in words if len(word) > 5 and word in everything} == set()
