"""Afterwards: whether the plan was followed. Said once, however often it is tapped or sent again.

What was typed is never lost: whatever comes in between, the form is there again with it, and says whether saving it
again can help. When the incident has ended, the ordinary rules decide as for any other write.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from security.scopes import require
from service.api import outcomes
from service.record.access import Refused
from service.record.changes import Change, Method
from service.record.crew_links import Led
from service.record.errors import RepeatedKey
from service.record.kept import Idempotency
from service.web.answer import LinkClosed, followed, opened
from service.web.crew import Crew
from service.web.drafts import Draft, typed_by
from service.web.entering import must_sign_in
from service.web.forms import read_form
from service.web.outcome import LONGEST_TEXT, REASONS, Missing, Outcome, communication
from service.web.site import Visit, go

_FIELDS = ("n", "outcome", "reason", "text")
_NOTHING = Outcome("not-followed")
_MOST_NOTES = 20
_TELL = "Tell your control room instead."
_ENDED = "Not saved: the incident has ended, or its plan is not open to you any more."
_OLD = "This page was open for too long. Check it, then save it again."


async def outcome_page(crew: Crew, visit: Visit) -> Response:
    """GET /crew/i/{link}/outcome: the form. `n` counts the notes of one crew member about one visit."""
    if visit.person is None:
        return must_sign_in(crew, visit)
    await followed(crew, visit)
    return _form(crew, visit, _NOTHING, _number(visit.request.query_params.get("n", "")))


async def tell(crew: Crew, visit: Visit) -> Response:
    """POST /crew/i/{link}/outcome: write it as the signed-in person, once for each number."""
    form = await read_form(visit.request, crew.base_url)
    said, number = _said(form.fields), _number(form.text("n"))
    if visit.person is None or visit.person.user is None:
        return must_sign_in(crew, visit, visit.path, Draft.of(crew.sessions.seal, form, visit.path, _FIELDS))
    if not crew.sessions.owns(visit.session, form.text("form")):
        if typed_by(crew.sessions.seal, form) != visit.session.person:
            return _form(crew, visit, _NOTHING, number, "This page was somebody else's. Say it in your own words.", 409)
        return _form(crew, visit, said, number, _OLD, 409)
    if said.problem:
        return _form(crew, visit, said, number, said.problem, 422)
    try:
        await _write(crew, visit, said, number)
    except Exception as problem:
        return _not_written(crew, visit, said, number, problem)
    return go(f"{visit.path}/saved?n={number}")


async def saved(crew: Crew, visit: Visit) -> Response:
    """GET /crew/i/{link}/outcome/saved: that it was written, if it was."""
    if visit.person is None:
        return must_sign_in(crew, visit, _answer(visit))
    led = await followed(crew, visit, afterwards=True)
    number = _number(visit.request.query_params.get("n", ""))
    if not await _was_written(crew, visit, led, number):
        return go(f"{_answer(visit)}/outcome")
    return crew.draw(visit, "told.html", address=_answer(visit), number=number + 1)


def again(crew: Crew, visit: Visit, path: str, fields: Mapping[str, str]) -> Response:
    """Return the form with what was typed before a sign-in ended."""
    problem = "You had to sign in again. Check what you typed, then save it."
    return _form(crew, visit, _said(fields), _number(fields.get("n", "")), problem, path=path)


async def _write(crew: Crew, visit: Visit, said: Outcome, number: int) -> None:
    led = await followed(crew, visit, afterwards=True)
    caller, user = visit.caller(led.incident), visit.person and visit.person.user
    assert user
    require(caller.principal.scopes, "Communication", "c")
    parts = (part.encode() for part in (said.kind, said.reason, said.text))
    key = Idempotency.of(_key(crew, visit, number), *parts)
    # Before the plan is asked for: a second tap is told that the first was saved, also when the incident ended between.
    if await crew.links.kept.answered(caller.principal, key) is not None:
        return
    document = await opened(crew, visit, led)
    note = communication(said, document.subject, user, visit.now)
    change = Change(Method.CREATE, "Communication", "Communication", note)
    await crew.write_record(caller, [change], "create", key)


def _not_written(crew: Crew, visit: Visit, said: Outcome, number: int, problem: Exception) -> Response:
    """Return the form again: with what was said, what became of it, and without a way to save what cannot be saved."""
    if isinstance(problem, RepeatedKey):
        if number < _MOST_NOTES:
            return _form(crew, visit, said, number + 1, "You said something else before. Save to add this.", 409)
        return _form(crew, visit, said, number, f"Not saved: you have said much already. {_TELL}", 409, over=True)
    if isinstance(problem, LinkClosed):
        return _form(crew, visit, said, number, f"{_ENDED} {_TELL}", 404, over=True)
    status = outcomes.answer(problem).status_code
    if status >= 500:
        return _form(crew, visit, said, number, "It could not be saved now. Nothing is lost: save it again.", 503)
    why = (
        _ENDED if status == 404 else f"Not saved: {outcomes.FORBIDDEN if status == 403 else 'the service refused it.'}"
    )
    if isinstance(problem, Refused) and problem.explained:
        why = f"Not saved. {problem.explained}"
    return _form(crew, visit, said, number, f"{why} {_TELL}", status, over=True)


async def _was_written(crew: Crew, visit: Visit, led: Led, number: int) -> bool:
    """Say whether a note of this person and number was saved through this link."""
    try:
        # Asked as if nothing had been said: what was said before is then always something else.
        asked = Idempotency.of(_key(crew, visit, number))
        return await crew.links.kept.answered(visit.caller(led.incident).principal, asked) is not None
    except RepeatedKey:
        return True


def _key(crew: Crew, visit: Visit, number: int) -> str:
    """Return the key of a note. Made here and not by the page, so that going back and tapping again is one request."""
    assert visit.person is not None
    assert visit.person.user is not None
    whose = f"{visit.request.path_params['link']}|{visit.person.user.id}|{number}"
    return crew.sessions.index.token("crew-outcome", whose).hex()


def _form(
    crew: Crew,
    visit: Visit,
    said: Outcome,
    number: int,
    problem: str | Missing = "",
    status: int = 200,
    *,
    path: str = "",
    over: bool = False,
) -> Response:
    """Return the form; `over`: nothing more can be saved here, and there is nothing to save it with."""
    field, sentence = problem if isinstance(problem, Missing) else ("", problem)
    return crew.draw(
        visit,
        "outcome.html",
        status,
        told=said,
        number=number,
        address=path or visit.path,
        problem=sentence,
        field=field,
        over=over,
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
