"""Afterwards: whether the plan was followed. Said once, however often it is tapped or sent again."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from security.scopes import require
from service.api import outcomes
from service.record.changes import Change, Method
from service.record.errors import RepeatedKey
from service.record.kept import Idempotency
from service.web.answer import followed, opened
from service.web.crew import Crew, Visit, go
from service.web.drafts import Draft, typed_by
from service.web.entering import must_sign_in
from service.web.forms import read_form
from service.web.outcome import LONGEST_TEXT, REASONS, Outcome, communication

_FIELDS = ("n", "outcome", "reason", "text")
_NOTHING = Outcome("not-followed")
_MOST_NOTES = 20


async def outcome_page(crew: Crew, visit: Visit) -> Response:
    """GET /crew/i/{link}/outcome: the form. `n` counts the notes of one crew member about one visit."""
    if visit.person is None:
        return must_sign_in(crew, visit)
    number = _number(visit.request.query_params.get("n", ""))
    return _form(crew, visit, _NOTHING, number)


async def tell(crew: Crew, visit: Visit) -> Response:
    """POST /crew/i/{link}/outcome: write it as the signed-in person, once for each number."""
    form = await read_form(visit.request, crew.base_url)
    said, number = _said(form.fields), _number(form.text("n"))
    if visit.person is None or visit.person.user is None:
        return must_sign_in(crew, visit, visit.path, Draft.of(crew.sessions.seal, form, visit.path, _FIELDS))
    if not crew.sessions.owns(visit.session, form.text("form")):
        if typed_by(crew.sessions.seal, form) != visit.session.person:
            return _form(crew, visit, _NOTHING, number, "This page was somebody else's. Say it in your own words.", 409)
        return _form(crew, visit, said, number, "This page was open for too long. Check it, then save it again.", 409)
    if said.problem:
        return _form(crew, visit, said, number, said.problem, 422)
    try:
        await _write(crew, visit, said, number)
    except RepeatedKey:
        return crew.draw(visit, "told.html", 409, address=_answer(visit), number=number + 1, again=True)
    except Exception as problem:
        if outcomes.answer(problem).status_code < 500:
            raise
        return _form(crew, visit, said, number, "It could not be saved now. Nothing is lost: save it again.", 503)
    return go(f"{visit.path}/saved?n={number}")


async def saved(crew: Crew, visit: Visit) -> Response:
    """GET /crew/i/{link}/outcome/saved: that it was written."""
    if visit.person is None:
        return must_sign_in(crew, visit, _answer(visit))
    number = _number(visit.request.query_params.get("n", ""))
    return crew.draw(visit, "told.html", address=_answer(visit), number=number + 1, again=False)


async def _write(crew: Crew, visit: Visit, said: Outcome, number: int) -> None:
    led = await followed(crew, visit)
    caller, user = visit.caller(led.incident), visit.person and visit.person.user
    assert user
    require(caller.principal.scopes, "Communication", "c")
    document = await opened(crew, visit)
    # The key is made here and not by the page, so that going back and tapping again is the same request as well.
    whose = f"{visit.request.path_params['link']}|{user.id}|{number}"
    key = Idempotency.of(
        crew.sessions.index.token("crew-outcome", whose).hex(),
        *(part.encode() for part in (said.kind, said.reason, said.text)),
    )
    note = communication(said, document.subject, user, visit.now)
    await crew.write_record(caller, [Change(Method.CREATE, "Communication", "Communication", note)], "create", key)


def again(crew: Crew, visit: Visit, path: str, fields: dict[str, str]) -> Response:
    """Return the form with what was typed before a sign-in ended."""
    problem = "You had to sign in again. Check what you typed, then save it."
    return _form(crew, visit, _said(fields), _number(fields.get("n", "")), problem, path=path)


def _form(
    crew: Crew, visit: Visit, said: Outcome, number: int, problem: str = "", status: int = 200, path: str = ""
) -> Response:
    return crew.draw(
        visit,
        "outcome.html",
        status,
        told=said,
        number=number,
        address=path or visit.path,
        problem=problem,
        reasons=REASONS,
        longest=LONGEST_TEXT,
    )


def _said(fields: Mapping[str, str]) -> Outcome:
    kind, reason, text = (fields.get(name, "").strip() for name in ("outcome", "reason", "text"))
    return Outcome(kind, reason if kind != "followed" else "", text)


def _number(text: str) -> int:
    return min(int(text), _MOST_NOTES) if text.isdecimal() and len(text) < 4 else 0


def _answer(visit: Visit) -> str:
    return f"/crew/i/{visit.request.path_params['link']}"
