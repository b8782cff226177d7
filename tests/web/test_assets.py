"""The style sheet: with and without the design system, kept by browsers for good, with every class that pages use."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from fhir_profiles.build_definitions.assets import copy_nhsuk_frontend
from service.web.assets import STATIC, StyleSheet
from service.web.pages import TEMPLATES
from tests.journeys.people import person
from tests.running import Running
from tests.web.browsing import crew_link
from tests.web.visits import visitor

VENDORED = STATIC / "vendor" / "nhsuk" / "nhsuk.css"


def test_without_the_design_system_there_are_our_own_rules(tmp_path: Path) -> None:
    names = ("crew.css", "privacy.css", "sync.css")
    ours = [(STATIC / name).read_bytes() for name in names]
    for name, rules in zip(names, ours, strict=True):
        (tmp_path / name).write_bytes(rules)
    sheet = StyleSheet.read(tmp_path)
    assert not sheet.designed
    assert sheet.plain == b"".join(ours)
    assert gzip.decompress(sheet.packed) == sheet.plain


def test_nothing_in_it_is_loaded_from_anywhere() -> None:
    sheet = StyleSheet.read()
    assert b"url(" not in sheet.plain
    assert b"@import" not in sheet.plain
    assert b"https://" not in sheet.plain
    assert len(sheet.packed) < 40_000


def test_it_is_kept_for_good_under_an_address_of_its_own(service: Running) -> None:
    sheet = StyleSheet.read()
    with visitor(service, None) as somebody:
        found = somebody.get(sheet.address)
        assert found.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert found.headers["content-encoding"] == "gzip"
        assert found.content == sheet.plain
        plain = somebody.get(sheet.address, **{"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == sheet.plain
        assert somebody.get("/crew/assets/other.css").status_code == 404


@pytest.mark.skipif(not VENDORED.is_file(), reason="set-up brought no design system")
def test_the_macros_and_the_style_sheet_belong_together(service: Running) -> None:
    """The templates come from one package and the rules from another: a class without a rule shows that they parted."""
    with visitor(service) as bryn:
        pages = bryn.get("/crew").text + bryn.post("/crew/find", form=bryn.form(), nhs_number="x").text
        outcome = bryn.get(f"{crew_link(service, person(1555).nhs_number).url}/outcome").text
    classes = set(re.findall(r"nhsuk-[a-z0-9_-]+", " ".join(re.findall(r'class="([^"]*)"', pages + outcome))))
    rules = VENDORED.read_text(encoding="utf-8")
    assert classes
    assert {one for one in classes if f".{one}" not in rules} <= {"nhsuk-radios__conditional"}


def test_no_template_has_a_script_or_an_inline_style() -> None:
    for path in TEMPLATES.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert "<script" not in text
        assert " style=" not in text
        assert "|safe" not in text


def test_set_up_takes_the_rules_without_fonts_and_drawings(tmp_path: Path) -> None:
    assert not copy_nhsuk_frontend(tmp_path, tmp_path / "out")
    source = tmp_path / "nhsuk-frontend" / "dist" / "nhsuk"
    source.mkdir(parents=True)
    rules = (
        "@font-face{font-family:F;src:url(https://assets.example/f.woff2)}.nhsuk-a{background:url(/b.svg);color:red}"
    )
    (source / "nhsuk-frontend-10.6.1.min.css").write_text(rules)
    (source / "nhsuk-frontend-dynamic-type-10.6.1.min.css").write_text(".other{}")
    assert copy_nhsuk_frontend(tmp_path, tmp_path / "out")
    assert (tmp_path / "out" / "nhsuk.css").read_text() == ".nhsuk-a{background:none;color:red}"
