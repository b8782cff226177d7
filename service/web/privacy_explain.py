"""What somebody would get of a person's plan, and why: a form, and the decision explained. Nothing of content is in it.

It is the operation `$explain-access`: the decision is the service's own, for a caller who is only supposed, and asking
is an audit entry about the person. The number travels in the body, and the answer has no address of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from fhir_profiles.errors import InvalidNhsNumber, InvalidOdsCode
from fhir_profiles.identifiers import NhsNumber, OdsCode
from fhir_profiles.sections import Tier
from security.access_request import Basis, BreakGlass
from security.clock import LONDON
from security.principal import Purpose, Role
from service.record.errors import NotHere
from service.record.explain import Explained, Question
from service.web.dates import short
from service.web.drafts import Draft, typed_by
from service.web.entering import must_sign_in
from service.web.forms import read_form
from service.web.privacy import NOT_FOR_YOU, Privacy
from service.web.privacy_log import Wrong
from service.web.privacy_words import PURPOSES, RELATIONSHIPS, TIERS, role_words, section_words
from service.web.site import Visit

_PATH = "/privacy/explain"
_LONGEST = 64
_TYPED = ("nhs_number", "role", "organisation", "user", "purpose", "at", "way")
_SOMEBODY = "somebody"
"""Whom the question supposes where it names no user: nobody that a Consent could name."""
_REASON = "supposed, to explain what would be given"
WAYS = {
    "usual": "As usual",
    "claim": "Claiming to care for the person, with a reason",
    "glass": "By emergency access: the person cannot be asked, a reason is given, signed in with two factors",
}
_OTHER = "other"
_PURPOSES = {**PURPOSES, _OTHER: "Anything else (research, payment, management)"}
_ANSWERS = {
    200: "An answer is given",
    403: "Refused, because of who asks and for what",
    404: "Told that nothing is available, as if there were no plan",
}
_OLD = "This page was open for too long. Check what you typed, then ask again."
_NOBODY = (
    "You cannot ask about this person: there is nobody with this number, or neither an organisation of yours holds the "
    "record nor had the organisation that you named access to it."
)


async def page(site: Privacy, visit: Visit) -> Response:
    """GET /privacy/explain: the form."""
    if visit.person is None:
        return must_sign_in(site, visit)
    if not site.is_officer(visit.person):
        return site.draw(visit, NOT_FOR_YOU, 403)
    return _form(site, visit, _first(visit))


async def ask(site: Privacy, visit: Visit) -> Response:
    """POST /privacy/explain: the form again, with the answer above it."""
    form = await read_form(visit.request, site.base_url)
    if visit.person is None:
        return must_sign_in(site, visit, _PATH, Draft.of(site.sessions.seal, form, _PATH, _TYPED))
    typed = {name: form.text(name, _LONGEST) for name in _TYPED}
    if not site.sessions.owns(visit.session, form.text("form")):
        mine = typed_by(site.sessions.seal, form) == visit.session.person
        return _form(site, visit, typed if mine else _first(visit), Wrong("", _OLD), 409)
    await site.explain_access.admit(visit.caller())
    try:
        asked = _question(site, typed)
    except Wrong as problem:
        return _form(site, visit, typed, problem, 422)
    try:
        told = await site.explain_access(visit.caller(), asked)
    except NotHere:
        return _form(site, visit, typed, Wrong("nhs_number", _NOBODY), 404)
    return site.draw(visit, "privacy/explained.html", here="explain", **_answer(asked, told))


def again(site: Privacy, visit: Visit, fields: Mapping[str, str]) -> Response:
    """Return the form with what was typed before a sign-in ended."""
    return _form(site, visit, fields, Wrong("", "You had to sign in again. Check what you typed, then ask."))


def _question(site: Privacy, typed: Mapping[str, str]) -> Question:
    """Read the form; raise Wrong."""
    try:
        whom = NhsNumber("".join(typed["nhs_number"].split())).value
    except InvalidNhsNumber:
        raise Wrong("nhs_number", "Type an NHS number: ten digits. One of them may be wrong.") from None
    if typed["role"] not in _roles(site):
        raise Wrong("role", "Choose a role.")
    try:
        organisation = OdsCode(typed["organisation"].upper())
    except InvalidOdsCode:
        raise Wrong("organisation", "Type the code of an organisation, such as ZZAMB1.") from None
    if typed["purpose"] not in _PURPOSES:
        raise Wrong("purpose", "Choose a purpose.")
    try:
        at = datetime.fromisoformat(typed["at"]).replace(tzinfo=LONDON)
    except ValueError:
        raise Wrong("at", "Type a day and a time: 2026-11-28T03:00.") from None
    if typed["way"] not in WAYS:
        raise Wrong("way", "Choose how they ask.")
    glass = typed["way"] == "glass"
    return Question(
        whom=whom,
        role=typed["role"],
        organisation=organisation,
        purpose=None if typed["purpose"] == _OTHER else Purpose(typed["purpose"]),
        at=at.astimezone(UTC),
        user="" if typed["role"] == Role.SYSTEM else typed["user"] or _SOMEBODY,
        assurance=2 if glass else 1,
        self_claim_reason=_REASON if typed["way"] == "claim" else "",
        break_glass=BreakGlass(Basis.UNABLE_TO_ASK, _REASON) if glass else None,
    )


def _answer(asked: Question, told: Explained) -> dict[str, Any]:
    """Return what the page says: the decision in words, and each section with its reason."""
    decision, number = told.decision, asked.whom
    sections = [
        (
            section_words(one.section),
            f"{one.tier.name} {TIERS[one.tier]}",
            one.open,
            one.rule,
            _sentence(one.reason),
        )
        for one in sorted(told.sections.values(), key=lambda one: list(Tier).index(one.tier))
    ]
    way = "glass" if asked.break_glass else "claim" if asked.self_claim_reason else "usual"
    return {
        "answer": _ANSWERS[decision.status],
        "http": decision.status,
        "given": decision.permitted,
        "notice": decision.known_partner_notice,
        "rule": decision.rule,
        "reason": _sentence(decision.reason),
        "question": (
            ("NHS number", f"{number[:3]} {number[3:6]} {number[6:]}"),
            ("Who asks", f"{role_words(asked.role)}, {asked.organisation}"),
            ("Purpose", _PURPOSES[asked.purpose or _OTHER]),
            ("When", short(asked.at.isoformat(), clock=True)),
            ("How", WAYS[way]),
        ),
        "facts": (
            ("Relationship", RELATIONSHIPS.get(decision.relationship or "none", decision.relationship)),
            ("Sharing choice", (decision.consent_state or "not looked at").replace("_", " ")),
            ("Consents of the record", ", ".join(told.consents) or "none"),
            ("What must be done", ", ".join(sorted(decision.obligations)).replace("_", " ")),
            ("Policy", f"{told.policy.id} version {told.policy.version}"),
        ),
        "open": sum(one.open for one in told.sections.values()),
        "sections": sections,
    }


def _form(
    site: Privacy, visit: Visit, typed: Mapping[str, str], problem: Wrong | None = None, status: int = 200
) -> Response:
    """Return the form. A number that is none is not repeated: it may be somebody else's."""
    shown = {name: typed.get(name, "") for name in _TYPED}
    field = "" if problem is None else problem.field
    if field == "nhs_number" and status == 422:
        shown["nhs_number"] = ""
    return site.draw(
        visit,
        "privacy/explain.html",
        status,
        here="explain",
        typed=shown,
        roles={role: role_words(role) for role in _roles(site)},
        purposes=_PURPOSES,
        ways=WAYS,
        field=field,
        problem="" if problem is None else problem.sentence,
    )


def _roles(site: Privacy) -> list[str]:
    return sorted(site.explain_access.access.policy.roles, key=role_words)


def _first(visit: Visit) -> dict[str, str]:
    """Return what the form says at first: an ambulance crew, now."""
    assert visit.person is not None
    now = visit.now.astimezone(LONDON).strftime("%Y-%m-%dT%H:%M")
    return {
        "role": Role.AMBULANCE.value,
        "organisation": visit.person.organisation,
        "purpose": Purpose.TREAT.value,
        "at": now,
        "way": "usual",
    }


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:].rstrip('.')}." if text else ""
