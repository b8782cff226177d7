"""What whoever looks after partners sees and does at /sync, and nobody else; and that no patient is named there."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from security.clock import instant
from service.opening import Opened
from service.sync.board import Board, PartnerState
from tests.haystack import Haystack
from tests.journeys.people import admitted
from tests.running import Running
from tests.service.sync.partnered import OWNER, described, partnered, ran
from tests.service.sync.test_subscription_standing import kept
from tests.web.engineers import (
    LANE,
    MESSAGE,
    PARTNERS,
    SUBJECT,
    engineer,
    in_store,
    is_away,
    said,
    stopped,
    subscribed,
    unread,
    was_away,
    watched,
    well,
)
from tests.web.visits import Visitor, hidden_of

HOSPICE, GP = "/sync/partners/hospice", "/sync/partners/gp"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service whose partners stand as tests say."""
    with watched(tmp_path_factory.mktemp("watched") / "home") as service:
        yield service


def now() -> datetime:
    return datetime.now(UTC)


def state(service: Running, partner: str = "hospice") -> PartnerState:
    """Return what the board says now."""

    async def read(opened: Opened) -> PartnerState:
        return await Board.of(opened.records).state(partner)

    return in_store(service.settings.home, service.settings.home / "partners", read)


def commanded(service: Running, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `epaccs sync` beside the service."""
    return ran(service.settings.home, service.settings.home / "partners", *words)


def press(wenna: Visitor, address: str, **fields: str) -> str:
    """Press a button of a page, and return the page that it leads to."""
    answer = wenna.post(address, **hidden_of(wenna.get(address)), **fields)
    assert answer.status_code == 303, answer.text
    page = wenna.get(answer.headers["location"])
    assert page.status_code == 200
    return page.text


def test_the_overview_says_how_each_stands_and_who_needs_somebody_first(site: Running) -> None:
    said(site, "hospice", was_away, stopped(now()), unread(now()))
    said(site, "gp", well)
    said(site, "ambulance", is_away)
    with engineer(site) as wenna:
        page = wenna.get("/sync").text
    assert "<strong>3 of 4</strong> need somebody" in page
    places = [page.index(PARTNERS[name].partition("'")[0]) for name in ("ambulance", "hospice", "hospital", "gp")]
    assert places == sorted(places)
    for words in (
        "p50 0.2 s",
        "p95 1.4 s",
        "<strong>1 urgent</strong>",
        "12 routine",
        "A revocation, withdrawal or death has waited for 9 minutes",
        "1 person&#39;s lane is stopped.",
        "No process has served this partner yet",
        "41 seconds ago",
    ):
        assert words in page or words.replace("41", "42") in page or words.replace("41", "43") in page, words


def test_subscriptions_stand_below_and_on_the_command_line(site: Running) -> None:
    failing = instant(datetime.now(UTC) - timedelta(hours=3))
    subscribed(site, kept("4711", "active", updated=failing), kept("4712", "error", updated=failing, failing=failing))
    try:
        with engineer(site) as wenna:
            page = wenna.get("/sync").text
        asked = commanded(site, "subscriptions")
        told = commanded(site, "subscriptions", "--json")
        metrics = site.client.get(f"{site.settings.base_url}/metrics").text
    finally:
        subscribed(site)
    assert "<strong>1 of 2</strong> needs somebody" in page
    assert page.index("4712") < page.index("4711")
    assert "Its endpoint has taken nothing for 3 hours" in page
    assert "SEE TO IT       Its endpoint has taken nothing for 3 hours" in asked.stdout
    assert asked.returncode == told.returncode == 1
    assert [one["id"] for one in json.loads(told.stdout)] == ["4712", "4711"]
    assert 'epaccs_sync_subscriptions{status="error"} 1.0' in metrics
    for sealed in ("heliotrope", "umbrella"):
        assert sealed not in page + asked.stdout + told.stdout + metrics
    assert "There are no Subscriptions." in commanded(site, "subscriptions").stdout


def test_one_page_tells_from_away_to_back(site: Running) -> None:
    said(site, "hospice", was_away, stopped(now()), unread(now()))
    with engineer(site) as wenna:
        page = wenna.get(HOSPICE).text
    for words in (
        "Away for 1 day</strong>: from ",
        "The partner&#39;s system could not be reached.",
        "<dd>412</dd>",
        "411 given, 0 taken back, 2 taken in",
        "3, some of it from then",
        "<strong>2</strong>, listed below",
        "This message cannot be read.",
        f"Keyed id {SUBJECT}",
        f"Answered for by {OWNER}, ZZGP01",
    ):
        assert words in page, words


def test_what_is_pressed_is_ordered_noted_and_written_down(site: Running) -> None:
    said(site, "hospice", was_away, stopped(now()), unread(now()))
    with engineer(site) as wenna:
        assert "tried again within seconds" in press(wenna, HOSPICE, do="retry", id=LANE, way="out")
        assert "Ordered, and not taken up yet: Try lane a1a1a1a1a1a1 again." in wenna.get(HOSPICE).text
        press(wenna, HOSPICE, do="retry")
        press(wenna, HOSPICE, do="replay", id=MESSAGE, way="in")
        press(wenna, HOSPICE, do="replay")
        press(wenna, HOSPICE, do="replay")
        assert state(site).orders == [("retry", LANE), ("retry", ""), ("replay", MESSAGE), ("replay", "")]
        aside = press(wenna, HOSPICE, do="park", id=LANE, way="out")
        assert "<h2>To look at: 1</h2>" in aside
        assert "<h2>Put aside: 1</h2>" in aside
        assert "<h2>To look at: 2</h2>" in press(wenna, HOSPICE, do="take-up", id=LANE, way="out")
    noted = [event.words for event in state(site).events]
    by = "by Engineer Wenna Contrived."
    assert noted[2:] == [
        f"Retry of lane a1a1a1a1a1a1 ordered {by}",
        f"Retry of everything that is stopped ordered {by}",
        f"Replay of message b2b2b2b2b2b2 ordered {by}",
        f"Replay of every message that could not be taken in ordered {by}",
        f"Lane a1a1a1a1a1a1 put aside {by}",
        f"Lane a1a1a1a1a1a1 taken up again {by}",
    ]
    officer = site.token("privacy_officer", "ZZENG1", purpose="HCOMPL")
    log = site.call("GET", f"/AuditEvent?date=ge{now():%Y-%m-%d}&_count=100", officer)
    for deed in ("$sync-retry", "$sync-replay", "$sync-park", "$sync-take-up"):
        assert deed in log.text
    assert "Endpoint/hospice" in log.text
    assert "zz-engineer-1" in log.text


def test_a_pause_is_confirmed_first(site: Running) -> None:
    said(site, "gp", well)
    with engineer(site) as wenna:
        asked = wenna.get(f"{GP}/pause").text
        assert "also a revocation, a withdrawal and a death" in asked
        assert state(site, "gp").paused == "", "to ask is not to do"
        assert "Paused. What waits is kept." in press(wenna, f"{GP}/pause")
        first = state(site, "gp")
        assert first.paused_by == "Engineer Wenna Contrived"
        assert "It is paused already" in wenna.get(f"{GP}/pause").text
        press(wenna, f"{GP}/pause")
        assert state(site, "gp").paused == first.paused, "the second changes nothing"
        assert "Resumed." in press(wenna, f"{GP}/resume")
    assert state(site, "gp").paused == ""


def test_a_form_of_another_page_or_session_does_nothing(site: Running) -> None:
    said(site, "hospice", was_away, stopped(now()))
    with engineer(site) as wenna, engineer(site) as other:
        foreign = hidden_of(other.get(HOSPICE))
        answer = wenna.post(HOSPICE, **foreign, do="retry")
        assert answer.status_code == 409
        assert "nothing was done" in answer.text
        assert wenna.post(f"{HOSPICE}/pause", **foreign).status_code == 409
        own = hidden_of(wenna.get(HOSPICE))
        assert wenna.post(HOSPICE, {"Sec-Fetch-Site": "cross-site"}, **own, do="retry").status_code == 403
        assert wenna.post(f"{HOSPICE}/pause", {}, **own).status_code == 403
        assert wenna.post(HOSPICE, **own, do="erase").status_code == 409
        for fields in ({"id": "ab" * 16, "way": "out"}, {"id": LANE, "way": "in"}, {"id": "<b>", "way": "out"}):
            answer = wenna.post(HOSPICE, **own, do="park", **fields)
            assert answer.status_code == 404
            assert "settled meanwhile" in answer.text
        assert wenna.get("/sync/partners/nobody").status_code == 404
        assert wenna.get("/sync/partners/nobody/pause").status_code == 404
        assert wenna.get("/sync/else").status_code == 404
        assert wenna.get(f"{HOSPICE}/pause/").status_code == 303
    after = state(site)
    assert (after.orders, after.paused) == ([], "")


@pytest.mark.parametrize("persona", ["bryn", "elowen"])
def test_it_is_for_engineers_alone(site: Running, persona: str) -> None:
    said(site, "hospice", was_away, stopped(now()))
    with engineer(site, persona) as somebody:
        for path in ("/sync", HOSPICE, f"{HOSPICE}/pause"):
            page = somebody.get(path)
            assert page.status_code == 403
            assert "THIS IS FOR THOSE WHO LOOK AFTER PARTNERS" in page.text
            assert "hospice" not in page.text.replace(f'value="{path}"', "")
        form = hidden_of(somebody.get("/crew" if persona == "bryn" else "/privacy/log"))
        assert somebody.post(HOSPICE, **form, do="retry").status_code == 403
        assert somebody.post(f"{HOSPICE}/pause", **form).status_code == 403
    assert state(site).orders == []


def test_nobody_is_let_in_without_signing_in(site: Running) -> None:
    said(site, "hospice", was_away)
    with engineer(site) as wenna:
        form = hidden_of(wenna.get(HOSPICE))
        wenna.client.cookies.clear()
        assert wenna.get(HOSPICE).status_code == 401
        assert wenna.post(HOSPICE, **form, do="retry").status_code == 401
    assert state(site).orders == []


def test_no_page_can_show_a_patient(tmp_path: Path) -> None:
    """A partner that is really served refuses a real plan, and sends what nobody can read; both stand on its page."""
    home, partners = tmp_path / "home", tmp_path / "partners"
    system = described(partners)
    (system / "refuses").touch()
    with partnered(home, partners) as service:
        someone = admitted(service, 3120)
        names = [
            name for one in someone.resource("Patient")["name"] for name in (one.get("family", ""), one.get("text", ""))
        ]
        words = [word for word in names if word] + ["heliotrope umbrella", someone.nhs_number]
        (system / "m1.message").write_text(", ".join(words))
        with engineer(service) as wenna:
            deadline = time.monotonic() + 30
            while "To look at: 2" not in (page := wenna.get(HOSPICE).text):
                assert time.monotonic() < deadline, page
                time.sleep(0.05)  # another process works meanwhile
            seen = "".join(wenna.get(path).text for path in ("/sync", HOSPICE, f"{HOSPICE}/pause", "/metrics"))
    assert "Keyed id" in seen
    words += [reference.partition("/")[2] for reference in someone.references]
    assert Haystack.of("pages", seen.encode()).find(words) == []


def test_pages_are_answered_by_whichever_process(site: Running) -> None:
    """What one process wrote, another shows: nothing is known from memory."""
    said(site, "hospice", well)
    with engineer(site) as wenna:
        assert "It has not been away" not in wenna.get(HOSPICE).text
        assert "What happened while it was away" not in wenna.get(HOSPICE).text
        said(site, "hospice", is_away)
        assert "Away now, for 23 minutes" in wenna.get(HOSPICE).text
