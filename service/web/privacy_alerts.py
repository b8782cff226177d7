"""The queue of alerts, and one alert with what became of it.

What was typed into a note is never lost: whatever comes in between, the form is there again with it. Sending the same
again, as a double tap does, changes nothing and says so by showing what is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from starlette.datastructures import QueryParams
from starlette.responses import Response

from security.clock import LONDON, parse_instant
from service.api import outcomes
from service.record.alerts import Alert, AlertKind, AlertState
from service.web.dates import short
from service.web.drafts import Draft, typed_by
from service.web.entering import must_sign_in
from service.web.forms import read_form
from service.web.privacy import Privacy
from service.web.privacy_words import KINDS, OF_PARTNERS, STATES, WHY, WHY_TOLD, role_words, rule_words
from service.web.site import Visit, go

LOOKED_BACK = timedelta(days=366)
"""Alerts from before stand in the audit and in no queue."""
ON_A_PAGE = 50
LONGEST_NOTE = 1000
_OPEN, _ALL = "open", "all"
_CHOICES = {
    _OPEN: "To do: new and acknowledged",
    **{state.value: words for state, words in STATES.items()},
    _ALL: "All",
}
_SHOWN: Mapping[str, frozenset[AlertState]] = {
    _OPEN: frozenset({AlertState.NEW, AlertState.ACKNOWLEDGED}),
    **{state.value: frozenset({state}) for state in AlertState},
    _ALL: frozenset(AlertState),
}
_ORDER = list(AlertState)
_FIELDS = ("note",)
_MOVES = (AlertState.ACKNOWLEDGED, AlertState.CLOSED)


async def queue(site: Privacy, visit: Visit) -> Response:
    """GET /privacy: the alerts of the officer's organisations, new ones first, then the newest."""
    if visit.person is None:
        return must_sign_in(site, visit)
    state, kind, first = _chosen(visit.request.query_params)
    every = await site.alerts.list(visit.caller(), visit.now - LOOKED_BACK)
    found = [one for one in every if one.state in _SHOWN[state] and kind in ("", one.kind)]
    found.sort(key=lambda one: _ORDER.index(one.state))
    return site.draw(
        visit,
        "privacy/alerts.html",
        here="alerts",
        alerts=[_line(one) for one in found[first : first + ON_A_PAGE]],
        counts={words: sum(one.state is state for one in every) for state, words in STATES.items()},
        total=len(found),
        first=first,
        following=first + ON_A_PAGE if len(found) > first + ON_A_PAGE else 0,
        state=state,
        kind=kind,
        states=_CHOICES,
        kinds={"": "Every kind", **{one.value: words for one, words in KINDS.items()}},
    )


async def one_alert(site: Privacy, visit: Visit) -> Response:
    """GET /privacy/alerts/{alert}: one alert, its steps, and the form that moves it on."""
    if visit.person is None:
        return must_sign_in(site, visit)
    return _page(site, visit, await site.alerts.read(visit.caller(), _id(visit.path)))


async def move(site: Privacy, visit: Visit) -> Response:
    """POST /privacy/alerts/{alert}: acknowledge or close it, with a note, as the signed-in officer."""
    form = await read_form(visit.request, site.base_url)
    path = visit.path
    if visit.person is None:
        return must_sign_in(site, visit, path, Draft.of(site.sessions.seal, form, path, _FIELDS))
    caller, alert_id, note = visit.caller(), _id(path), form.text("note")
    to = next((one for one in _MOVES if one == form.text("to")), None)
    if not site.sessions.owns(visit.session, form.text("form")):
        mine = typed_by(site.sessions.seal, form) == visit.session.person
        problem = "This page was open for too long. Check the note, then send it again."
        return _page(site, visit, await site.alerts.read(caller, alert_id), note if mine else "", problem, 409)
    if problem := _problem(to, note):
        return _page(site, visit, await site.alerts.read(caller, alert_id), note, problem, 422)
    try:
        step = site.alerts.close if to is AlertState.CLOSED else site.alerts.acknowledge
        alert = await step(caller, alert_id, note)
    except Exception as failure:
        if outcomes.answer(failure).status_code < 500:
            raise
        problem = "It could not be saved now. Nothing is lost: send it again."
        return _page(site, visit, None, note, problem, 503)
    user = visit.person.user
    if not any((one.state, one.user_id, one.note) == (to, user and user.id, note) for one in alert.steps):
        problem = "Not saved: somebody moved this alert on before. See what they did; your note is still here."
        return _page(site, visit, alert, note, problem, 409)
    return go(path)


async def again(site: Privacy, visit: Visit, path: str, fields: Mapping[str, str]) -> Response:
    """Return the alert's page with what was typed before a sign-in ended."""
    alert = await site.alerts.read(visit.caller(), _id(path))
    problem = "You had to sign in again. Check the note, then send it."
    return _page(site, visit, alert, fields.get("note", ""), problem, path=path)


def _problem(to: AlertState | None, note: str) -> str:
    if to is None:
        return "Choose whether to acknowledge or to close it."
    if len(note) > LONGEST_NOTE:
        return f"The note is too long: at most {LONGEST_NOTE} characters."
    if to is AlertState.CLOSED and not note:
        return "Say what you found before you close it."
    return ""


def _page(
    site: Privacy,
    visit: Visit,
    alert: Alert | None,
    note: str = "",
    problem: str = "",
    status: int = 200,
    path: str = "",
) -> Response:
    """Return the page of an alert; without the alert itself while it cannot be read."""
    steps = () if alert is None else alert.steps
    return site.draw(
        visit,
        "privacy/alert.html",
        status,
        here="alerts",
        alert=None if alert is None else _line(alert),
        steps=[(STATES[one.state], short(one.time, clock=True), one.user_id, one.note) for one in steps],
        address=path or visit.path,
        note=note,
        problem=problem,
        longest=LONGEST_NOTE,
    )


def _line(alert: Alert) -> dict[str, str]:
    """Return what a page says of an alert: no clinical text and no name is in it, for there is none in the alert."""
    of_partner = alert.kind in OF_PARTNERS
    user = alert.user_id or "no person named"
    return {
        "address": f"/privacy/alerts/{alert.id}",
        "state": alert.state.value,
        "state_words": STATES[alert.state],
        "kind": KINDS[alert.kind],
        "why": WHY[alert.kind],
        "time": short(alert.time, clock=True),
        "day": parse_instant(alert.time).astimezone(LONDON).date().isoformat(),
        "who_label": "Answers for the partner" if of_partner else "Who",
        "who": user if of_partner else f"{user}, {role_words(alert.role)}",
        "what_label": "What it had to be told" if of_partner else f"Rule {alert.rule}",
        "what": WHY_TOLD.get(alert.rule, alert.rule) if of_partner else rule_words(alert.rule),
        # A decision on access has an id; what waits for a partner has the keyed id that /sync shows of the person.
        "decision_label": "Keyed id at the partner" if of_partner else "Decision",
        "keyed": alert.decision_id.partition("-")[0] if of_partner else "",
        "organisation": alert.organisation,
        "about": alert.about[:12],
        "decision": alert.decision_id,
        "audit": alert.audit,
    }


def _chosen(said: QueryParams) -> tuple[str, str, int]:
    """Return state, kind and number of the first alert to show; what is not known is as if it were not said."""
    state, kind, first = said.get("state", ""), said.get("kind", ""), said.get("from", "")
    return (
        state if state in _SHOWN else _OPEN,
        kind if kind in list(AlertKind) else "",
        int(first) if first.isdecimal() and len(first) < 6 else 0,
    )


def _id(path: str) -> str:
    return path.rpartition("/")[2]
