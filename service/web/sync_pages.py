"""The pages at `/sync`: every partner on one, one partner on another, and what can be done about it.

Nothing refreshes by itself, for a page that changes under a keyboard or a screen reader loses its reader's place; each
says when it was made and has a link that makes it again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.responses import Response

from service.record.caller import Caller
from service.sync.board import Way
from service.sync.operating import Operating
from service.web.dates import short
from service.web.entering import must_sign_in
from service.web.forms import Form, read_form
from service.web.site import Visit, go
from service.web.sync import SyncPages, may_act
from service.web.sync_words import SHOWN_SUBSCRIPTIONS, row, subscription
from service.web.sync_words import partner as words

DONE: Mapping[str, str] = {
    "retry": "Ordered: it is tried again within seconds. Refresh to see what came of it.",
    "replay": "Ordered: it is translated again within seconds. Refresh to see what came of it.",
    "park": "Put aside. It stays on the list below, and is no longer counted as something to do.",
    "take-up": "Taken up again.",
    "pause": "Paused. What waits is kept.",
    "resume": "Resumed.",
}
"""What an action that was done is confirmed by."""
Deed = Callable[[Operating, Caller, str, Form], Awaitable[None]]


async def overview(site: SyncPages, visit: Visit) -> Response:
    """GET /sync: every partner, those that need somebody first."""
    if visit.person is None:
        return must_sign_in(site, visit)
    found = await site.operating.overview(visit.caller())
    subscriptions = await site.operating.subscriptions(visit.caller())
    found.sort(key=lambda one: (not one.needs, one.member.description.title))
    return site.draw(
        visit,
        "sync/overview.html",
        made=_made(visit),
        partners=[row(one) for one in found],
        needing=sum(bool(one.needs) for one in found),
        subscriptions=[subscription(one) for one in subscriptions[:SHOWN_SUBSCRIPTIONS]],
        all_subscriptions=len(subscriptions),
        untold=sum(bool(one.need) for one in subscriptions),
    )


async def partner(site: SyncPages, visit: Visit) -> Response:
    """GET /sync/partners/{partner}: how it stands, what happened while it was away, and what needs a person."""
    if visit.person is None:
        return must_sign_in(site, visit)
    return await _page(site, visit, done=visit.request.query_params.get("done", ""))


async def act(site: SyncPages, visit: Visit) -> Response:
    """POST /sync/partners/{partner}: try again, translate again, put aside or take up again."""
    form = await read_form(visit.request, site.base_url)
    return await _do(site, visit, form, form.text("do", 20))


async def confirm(site: SyncPages, visit: Visit) -> Response:
    """GET /sync/partners/{partner}/pause and /resume: what it means, and the button that does it."""
    if visit.person is None:
        return must_sign_in(site, visit)
    return await _confirm(site, visit)


async def confirmed(site: SyncPages, visit: Visit) -> Response:
    """POST /sync/partners/{partner}/pause and /resume."""
    form = await read_form(visit.request, site.base_url)
    return await _do(site, visit, form, visit.path.rpartition("/")[2])


async def _do(site: SyncPages, visit: Visit, form: Form, deed: str) -> Response:
    if visit.person is None:
        return must_sign_in(site, visit, visit.path)
    if not site.sessions.owns(visit.session, form.text("form")):
        problem = "This page was open for too long, and nothing was done. Press the button again."
        if deed in ("pause", "resume"):
            return await _confirm(site, visit, problem)
        return await _page(site, visit, problem=problem)
    if deed not in _DEEDS:
        return await _page(site, visit, problem="Nothing was done: press one of the buttons.")
    name = visit.request.path_params["partner"]
    await _DEEDS[deed](site.operating, visit.caller(), name, form)
    return go(f"/sync/partners/{name}?done={deed}")


async def _page(site: SyncPages, visit: Visit, done: str = "", problem: str = "") -> Response:
    found = await site.operating.standing(visit.caller(), visit.request.path_params["partner"])
    return site.draw(
        visit,
        "sync/partner.html",
        409 if problem else 200,
        made=_made(visit),
        one=words(found),
        may_act=may_act(visit.person),
        done=DONE.get(done, ""),
        problem=problem,
    )


async def _confirm(site: SyncPages, visit: Visit, problem: str = "") -> Response:
    found = await site.operating.standing(visit.caller(), visit.request.path_params["partner"])
    return site.draw(
        visit,
        "sync/confirm.html",
        409 if problem else 200,
        deed=visit.path.rpartition("/")[2],
        one=words(found),
        may_act=may_act(visit.person),
        problem=problem,
    )


def _way(form: Form) -> Way:
    """Return which way what is meant was going; what was not said by our page fits nothing on the list."""
    return Way.IN if form.text("way", 8) == Way.IN else Way.OUT


def _id(form: Form) -> str:
    return form.text("id", 64)


_DEEDS: Mapping[str, Deed] = {
    "retry": lambda operating, caller, name, form: operating.retry(caller, name, _id(form)),
    "replay": lambda operating, caller, name, form: operating.replay(caller, name, _id(form)),
    "park": lambda operating, caller, name, form: operating.park(caller, name, _id(form), _way(form)),
    "take-up": lambda operating, caller, name, form: operating.park(caller, name, _id(form), _way(form), parked=False),
    "pause": lambda operating, caller, name, form: operating.pause(caller, name),
    "resume": lambda operating, caller, name, form: operating.resume(caller, name),
}


def _made(visit: Visit) -> str:
    return short(visit.now.isoformat(), clock=True)
