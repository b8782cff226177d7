"""What the pages for privacy officers look like, kept as pictures, and what must hold of each: width, targets, axe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page

from service.record.alerts import AlertKind
from tests.journeys.people import admitted, crew, gp, sharing
from tests.running import Running, running
from tests.web.browsing import DESKTOP, PHONE, TABLET, keep_size, sign_in, small_targets, violations, visiting
from tests.web.officers import broken_glass, new, raised

SIZES = {"phone": PHONE, "tablet": TABLET, "desktop": DESKTOP}
NOTE = "Asked the crew: she was unconscious, nobody else was there."


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service of its own, so that its queue is empty at first."""
    with running(tmp_path_factory.mktemp("office")) as service:
        yield service


@contextmanager
def elowen(browser: Browser, service: Running, scheme: str, path: str = "/privacy") -> Iterator[Page]:
    """Open a page as the privacy officer."""
    with visiting(browser, color_scheme=scheme) as page:
        sign_in(page, f"{service.settings.base_url}{path}", "Elowen")
        yield page


def looked_at(page: Page, name: str, scheme: str) -> None:
    """Keep pictures of a page, and check what must hold of it in every size."""
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        keep_size(page, f"privacy-{name}", size, scheme, whole=True)
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), (name, size)
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert violations(page) == []
    assert small_targets(page) == []
    assert page.get_by_text("DEMONSTRATION").is_visible()


def test_alerts_from_none_to_closed(browser: Browser, office: Running) -> None:
    with elowen(browser, office, "light") as page:
        assert page.get_by_text("There is no such alert").is_visible()
        looked_at(page, "no-alerts", "light")
    now = datetime.now(UTC)
    raised(office, *(new(kind, now - timedelta(hours=at), f"d{at}") for at, kind in enumerate(AlertKind)))
    for scheme in ("light", "dark"):
        with elowen(browser, office, scheme) as page:
            assert page.locator(".card.new").count() == len(AlertKind) - (scheme == "dark")
            looked_at(page, "alerts", scheme)
            page.get_by_role("link", name="Emergency access", exact=True).click()
            if scheme == "light":
                looked_at(page, "alert-new", scheme)
                page.get_by_role("button", name="Close").click()
                page.get_by_text("Say what you found").first.wait_for()
                looked_at(page, "alert-problem", scheme)
                page.get_by_role("button", name="Acknowledge").click()
                looked_at(page, "alert-acknowledged", scheme)
            else:
                page.get_by_label("Note").fill(NOTE)
                page.get_by_role("button", name="Close").click()
                page.get_by_text(NOTE).wait_for()
                assert page.get_by_label("Note").count() == 0
                looked_at(page, "alert-closed", scheme)


@pytest.mark.parametrize(("scheme", "index"), [("light", 2210), pytest.param("dark", 2211, marks=pytest.mark.nightly)])
def test_the_log_and_an_explanation(browser: Browser, office: Running, scheme: str, index: int) -> None:
    someone = admitted(office, index)
    broken_glass(office, someone)
    office.open_incident(someone.nhs_number)
    assert office.emergency(crew(office), someone.nhs_number).status_code == 200
    with elowen(browser, office, scheme, "/privacy/log") as page:
        looked_at(page, "log-search", scheme)
        page.get_by_role("button", name="Search").click()
        page.get_by_text("Type an NHS number, or the days").first.wait_for()
        looked_at(page, "log-problem", scheme)
        page.get_by_label("NHS number").fill("999 000 0018")
        page.get_by_role("button", name="Search").click()
        page.get_by_text("There is no entry that you may see").wait_for()
        looked_at(page, "log-empty", scheme)
        page.get_by_role("link", name="Another search").click()
        page.get_by_label("NHS number").fill(someone.nhs_number)
        page.get_by_role("button", name="Search").click()
        page.get_by_role("cell", name="Found collapsed").first.wait_for()
        looked_at(page, "log", scheme)

        page.get_by_role("link", name="What would they get?").click()
        looked_at(page, "explain", scheme)
        page.get_by_label("NHS number").fill(someone.nhs_number)
        page.get_by_role("button", name="Explain").click()
        page.get_by_text("An answer is given").wait_for()
        looked_at(page, "explained", scheme)
        standing = someone.reference("Consent", lambda consent: "patient-privacy" in str(consent["scope"]))
        refusal = {**sharing(someone, "deny"), "id": standing.partition("/")[2]}
        assert office.call("PUT", f"/{standing}", gp(office), refusal, {"If-Match": 'W/"1"'}).status_code == 200
        page.get_by_role("link", name="Another question").click()
        page.get_by_label("NHS number").fill(someone.nhs_number)
        page.get_by_role("button", name="Explain").click()
        page.get_by_text("Told that nothing is available").wait_for()
        looked_at(page, "explained-refused", scheme)
        page.get_by_role("link", name="Another question").click()
        page.get_by_label("NHS number").fill("999 000 0018")
        page.get_by_role("button", name="Explain").click()
        page.get_by_text("You cannot ask about this person").first.wait_for()
        looked_at(page, "explain-nobody", scheme)
        page.goto(f"{office.settings.base_url}/privacy/alerts/none")
        looked_at(page, "no-page", scheme)
    with visiting(browser, color_scheme=scheme) as page:
        page.goto(f"{office.settings.base_url}/privacy")
        looked_at(page, "sign-in", scheme)
        sign_in(page, f"{office.settings.base_url}/crew")
        page.goto(f"{office.settings.base_url}/privacy")
        page.get_by_text("THIS IS FOR PRIVACY OFFICERS").wait_for()
        looked_at(page, "not-for-you", scheme)


def test_by_keyboard_alone_and_without_script(browser: Browser, office: Running) -> None:
    raised(office, new(AlertKind.SELF_CLAIM, datetime.now(UTC), "by-keyboard"))
    with visiting(browser, java_script_enabled=False) as page:
        page.goto(f"{office.settings.base_url}/privacy")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Alerts", exact=True).wait_for()
        link = page.get_by_role("link", name="Claimed relationship").first
        for _ in range(12):
            page.keyboard.press("Tab")
            if link.evaluate("one => one === document.activeElement"):
                break
        page.keyboard.press("Enter")
        page.get_by_label("Note").focus()
        page.keyboard.type("Rightly so.")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_text("by zz-privacy-officer-1").first.wait_for()
        assert page.locator(".steps").inner_text().startswith("Closed")
