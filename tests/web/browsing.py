"""A headless Chromium that visits the pages of a running service, and what tests of them need."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Error, Page, sync_playwright

from tests.running import REPOSITORY, Running, parameters

CHROMIUM = which("chromium") or which("chromium-browser") or ""
"""The machine's own Chromium, as Debian packages it: Playwright's download is not used."""
SCREENS = REPOSITORY / "build" / "screens"
AXE = REPOSITORY / "node_modules" / "axe-core" / "axe.min.js"
_TRIES = 4
PHONE, TABLET, DESKTOP = (360, 640), (768, 1024), (1280, 800)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a browser until the block ends."""
    with sync_playwright() as playwright:
        # Without a sandbox of its own where tests run as root; it visits nothing but our own service.
        arguments = ["--disable-gpu", "--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visiting(browser: Browser, size: tuple[int, int] = PHONE, **more: Any) -> Iterator[Page]:
    """Open a page in a context of its own, without scripts unless said otherwise: there are none to run."""
    width, height = size
    options = {"java_script_enabled": True, **more}
    context: BrowserContext = browser.new_context(viewport={"width": width, "height": height}, **options)
    context.set_default_timeout(20_000)
    try:
        yield context.new_page()
    finally:
        context.close()


@dataclass(frozen=True, slots=True)
class CrewLink:
    """A link, and the incident that it came from."""

    url: str
    incident: str


def crew_link(service: Running, nhs_number: str, organisation: str = "ZZAMB1") -> CrewLink:
    """Open an incident as the control room, and ask for the crew's link."""
    incident = service.open_incident(nhs_number, organisation)
    answer = service.call("POST", "/$crew-link", service.token("system", "ZZCAD1"), parameters(id=incident))
    assert answer.status_code == 201, answer.text
    found = {item["name"]: item["valueString"] for item in answer.json()["parameter"]}
    return CrewLink(found["url"], incident)


def sign_in(page: Page, address: str, name: str = "Bryn") -> None:
    """Open an address and sign in as one of the invented people."""
    page.goto(address)
    page.get_by_role("button", name=name).click()


def keep(page: Page, name: str, *, whole: bool = False) -> Path:
    """Keep a screenshot of what fits on the screen, or of the whole page."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    path = SCREENS / f"{name}.png"
    for _ in range(_TRIES):
        try:
            page.screenshot(path=path, full_page=whole)
        except Error:  # on a busy machine Chromium sometimes has no frame to give yet; the picture is no assertion
            continue
        break
    else:
        page.screenshot(path=path, full_page=whole)
    return path


def keep_size(page: Page, name: str, size: str, scheme: str, *, whole: bool = False) -> None:
    """Keep a screenshot of a page in one of several sizes; by night that of a phone alone, for night moves nothing."""
    if scheme == "light" or size == "phone":
        keep(page, f"{name}-{size}-{scheme}", whole=whole)


def scrolls(page: Page) -> bool:
    """Say whether the page is higher or wider than the screen."""
    script = (
        "() => [document.documentElement.scrollHeight - innerHeight, document.documentElement.scrollWidth - innerWidth]"
    )
    down, across = page.evaluate(script)
    return bool(down > 0 or across > 0)


def violations(page: Page) -> list[str]:
    """Return what axe-core finds wrong with a page (https://github.com/dequelabs/axe-core), all its rules asked."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("async () => (await axe.run()).violations")
    return [f"{one['id']}: {one['help']}: {[node['target'] for node in one['nodes']]}" for one in found]


def small_targets(page: Page, least: int = 48) -> list[str]:
    """Return what is to be tapped and is smaller than a glove needs."""
    script = """least => [...document.querySelectorAll("a.act, a.call, button, a.plain")]
        .filter(one => { const box = one.getBoundingClientRect(); return box.height < least || box.width < least })
        .map(one => one.textContent.trim())"""
    found: list[str] = page.evaluate(script, least)
    return found


@dataclass(slots=True)
class Traffic:
    """What a page cost: requests, and bytes as they crossed the network, headers included."""

    requests: int = 0
    received: float = 0


def slowed(page: Page, *, kilobits: int = 400, milliseconds: int = 300) -> Traffic:
    """Slow a page's network down to that of a poor mobile connection, and count what crosses it."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    each_way = kilobits * 1000 / 8
    session.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": milliseconds, "downloadThroughput": each_way, "uploadThroughput": each_way},
    )
    traffic = Traffic()

    def finished(event: dict[str, Any]) -> None:
        traffic.requests += 1
        traffic.received += event["encodedDataLength"]

    session.on("Network.loadingFinished", finished)
    return traffic
