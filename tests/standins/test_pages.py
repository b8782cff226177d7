"""The pages of the stand-ins on a phone: pictures, accessibility, what happens on them, and no script."""

from __future__ import annotations

import os
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page

from service.standins.config import Config
from service.standins.run import Addresses
from tests.standins.far_end import ADA, BEN, FHIR_JSON, Json, config, cpr, patient
from tests.standins.processes import process_of
from tests.standins.test_events import described, event, signature
from tests.web.browsing import AXE, CHROMIUM, chromium, keep, small_targets, violations, visiting


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium; without one the tests are skipped, or fail where one is required."""
    if not CHROMIUM:
        if os.environ.get("REQUIRE_CHROMIUM"):
            pytest.fail("no chromium was found, and REQUIRE_CHROMIUM is set")
        pytest.skip("needs a chromium (Debian: apt-get install chromium)")
    with chromium() as found:
        yield found


def _open(**more: object) -> Config:
    return config(sender=None, people=(patient(ADA), patient(BEN, "Sampleford")), **more)


def _send(addresses: Addresses, resource: Json, **headers: str) -> httpx.Response:
    sent = {**FHIR_JSON, **headers}
    return httpx.post(f"{addresses.wire}/{resource['resourceType']}", json=resource, headers=sent)


def _checked(page: Page) -> None:
    assert AXE.is_file(), "axe-core comes with set-up"
    assert violations(page) == []
    assert small_targets(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("() => document.scripts.length") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_practice_s_page(browser: Browser, scheme: str) -> None:
    with process_of(_open()) as addresses, visiting(browser, color_scheme=scheme) as page:
        page.goto(addresses.page)
        assert page.get_by_text("Nothing has arrived yet").is_visible()
        assert page.get_by_text("synthetic people").is_visible()
        keep(page, f"stand-in-gp-empty-{scheme}", whole=True)
        _checked(page)

        assert _send(addresses, cpr("Patient/g1")).status_code == 201
        note = {
            "resourceType": "Communication",
            "status": "completed",
            "subject": {"reference": "Patient/g1"},
            "payload": [{"contentString": "CPR decision: not for CPR, by Dr Tamsin Invented"}],
        }
        assert _send(addresses, note).status_code == 201
        assert _send(addresses, {**cpr("Patient/g1"), "status": "perhaps"}).status_code == 422
        httpx.post(f"{addresses.control}/say", json={"word": "SLOW", "seconds": 0})
        page.get_by_role("link", name="Load again").click()
        page.get_by_text("Slow: each request waits.").wait_for()
        assert page.locator("#arrived ~ ol").inner_text().count("New") == 2
        assert "not for CPR" in page.locator("article").first.inner_text()
        assert page.get_by_role("heading", name="Broken rules: 1").is_visible()
        keep(page, f"stand-in-gp-{scheme}", whole=True)
        _checked(page)

        page.get_by_role("link", name="Ada Testley").click()
        page.get_by_role("heading", name="Messages about changes").wait_for()
        assert page.get_by_text("CPR decision: not for CPR, by Dr Tamsin Invented").is_visible()
        assert page.get_by_role("button").count() == 0
        keep(page, f"stand-in-gp-person-{scheme}", whole=True)
        _checked(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_nurse_edits_on_the_hospice_s_page(browser: Browser, scheme: str) -> None:
    hospice = _open(name="hospice", title="Example hospice", organisation="ZZHSP1", nurse="Sister Tamsin Sample")
    with process_of(hospice) as addresses, visiting(browser, color_scheme=scheme, java_script_enabled=True) as page:
        page.goto(addresses.page)
        page.get_by_role("link", name="Ada Testley").click()
        page.get_by_role("button", name="Save the place").click()
        page.get_by_text("Not saved: choose a place.").wait_for()
        assert page.get_by_role("alert").count() == 1
        _checked(page)
        page.get_by_label("Hospice", exact=True).check()
        page.get_by_role("button", name="Save the place").click()
        page.get_by_text("Saved in this system.").wait_for()
        page.get_by_label("Not for CPR").check()
        page.get_by_label("Reason, in a sentence").fill("It would not work.")
        page.get_by_role("button", name="Save the decision").click()
        page.locator("#held ~ ul").get_by_text("not for CPR").wait_for()
        keep(page, f"stand-in-hospice-person-{scheme}", whole=True)
        _checked(page)
        page.get_by_role("link", name="Everybody").click()
        page.get_by_role("heading", name="What happened here").wait_for()
        assert "written here" in page.locator("#arrived ~ ol").inner_text()
        keep(page, f"stand-in-hospice-{scheme}", whole=True)
        _checked(page)
        page.goto(f"{addresses.page}/people/nobody")
        assert page.get_by_role("heading", name="Nobody is here").is_visible()
        _checked(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_control_room_s_page(browser: Browser, scheme: str) -> None:
    with process_of(described()) as addresses, visiting(browser, color_scheme=scheme) as page:
        for number, cause in ((1, "change"), (2, "revocation"), (1, "change")):
            body = httpx.Request(
                "POST", addresses.wire, json=event(number, id=f"{number}{cause}", data={"cause": cause})
            )
            headers = {"Content-Type": "application/cloudevents+json", "Epaccs-Signature": signature(body.content)}
            httpx.post(addresses.wire, content=body.content, headers=headers)
        page.goto(addresses.page)
        assert page.get_by_role("heading", name="Events heard: 2").is_visible()
        assert page.locator("#heard ~ ol li").first.inner_text().count("revocation") == 1
        assert page.get_by_role("heading", name="Broken rules: 1").is_visible()
        keep(page, f"stand-in-ambulance-{scheme}", whole=True)
        _checked(page)


def test_a_page_follows_only_when_it_is_asked_to(browser: Browser) -> None:
    with process_of(_open()) as addresses, visiting(browser, java_script_enabled=False) as page:
        page.goto(addresses.page)
        page.get_by_role("link", name="Follow").click()
        page.get_by_text("loads itself again every 2 seconds").wait_for()
        assert _send(addresses, cpr("Patient/g1")).status_code == 201
        page.get_by_text("Nothing has arrived yet").wait_for(state="detached")
        assert "Ada Testley, CPR: not for CPR" in page.locator("#arrived ~ ol").inner_text()
        page.get_by_role("link", name="Stop").click()
        page.get_by_role("link", name="Follow").wait_for()
        assert "refresh" not in httpx.get(addresses.page).headers


def test_pages_let_nothing_else_in(browser: Browser) -> None:
    with process_of(_open()) as addresses:
        headers = httpx.get(addresses.page).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        hostile = patient("9990000034", "<script>alert(1)</script>")
        assert _send(addresses, hostile).status_code == 201
        with visiting(browser) as page:
            page.goto(addresses.page)
            assert page.evaluate("() => document.scripts.length") == 0
            assert "<script>" in page.locator("main").inner_text()
