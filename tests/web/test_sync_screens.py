"""What the pages for those who look after partners look like, and what must hold of each: width, targets, axe, keys."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page

from security.clock import instant
from tests.running import Running
from tests.service.sync.test_subscription_standing import kept
from tests.web.browsing import DESKTOP, PHONE, TABLET, keep, sign_in, small_targets, violations, visiting
from tests.web.engineers import PARTNERS, is_away, said, stopped, subscribed, unread, was_away, watched, well

SIZES = {"phone": PHONE, "tablet": TABLET, "desktop": DESKTOP}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service with partners in every condition."""
    with watched(tmp_path_factory.mktemp("screens") / "home") as service:
        yield service


def looked_at(page: Page, name: str, scheme: str) -> None:
    """Keep pictures of a page in every size, and check what must hold of it."""
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        keep(page, f"sync-{name}-{size}-{scheme}", whole=True)
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), (name, size)
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert violations(page) == []
    assert small_targets(page) == []


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.nightly)])
def test_every_page_on_every_screen(browser: Browser, site: Running, scheme: str) -> None:
    now = datetime.now(UTC)
    said(site, "hospice", was_away, stopped(now), unread(now))
    said(site, "gp", well)
    said(site, "ambulance", is_away)
    hours_ago = instant(now - timedelta(hours=3))
    subscribed(
        site, kept("4711", "active", updated=hours_ago), kept("4712", "error", updated=hours_ago, failing=hours_ago)
    )
    base = site.settings.base_url
    with visiting(browser, color_scheme=scheme) as page:
        page.goto(f"{base}/sync")
        looked_at(page, "sign-in", scheme)
        page.get_by_role("button", name="Wenna").click()
        page.get_by_role("heading", name="Partners").wait_for()
        looked_at(page, "overview", scheme)
        page.get_by_role("link", name=PARTNERS["hospice"]).click()
        page.get_by_role("heading", name="What happened while it was away").wait_for()
        looked_at(page, "partner", scheme)
        page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
        told = page.get_by_text("To look at since").bounding_box()
        assert told is not None
        assert told["y"] + told["height"] <= DESKTOP[1], "from away to back, and what is left, on one screen"
        page.get_by_role("button", name="Put aside").first.click()
        page.get_by_text("It stays on the list below").wait_for()
        looked_at(page, "put-aside", scheme)
        page.get_by_role("link", name="Pause").click()
        looked_at(page, "pause", scheme)
        page.get_by_role("button", name="Pause it").click()
        page.get_by_text("Paused. What waits is kept.").wait_for()
        looked_at(page, "paused", scheme)
        page.goto(f"{base}/sync/partners/ambulance")
        looked_at(page, "away-now", scheme)
        page.goto(f"{base}/sync/nothing")
        looked_at(page, "no-page", scheme)
    with visiting(browser, color_scheme=scheme) as page:
        sign_in(page, f"{base}/crew")
        page.goto(f"{base}/sync")
        looked_at(page, "not-for-you", scheme)


def test_by_keyboard_alone_and_without_script(browser: Browser, site: Running) -> None:
    said(site, "hospice", well, stopped(datetime.now(UTC)))
    with visiting(browser, java_script_enabled=False) as page:
        page.goto(f"{site.settings.base_url}/sync/partners/hospice")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        button = page.get_by_role("button", name="Try again a1a1")
        button.wait_for()
        for _ in range(12):
            page.keyboard.press("Tab")
            if button.evaluate("one => one === document.activeElement"):
                break
        page.keyboard.press("Enter")
        page.get_by_role("status").wait_for()
        assert page.get_by_text("Ordered, and not taken up yet").is_visible()
        assert page.locator("meta[http-equiv=refresh]").count() == 0, "nothing moves under the keyboard"
