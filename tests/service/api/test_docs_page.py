"""The documentation page loads nothing from another host and runs no script of its own; it says what is missing."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from service.api.docs_page import STATIC, docs_page

needs_assets = pytest.mark.skipif(
    not (STATIC / "vendor" / "swagger-ui").is_dir(), reason="Swagger UI is not there: run `make setup`"
)


class Reader(HTMLParser):
    """Collects addresses, and whatever would need an exception from the content security policy."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline: list[str] = []
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_script = tag == "script"
        for name, value in attrs:
            if name in ("src", "href"):
                self.addresses.append(value or "")
            if name.startswith("on") or name == "style":
                self.inline.append(name)

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script and data.strip():
            self.inline.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


@needs_assets
def test_every_address_is_local_and_every_file_is_there() -> None:
    addresses = read(docs_page()).addresses
    assert any(address.endswith("swagger-ui-bundle.js") for address in addresses)
    for address in addresses:
        assert re.match(r"/[^/]", address), address
        if address.startswith("/static/"):
            assert (STATIC / address.removeprefix("/static/")).is_file(), address


@pytest.mark.parametrize("static", [STATIC, Path("/nowhere")])
def test_the_page_runs_nothing_inline(static: Path) -> None:
    assert read(docs_page(static)).inline == []


def test_our_script_names_no_other_host() -> None:
    script = (STATIC / "docs.js").read_text(encoding="utf-8")
    assert "://" not in script
    assert '"/openapi.json"' in script
    assert "validatorUrl: null" in script


def test_missing_assets_give_a_plain_page_that_names_the_remedy(tmp_path: Path) -> None:
    page = docs_page(tmp_path)
    assert "make setup" in page
    assert "<script" not in page
    assert read(page).addresses == ["/openapi.json"]


@needs_assets
def test_half_of_the_assets_is_none_of_them(tmp_path: Path) -> None:
    vendored = tmp_path / "vendor" / "swagger-ui"
    vendored.mkdir(parents=True)
    (vendored / "swagger-ui.css").write_text("")
    assert "make setup" in docs_page(tmp_path)
