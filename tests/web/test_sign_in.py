"""Sessions: what the cookie is, what a form must carry, and that an ended sign-in loses nothing and leaks nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from security.blind_index import BlindIndex
from security.keys import FileKeyRing, key_path, open_keys
from security.registry import ClientRegistry
from security.service_seal import ServiceSeal
from service.app import create_app
from service.settings import Settings
from service.web.session import Sessions
from service.web.sign_in import signed_in
from tests.journeys.people import admitted
from tests.running import Running
from tests.web.browsing import crew_link
from tests.web.visits import form_of, path_of, visitor

NOW = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)


def sessions(folder: Path, base_url: str) -> Sessions:
    if not (folder / "keys.json").exists():
        FileKeyRing.create(folder / "keys.json")
    keys = open_keys(f"file://{folder}/keys.json")
    return Sessions(ServiceSeal(keys.service, "t"), BlindIndex(keys.index, "t"), base_url)


def test_a_session_ends_unused_after_half_an_hour_and_in_any_case_after_a_shift(tmp_path: Path) -> None:
    session = sessions(tmp_path, "http://127.0.0.1:8000").begin(NOW, "bryn")
    assert not session.ended(NOW + timedelta(minutes=30))
    assert session.ended(NOW + timedelta(minutes=30, seconds=1))
    busy = type(session)(session.id, session.person, session.began, int((NOW + timedelta(hours=12)).timestamp()))
    assert not busy.ended(NOW + timedelta(hours=12))
    assert busy.ended(NOW + timedelta(hours=12, seconds=1))


def test_a_form_belongs_to_one_session(tmp_path: Path) -> None:
    made = sessions(tmp_path, "http://127.0.0.1:8000")
    mine, other = made.begin(NOW), made.begin(NOW)
    assert made.owns(mine, made.form_token(mine))
    assert not made.owns(mine, made.form_token(other))
    assert not made.owns(mine, "")


def test_the_cookie_is_kept_from_scripts_other_sites_and_plain_http(service: Running, tmp_path: Path) -> None:
    with visitor(service, None) as somebody:
        given = somebody.get("/crew/sign-in").headers["set-cookie"].lower()
    assert given.startswith("pages=")
    assert "httponly" in given
    assert "samesite=strict" in given
    assert "max-age" not in given
    assert len(given) < 400
    secure = sessions(tmp_path, "https://plans.example.org")
    assert secure.cookie == "__Host-pages"
    assert secure.secure


@pytest.mark.parametrize("value", ["", "x", "A" * 300, "%00"])
def test_a_cookie_that_is_not_ours_signs_nobody_in(service: Running, value: str) -> None:
    with visitor(service, None) as somebody:
        page = somebody.get("/crew", Cookie=f"pages={value}")
    assert page.status_code == 401
    assert "Sign in" in page.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
    ],
)
def test_a_form_of_another_site_does_nothing(service: Running, headers: dict[str, str]) -> None:
    with visitor(service) as bryn:
        form = bryn.form()
        page = bryn.post("/crew/find", headers, form=form, nhs_number="9999988881")
        bryn.client.cookies.clear()  # a strict cookie stays behind
        without = bryn.post("/crew/find", headers, form=form, nhs_number="9999988881")
    for answer in (page, without):
        assert answer.status_code == 403
        assert "THIS WAS NOT DONE" in answer.text
        assert "set-cookie" not in answer.headers


def test_an_old_browser_that_tells_its_origin_is_served(service: Running) -> None:
    with visitor(service) as bryn:
        origin = {"Origin": service.settings.base_url}
        assert bryn.post("/crew/find", origin, form=bryn.form(), nhs_number="9999988881").status_code == 303


def test_a_link_followed_from_another_site_is_asked_again_by_a_page_of_ours(service: Running) -> None:
    link = crew_link(service, admitted(service, 720).nhs_number)
    with visitor(service, None) as somebody:
        first = somebody.get(link.url, **{"Sec-Fetch-Site": "cross-site"})
        assert 'http-equiv="refresh"' in first.text
        assert "set-cookie" not in first.headers
        assert "Paramedic" in somebody.get(link.url, **{"Sec-Fetch-Site": "same-origin"}).text


def test_after_signing_in_one_is_where_one_was_and_nowhere_else(service: Running) -> None:
    link = crew_link(service, admitted(service, 721).nhs_number)
    with visitor(service, None) as somebody:
        page = somebody.get(link.url)
        assert page.status_code == 401
        sent = {"form": form_of(page), "persona": "bryn", "draft": ""}
        assert somebody.post("/crew/sign-in", next=path_of(link.url), **sent).headers["location"] == path_of(link.url)
    for elsewhere in ("https://evil.example/", "//evil.example", "/fhir/R4/metadata", "/crew/i/short"):
        with visitor(service, None) as somebody:
            sent["form"] = form_of(somebody.get("/crew"))
            assert somebody.post("/crew/sign-in", next=elsewhere, **sent).headers["location"] == "/crew"


def test_a_browser_without_cookies_is_told_so(service: Running) -> None:
    with visitor(service, None) as somebody:
        form = form_of(somebody.get("/crew/sign-in"))
        somebody.client.cookies.clear()
        page = somebody.post("/crew/sign-in", form=form, persona="bryn", next="/crew", draft="")
    assert page.status_code == 401
    assert "Allow cookies" in page.text


def test_signing_out_ends_it_and_a_sign_in_gets_a_new_session(service: Running) -> None:
    with visitor(service) as bryn:
        form = bryn.form()
        assert bryn.post("/crew/sign-out", form=form).status_code == 303
        assert bryn.get("/crew").status_code == 401
        bryn.sign_in()
        assert bryn.form() != form


def test_a_second_tap_on_one_s_name_goes_on(service: Running) -> None:
    link = crew_link(service, admitted(service, 1523).nhs_number)
    with visitor(service, None) as somebody:
        sent = {"form": form_of(somebody.get(link.url)), "next": path_of(link.url), "draft": ""}
        taps = [somebody.post("/crew/sign-in", persona="bryn", **sent) for _ in range(2)]
        assert [(one.status_code, one.headers["location"]) for one in taps] == [(303, path_of(link.url))] * 2
        assert somebody.post("/crew/sign-in", persona="ada", **sent).status_code == 401, "another name is no second tap"
        assert "Bryn" in somebody.get("/crew").text


def test_an_older_page_signs_out_as_well(service: Running) -> None:
    with visitor(service) as bryn:
        older = bryn.form()
        bryn.sign_in()
        assert bryn.post("/crew/sign-out", form=older).status_code == 303
        assert bryn.get("/crew").status_code == 401
        bryn.sign_in()
        assert bryn.post("/crew/sign-out", {"Sec-Fetch-Site": "cross-site"}, form=older).status_code == 403
        assert bryn.get("/crew").status_code == 200


def test_a_client_that_is_registered_no_more_is_signed_out(tmp_path: Path) -> None:
    made = sessions(tmp_path, "http://127.0.0.1:8000")
    assert signed_in(made.begin(NOW, "bryn"), ClientRegistry(), NOW, demo=True) is None


def test_in_production_nobody_signs_in_as_somebody_invented(tmp_path: Path) -> None:
    settings = Settings.from_environ(
        {
            "EPACCS_HOME": str(tmp_path),
            "EPACCS_TENANT": "t",
            "EPACCS_BASE_URL": "https://plans.example.org",
        }
    )
    paths = {getattr(route, "path", "") for route in create_app(settings).routes}
    assert "/crew" in paths
    assert "/crew/sign-in" not in paths
    assert key_path(settings.keys).exists() is False
