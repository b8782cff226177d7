"""Partners whose state a test writes, and visits of whoever looks after them, for tests of the pages at /sync."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import httpx

from security.clock import instant
from service.opening import Opened, open_service
from service.sync.board import Absence, Board, Event, PartnerState, Trouble, Way
from service.sync.due import SUBSCRIPTIONS
from service.sync.subscribed import Kept, SubscriptionPage
from tests.running import Running, demo_settings, free_port
from tests.service.sync.partnered import described, partnered
from tests.web.visits import Visitor, form_of

T = TypeVar("T")
PARTNERS = {
    "hospice": "Example hospice's records",
    "gp": "Practice on the hill",
    "ambulance": "Ambulance control",
    "hospital": "Example hospital's letters and discharge messages, eastern site",
}
SUBJECT = "5b" * 12
LANE, MESSAGE = "a1" * 16, "b2" * 32


def in_store(home: Path, partners: Path, work: Callable[[Opened], Awaitable[T]]) -> T:
    """Do something on the store of a home, as another process beside its service."""

    async def run() -> T:
        opened = await open_service(demo_settings(home, free_port(), EPACCS_PARTNERS=str(partners)))
        try:
            return await work(opened)
        finally:
            await opened.store.close()

    # In a thread of its own: while Playwright runs, this one has no event loop to give.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, run()).result()


@contextmanager
def watched(home: Path) -> Iterator[Running]:
    """Run a service that serves no partner and no Subscription: others have the leases, so what is written stays."""
    partners = home / "partners"
    for name, title in PARTNERS.items():
        described(partners, name, title=title)

    async def take_leases(opened: Opened) -> None:
        for name in (*PARTNERS, SUBSCRIPTIONS):
            lease = opened.records.index.token("relay", name)[:16]
            assert await opened.store.lease(lease, b"a test", opened.clock() + timedelta(days=1))

    in_store(home, partners, take_leases)
    with partnered(home, partners) as service:
        yield service


def said(service: Running, partner: str, edit: Callable[[PartnerState, datetime], None], *troubles: Trouble) -> None:
    """Write how a partner stands, as the process that serves it does; it was there a moment ago."""
    home = service.settings.home

    async def work(opened: Opened) -> None:
        board, now = Board.of(opened.records), opened.clock()

        def change(state: PartnerState) -> None:
            state.as_of = instant(now)
            edit(state, now)

        await board.change(partner, change)
        for trouble in await board.troubles(partner):
            await board.settled(partner, trouble.id, trouble.way)
        for trouble in troubles:
            await board.trouble(partner, trouble)

    in_store(home, home / "partners", work)


def subscribed(service: Running, *kept: Kept) -> None:
    """Keep Subscriptions in place of those that there are."""
    home = service.settings.home

    async def work(opened: Opened) -> None:
        await SubscriptionPage.of(opened.records).change(lambda _: list(kept))

    in_store(home, home / "partners", work)


def well(state: PartnerState, now: datetime) -> None:
    """Say that all is well."""
    state.last_success, state.last_failure = instant(now - timedelta(seconds=41)), instant(now - timedelta(days=3))
    state.last_poll, state.lags = instant(now - timedelta(seconds=12)), [0.2] * 90 + [1.4] * 10
    state.given, state.taken, state.waiting = 1204, 77, {}
    state.circuit = state.circuit_since = state.paused = state.paused_by = state.oldest = state.oldest_urgent = ""
    state.absences, state.events, state.orders = [], [], []


def was_away(state: PartnerState, now: datetime) -> None:
    """Say that it was away for a day, and that most of what waited has come through."""
    well(state, now)
    began, ended = now - timedelta(hours=25), now - timedelta(hours=1)
    reason = "The partner's system could not be reached."
    state.absences = [Absence(instant(began), instant(ended), reason, 412, 793, 0, 75)]
    state.events = [Event(instant(began), "away", reason), Event(instant(ended), "back", "It answers again.")]
    state.waiting, state.oldest = {2: 3}, instant(now - timedelta(hours=2))


def is_away(state: PartnerState, now: datetime) -> None:
    """Say that it is away, and that something waits that must not."""
    well(state, now)
    since = instant(now - timedelta(minutes=23))
    state.circuit, state.circuit_since = "The partner's system does not accept our sign-in.", since
    state.absences = [Absence(since, "", state.circuit, 15, 1204, 0, 77)]
    state.waiting = {0: 1, 1: 2, 2: 12}
    state.oldest = state.oldest_urgent = instant(now - timedelta(minutes=9))
    state.events = [Event(since, "away", state.circuit)]


def stopped(now: datetime, **more: str) -> Trouble:
    """Return a lane that is stopped."""
    when = instant(now - timedelta(minutes=30))
    return Trouble(
        more.get("id", LANE), Way.OUT, SUBJECT, "change", "The partner's system refused what was sent.", when, when
    )


def unread(now: datetime) -> Trouble:
    """Return a message that could not be taken in."""
    when = instant(now - timedelta(minutes=20))
    return Trouble(MESSAGE, Way.IN, "", "message", "This message cannot be read.", when, when)


@contextmanager
def engineer(service: Running, persona: str = "wenna") -> Iterator[Visitor]:
    """Return a visitor who is signed in as the demo's engineer, or as somebody else."""
    with httpx.Client(timeout=30) as client:
        found = Visitor(service, client)
        where = {"wenna": "/sync", "elowen": "/privacy"}.get(persona, "/crew")
        form = form_of(found.get(f"{where}/sign-in"))
        answer = found.post(f"{where}/sign-in", form=form, persona=persona, next=where, draft="")
        assert answer.status_code == 303, answer.text
        yield found
