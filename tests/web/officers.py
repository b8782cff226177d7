"""Alerts and visits of privacy officers, for tests of their pages."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime

import httpx

from security.clock import instant
from service.app import services_of
from service.opening import open_service
from service.record.alerts import Alert, AlertKind, Alerts, NewAlert
from tests.journeys.people import Person
from tests.running import Running, parameters
from tests.web.visits import Visitor, form_of

RULES = {
    AlertKind.BREAK_GLASS: "4",
    AlertKind.FAILED_BREAK_GLASS: "2.3",
    AlertKind.SELF_CLAIM: "3",
    AlertKind.PROTECTED_PERSON: "2.6",
    AlertKind.GUESS_LIMIT: "12",
    AlertKind.NOT_DELIVERED: "revocation",
    AlertKind.REMOVAL_UNCONFIRMED: "withdrawal",
    AlertKind.NOT_TOLD: "notice",
}


def raised(service: Running, *news: NewAlert) -> list[Alert]:
    """Raise alerts in a running service's database, as its own sweep does once a minute."""

    async def work() -> list[Alert]:
        opened = await open_service(service.settings)
        try:
            alerts = Alerts.of(services_of(opened).interactions.read_record.access)
            return [await alerts.raise_(new) for new in news]
        finally:
            await opened.store.close()

    # In a thread of its own: while Playwright runs, this one has no event loop to give.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work()).result()


def new(
    kind: AlertKind, at: datetime, decision: str, organisation: str = "ZZAMB1", record: str = "ab" * 16
) -> NewAlert:
    """Return an alert to raise."""
    return NewAlert(
        time=instant(at),
        kind=kind,
        organisation=organisation,
        decision_id=decision,
        role="ambulance",
        rule=RULES[kind],
        user_id="zz-ambulance-1",
        audit="c0ffee-12",
        record="ab" * 16,
    )


def signed_in(officer: Visitor, persona: str = "elowen") -> httpx.Response:
    """Sign in on the officers' page and return the answer."""
    form = form_of(officer.get("/privacy/sign-in"))
    return officer.post("/privacy/sign-in", form=form, persona=persona, next="/privacy", draft="")


@contextmanager
def officer(service: Running) -> Iterator[Visitor]:
    """Return a visitor who is signed in as the demo's privacy officer."""
    with httpx.Client(timeout=30) as client:
        found = Visitor(service, client)
        assert signed_in(found).status_code == 303
        yield found


REASON = "Found collapsed at home, nobody else there"


def broken_glass(service: Running, someone: Person) -> None:
    """Let a paramedic break glass for somebody."""
    body = parameters(
        nhsNumber=someone.nhs_number,
        birthDate=str(someone.resource("Patient")["birthDate"]),
        basis="unable_to_ask",
        reason=REASON,
    )
    token = service.token("ambulance", "ZZAMB1", assurance=2)
    answer = service.call("POST", "/Patient/$break-glass", token, body)
    assert answer.status_code == 200, answer.text
