"""Finding somebody on a phone: the form, the list of who may be meant, and the plan behind it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.journeys.people import Person
from tests.journeys.test_crew_searches import opened
from tests.journeys.test_finding_the_right_person import HOME, admitted_as, known
from tests.running import Running
from tests.web.browsing import AXE, PHONE, keep, sign_in, small_targets, violations, visiting

FAMILY, BORN = "Samedayford", "1947-06-05"


@pytest.fixture(scope="module")
def twins(service: Running) -> list[Person]:
    """Two people of one birth, and an incident that is about one of them; the control room does not know which."""
    found = [
        admitted_as(
            service,
            300 + number,
            name=[{"use": "official", "family": FAMILY, "given": [given]}],
            gender=gender,
            birthDate=BORN,
            address=[HOME],
        )
        for number, (given, gender) in enumerate((("Beatrice", "female"), ("Cyril", "male")))
    ]
    opened(service, known(name=[{"family": FAMILY}], birthDate=BORN), "INC-7300")
    return found


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Browser, service: Running) -> Iterator[Page]:
    with visiting(browser, color_scheme=request.param, java_script_enabled=True) as found:
        sign_in(found, f"{service.settings.base_url}/crew")
        found.get_by_role("link", name="No NHS number?").click()
        yield found


def _checked(page: Page, name: str) -> None:
    scheme = "dark" if page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") else "light"
    keep(page, f"{name}-{scheme}")
    assert AXE.is_file(), "axe-core comes with set-up"
    assert violations(page) == []
    assert small_targets(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def _fill(page: Page, **fields: str) -> None:
    for label, value in fields.items():
        page.get_by_label(label, exact=True).fill(value)


def test_twins_are_told_apart_and_one_is_opened(page: Page, twins: list[Person]) -> None:
    _checked(page, "search")
    _fill(page, **{"Incident number": "INC-7300", "Family name": FAMILY, "Day": "5", "Month": "6", "Year": "1947"})
    page.get_by_role("button", name="Look").click()
    assert page.get_by_role("heading", name="Who is it?").is_visible()
    _checked(page, "who-is-it")
    assert page.locator(".pick").count() == len(twins)
    page.get_by_role("link", name="Cyril").click()
    assert page.locator("h1").inner_text() == f"Cyril {FAMILY}"
    assert twins[1].nhs_number not in page.url
    page.go_back()
    assert page.get_by_role("link", name="Beatrice").is_visible()


def test_nobody_found_says_what_that_does_not_mean(page: Page, twins: list[Person]) -> None:
    _fill(page, **{"Incident number": "INC-9999", "Family name": FAMILY, "Year": "1947", "First name": "Cyril"})
    page.get_by_role("button", name="Look").click()
    assert page.get_by_role("heading", name="Nobody found").is_visible()
    assert "does not mean that there is no plan" in page.locator("main").inner_text()
    _checked(page, "nobody-found")


def test_too_little_is_said_beside_what_was_typed(page: Page) -> None:
    _fill(page, **{"Family name": "T"})
    page.get_by_role("button", name="Look").click()
    assert page.get_by_label("Family name", exact=True).input_value() == "T"
    assert "Say more" in page.locator("main").inner_text()
    _checked(page, "search-problem")


def test_it_works_without_script_and_by_keyboard(browser: Browser, service: Running, twins: list[Person]) -> None:
    with visiting(browser, PHONE, java_script_enabled=False) as page:
        sign_in(page, f"{service.settings.base_url}/crew/search")
        page.get_by_label("Incident number", exact=True).focus()
        for word in ("INC-7300", FAMILY, "Beatrice", "5", "6", "1947"):
            page.keyboard.type(word)
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")  # opens what else may be known
        page.get_by_role("button", name="Look").press("Enter")
        assert page.get_by_role("heading", name="Who is it?").is_visible()
        page.get_by_role("link", name="Beatrice").press("Enter")
        assert page.locator("h1").inner_text() == f"Beatrice {FAMILY}"
