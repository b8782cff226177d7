"""What the pages look like, kept as pictures, and what must hold of each: one screen, contrast, targets, axe."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from tests.journeys.people import admitted
from tests.running import Running, parameters
from tests.web.browsing import (
    AXE,
    DESKTOP,
    PHONE,
    TABLET,
    crew_link,
    keep,
    keep_size,
    scrolls,
    sign_in,
    small_targets,
    violations,
    visiting,
)
from tests.web.cases import CASES, Case, fill_directory, link_to, nobody, not_shared
from tests.web.stopping import writer_stopped
from tests.web.visits import path_of

SIZES = {"phone": PHONE, "tablet": TABLET, "desktop": DESKTOP}
CONTRAST = """selector => {
  const light = rgb => { const [r, g, b] = rgb.match(/[0-9.]+/g).map(Number).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b }
  const style = getComputedStyle(document.querySelector(selector))
  const found = [light(style.color), light(style.backgroundColor)].sort((a, b) => b - a)
  return (found[0] + 0.05) / (found[1] + 0.05) }"""


@pytest.fixture(scope="module")
def links(service: Running) -> dict[str, str]:
    """The links of all cases."""
    fill_directory(service)
    return {case.name: link_to(service, case).url for case in CASES}


def _checked(page: Page) -> None:
    assert AXE.is_file(), "axe-core comes with set-up"
    assert violations(page) == []
    assert small_targets(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_answer_on_every_screen_by_day_and_by_night(
    browser: Browser, links: dict[str, str], case: Case, scheme: str
) -> None:
    with visiting(browser, color_scheme=scheme) as page:
        sign_in(page, links[case.name])
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            keep_size(page, case.name, size, scheme)
            if size == "phone" and case.fits:
                assert not scrolls(page)
            assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate(CONTRAST, ".cpr") >= 7
        assert page.evaluate(CONTRAST, "body") >= 7
        page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        last = page.locator(".calls").bounding_box()
        assert last is not None
        assert last["y"] + last["height"] <= PHONE[1] or case.name == "conflict", "whom to call is on the first screen"
        _checked(page)


def test_the_answer_has_the_order_in_which_a_crew_reads(browser: Browser, links: dict[str, str]) -> None:
    with visiting(browser) as page:
        sign_in(page, links["full"])
        text = page.locator("main").inner_text()
    order = ["NHS 999", "DO NOT ATTEMPT CPR", "Ceiling", "Place ", "Medicines", "CALL ", "Changed", "Plan followed"]
    places = [text.index(one) for one in order]
    assert places == sorted(places)


def test_two_decisions_that_disagree_are_both_there_with_what_to_do(browser: Browser, links: dict[str, str]) -> None:
    with visiting(browser) as page:
        sign_in(page, links["conflict"])
        words = page.locator(".cpr").inner_text()
    assert "TWO DECISIONS DISAGREE" in words
    assert "1. " in words
    assert "2. " in words
    assert words.count("ATTEMPT CPR") == 2
    assert words.count("DO NOT ATTEMPT CPR") == 1


def test_a_decision_sent_twice_is_a_decision_in_its_own_colour(browser: Browser, links: dict[str, str]) -> None:
    with visiting(browser) as page:
        sign_in(page, links["sent-twice"])
        words = page.locator(".cpr.stop").inner_text()
    assert words.startswith("DO NOT ATTEMPT CPR\n")
    assert "TWO DECISIONS SAY THIS" in words
    assert "READ EACH" not in words


def test_a_revoked_decision_is_never_said_to_be_in_force(browser: Browser, links: dict[str, str]) -> None:
    with visiting(browser) as page:
        sign_in(page, links["revoked"])
        words = page.locator(".cpr").inner_text()
    assert "REVOKED" in words
    assert "In force" not in words


def test_what_is_withheld_is_said_and_nothing_of_it(browser: Browser, links: dict[str, str]) -> None:
    with visiting(browser) as page:
        sign_in(page, links["withheld"])
        words = page.locator("main").inner_text()
    assert "CPR DECISION WITHHELD OR UNAVAILABLE" in words
    assert "do not infer their absence" in words
    assert "Part of the plan is not shown to you" in words
    assert "Dr " not in page_words(words)


def page_words(text: str) -> str:
    """Return the part of an answer that speaks of decisions."""
    return text.partition("Place")[0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_other_pages(browser: Browser, service: Running, links: dict[str, str], scheme: str) -> None:
    with visiting(browser, color_scheme=scheme) as page:
        page.goto(links["full"])
        keep(page, f"sign-in-{scheme}")
        _checked(page)
        page.get_by_role("button", name="Bryn").click()
        page.get_by_role("link", name="Details").click()
        page.get_by_role("heading", name="Who to call").wait_for()
        keep(page, f"details-{scheme}")
        _checked(page)
        page.goto(f"{links['full']}/outcome")
        keep(page, f"outcome-{scheme}")
        _checked(page)
        page.get_by_role("button", name="Save").click()
        page.get_by_text("Not saved yet").wait_for()
        keep(page, f"outcome-problem-{scheme}")
        _checked(page)
        page.get_by_label("Followed", exact=True).check()
        page.get_by_role("button", name="Save").click()
        page.get_by_role("heading", name="Saved").wait_for()
        keep(page, f"saved-{scheme}")
        _checked(page)
        page.goto(f"{links['full']}/outcome")
        page.get_by_label("No service could come").check()
        page.get_by_role("button", name="Save").click()
        page.get_by_text("You said something else before").first.wait_for()
        assert page.get_by_label("No service could come").is_checked()
        keep(page, f"said-before-{scheme}")
        _checked(page)
        page.goto(f"{links['full']}/emergency")
        keep(page, f"emergency-access-{scheme}")
        _checked(page)
        page.get_by_role("button", name="Open in this emergency").click()
        page.get_by_text("Not given").wait_for()
        keep(page, f"emergency-access-problem-{scheme}")
        _checked(page)
        page.goto(f"{service.settings.base_url}/crew")
        keep(page, f"find-{scheme}")
        _checked(page)
        page.get_by_role("button", name="Open the plan").click()
        keep(page, f"find-problem-{scheme}")
        _checked(page)
        page.goto(f"{service.settings.base_url}/crew/i/{'A' * 32}")
        keep(page, f"link-closed-{scheme}")
        _checked(page)
        page.goto(f"{service.settings.base_url}/crew/nothing")
        keep(page, f"no-page-{scheme}")
        _checked(page)


@pytest.mark.parametrize(("scheme", "index"), [("light", 1574), ("dark", 1575)])
def test_what_cannot_be_saved_offers_no_way_to_save_it(
    browser: Browser, service: Running, scheme: str, index: int
) -> None:
    link = crew_link(service, admitted(service, index).nhs_number)
    with visiting(browser, color_scheme=scheme) as page:
        sign_in(page, f"{link.url}/outcome")
        page.get_by_label("No service could come").check()
        page.get_by_label("In your own words").fill("Rang three times.")
        room = service.token("system", "ZZCAD1")
        assert service.call("POST", "/$close-incident", room, parameters(id=link.incident)).status_code == 200
        page.get_by_role("button", name="Save").click()
        assert page.get_by_text("Not saved: the incident has ended").is_visible()
        assert page.get_by_label("In your own words").input_value() == "Rang three times."
        assert page.get_by_role("button", name="Save").count() == 0
        keep(page, f"outcome-not-saved-{scheme}")
        _checked(page)


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.nightly)])
def test_when_the_service_cannot_answer_on_every_screen_by_day_and_by_night(
    browser: Browser, shaky: Running, scheme: str
) -> None:
    link = nobody(shaky, 1576).url
    with visiting(browser, color_scheme=scheme) as page:
        sign_in(page, f"{shaky.settings.base_url}/crew")
        with writer_stopped(shaky):
            page.goto(link)
            assert page.get_by_role("heading", name="THE SERVICE CANNOT ANSWER NOW").is_visible()
            assert "Do not infer that there is no plan" in page.locator("main").inner_text()
            for size, (width, height) in SIZES.items():
                page.set_viewport_size({"width": width, "height": height})
                keep_size(page, "unreachable", size, scheme)
                assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
                again = page.get_by_role("link", name="Try again").bounding_box()
                assert again is not None
                assert again["y"] + again["height"] <= height, "the way on is on the first screen"
            assert page.evaluate(CONTRAST, "body") >= 7
            _checked(page)


def test_three_empty_states_that_nobody_takes_for_each_other(browser: Browser, service: Running) -> None:
    with visiting(browser) as page:
        sign_in(page, nobody(service, 770).url)
        assert "NO PLAN FOUND" in page.locator("main").inner_text()
        assert "does not mean that the person has no wishes" in page.locator("main").inner_text()
        keep(page, "no-plan-phone-light")
        _checked(page)
        page.goto(not_shared(service, 771).url)
        assert "NOT SHARED WITH YOU" in page.locator("main").inner_text()
        assert "Do not infer" in page.locator("main").inner_text()
        keep(page, "not-shared-phone-light")
        _checked(page)


def test_the_choice_of_night_is_kept(browser: Browser, service: Running, links: dict[str, str]) -> None:
    with visiting(browser, color_scheme="light") as page:
        sign_in(page, links["full"])
        page.get_by_role("link", name="Details").click()
        page.get_by_role("button", name="Night").click()
        page.get_by_role("link", name="Back to the answer").click()
        assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(11, 15, 18)"
        keep(page, "chosen-night-phone")
        _checked(page)


def test_by_keyboard_alone(browser: Browser, links: dict[str, str]) -> None:
    with visiting(browser) as page:
        page.goto(links["with-needs"])
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_role("heading", level=2).first.wait_for()
        reached = []
        for _ in range(12):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("() => document.activeElement.textContent.trim().slice(0, 16)"))
            outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
            if reached[-1] in ("Details", "Plan followed"):
                assert outline == "solid", "what has the focus is seen"
        assert {"Details", "Plan followed", "Could not follow"} <= set(reached)
        page.get_by_role("link", name="Could not follow").focus()
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="What became of the plan").wait_for()


def test_without_script_and_at_double_size(browser: Browser, links: dict[str, str]) -> None:
    with visiting(browser, (640, 800), java_script_enabled=False) as page:
        sign_in(page, links["for-cpr"])
        page.get_by_role("link", name="Details").click()
        page.get_by_role("heading", name="Allergies").wait_for()
        assert path_of(page.url).endswith("/details")
    # 200 % of a tablet's width is half its pixels: nothing may be cut off or need scrolling to the side
    with visiting(browser, (384, 512), device_scale_factor=2) as page:
        sign_in(page, links["for-cpr"])
        keep(page, "double-size")
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_on_paper(browser: Browser, links: dict[str, str]) -> None:
    with visiting(browser, color_scheme="dark") as page:
        sign_in(page, links["full"])
        page.goto(f"{links['full']}/details")
        page.emulate_media(media="print")
        keep(page, "print")
        assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not page.get_by_role("button", name="Sign out").is_visible()
        assert page.get_by_text("As known at").is_visible()
