"""A paramedic at three in the morning: a link, twins, a poor network, a request that fails, an answer, one outcome."""

from __future__ import annotations

import time

from playwright.sync_api import Browser, expect

from tests.journeys.people import Person, admitted, gp
from tests.journeys.test_crew_searches import opened
from tests.journeys.test_finding_the_right_person import HOME, admitted_as, known
from tests.running import Running, parameters
from tests.web.browsing import crew_link, keep, sign_in, slowed, violations, visiting
from tests.web.stopping import writer_stopped

COLD, WARM = 10.0, 2.0
"""Seconds from a link to its answer at 400 kbit/s and 300 ms, with nothing kept by the browser and with all of it."""
MOST_BYTES, MOST_REQUESTS = 150 * 1000, 12


def notes(service: Running, someone: Person) -> int:
    """Return how many notes the practice reads."""
    answer = service.call("GET", f"/Communication?patient={someone.patient}", gp(service))
    return int(answer.json()["total"])


def link_about_twins(service: Running) -> tuple[str, Person, Person]:
    """Return a crew's link to an incident whose control room knows a family name and a birth date, and the twins."""
    family, born = "Nightworth", "1944-11-08"
    one, other = (
        admitted_as(
            service,
            780 + number,
            name=[{"use": "official", "family": family, "given": [given]}],
            birthDate=born,
            address=[HOME],
        )
        for number, given in enumerate(("Iris", "Joan"))
    )
    incident = opened(service, known(name=[{"family": family}], birthDate=born), "INC-0300")
    answer = service.call("POST", "/$crew-link", service.token("system", "ZZCAD1"), parameters(id=incident))
    assert answer.status_code == 201, answer.text
    found = {item["name"]: item["valueString"] for item in answer.json()["parameter"]}
    return found["url"], one, other


def test_from_the_link_to_one_outcome(browser: Browser, shaky: Running) -> None:
    link, twin, someone = link_about_twins(shaky)
    with visiting(browser, color_scheme="dark") as page:
        slowed(page)
        page.goto(link)
        with writer_stopped(shaky):
            page.get_by_role("button", name="Bryn").click()
            expect(page.get_by_role("heading", name="THE SERVICE CANNOT ANSWER NOW")).to_be_visible()
            assert "Do not infer that there is no plan" in page.locator("main").inner_text()
            assert violations(page) == []
        page.get_by_role("link", name="Try again").click()
        expect(page.get_by_role("heading", name="Who is it?")).to_be_visible()
        assert page.locator(".pick").count() == 2, "nobody is opened by themselves"
        page.get_by_role("link", name="Joan Nightworth").click()
        expect(page.get_by_role("heading", name="DO NOT ATTEMPT CPR")).to_be_visible()
        assert page.locator("h1").inner_text() == "Joan Nightworth"
        picked = page.url
        assert not {twin.nhs_number, someone.nhs_number} & set(picked.split("/"))
        assert page.get_by_role("link", name="CALL ").count() == 2

        page.get_by_role("link", name="Could not follow").click()
        page.get_by_label("No service could come").check()
        page.get_by_label("In your own words").fill("Rang three times.")
        page.context.set_offline(True)
        page.get_by_role("button", name="Save").click()
        page.context.set_offline(False)
        page.go_back()
        page.goto(f"{picked}/outcome")
        page.get_by_label("No service could come").check()
        page.get_by_label("In your own words").fill("Rang three times.")
        page.get_by_role("button", name="Save").dblclick()
        expect(page.get_by_role("heading", name="Saved")).to_be_visible()
        page.go_back()
        page.go_forward()
        page.reload()
    assert (notes(shaky, someone), notes(shaky, twin)) == (1, 0)


def test_how_long_it_takes_and_what_it_costs(browser: Browser, shaky: Running) -> None:
    link = crew_link(shaky, admitted(shaky, 781).nhs_number)
    with visiting(browser) as page:
        cost = slowed(page)
        began = time.monotonic()
        sign_in(page, link.url)
        page.get_by_role("heading", name="DO NOT ATTEMPT CPR").wait_for()
        cold = time.monotonic() - began
        requests, received = cost.requests, cost.received

        page.goto("about:blank")
        began = time.monotonic()
        page.goto(link.url, wait_until="commit")
        page.get_by_role("heading", name="DO NOT ATTEMPT CPR").wait_for()
        warm = time.monotonic() - began
    assert cold <= COLD, cold
    assert warm <= WARM, warm
    assert requests <= MOST_REQUESTS, requests
    assert received <= MOST_BYTES, received


def test_nothing_comes_from_another_host_and_the_browser_refuses_nothing(browser: Browser, shaky: Running) -> None:
    link = crew_link(shaky, admitted(shaky, 782).nhs_number)
    asked: list[str] = []
    said: list[str] = []
    with visiting(browser) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        sign_in(page, link.url)
        page.get_by_role("link", name="Details").click()
        page.goto(f"{link.url}/outcome")
    assert all(url.startswith(shaky.settings.base_url) for url in asked)
    assert [text for text in said if "401" not in text] == []


def test_the_pages_work_plainly_without_the_design_system(browser: Browser, shaky: Running) -> None:
    link = crew_link(shaky, admitted(shaky, 783).nhs_number)
    with visiting(browser) as page:
        page.route("**/crew/assets/*", lambda route: route.abort())
        sign_in(page, link.url)
        assert page.get_by_role("heading", name="DO NOT ATTEMPT CPR").is_visible()
        keep(page, "without-any-style")
        page.get_by_role("button", name="Plan followed").click()
        page.get_by_role("heading", name="Saved").wait_for()
