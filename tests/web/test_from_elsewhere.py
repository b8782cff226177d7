"""A link in a page of another site, such as a control room's, opened in the browser of a crew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from playwright.sync_api import Browser, Page, expect

from tests.journeys.people import admitted
from tests.running import Running
from tests.web.browsing import crew_link, sign_in, visiting


@contextmanager
def another_site(link: str) -> Iterator[str]:
    """Serve a page with a link, from a host that is another site than that of the service; yield its address."""

    class Board(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f'<!DOCTYPE html><title>Board</title><a href="{link}">Open</a>'.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Board)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


def follow(page: Page, board: str) -> None:
    page.goto(board)
    page.get_by_role("link", name="Open").click()


def test_who_is_signed_in_stays_so_and_sees_the_answer(browser: Browser, service: Running) -> None:
    link = crew_link(service, admitted(service, 1630).nhs_number).url
    with another_site(link) as board, visiting(browser) as page:
        sign_in(page, f"{service.settings.base_url}/crew")
        follow(page, board)
        expect(page.get_by_role("heading", name="DO NOT ATTEMPT CPR")).to_be_visible()
        page.goto(f"{service.settings.base_url}/crew")
        expect(page.get_by_role("heading", name="Find a plan")).to_be_visible()


def test_who_is_not_signed_in_signs_in_once_and_sees_the_answer(browser: Browser, service: Running) -> None:
    link = crew_link(service, admitted(service, 1631).nhs_number).url
    with another_site(link) as board, visiting(browser) as page:
        follow(page, board)
        page.get_by_role("button", name="Bryn").click()
        expect(page.get_by_role("heading", name="DO NOT ATTEMPT CPR")).to_be_visible()
