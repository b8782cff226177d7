"""What each interaction and operation takes and answers, one row each. The resource type fills in the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Content(NamedTuple):
    """A body in FHIR JSON. No schema: the route's own type. `{}` in `example` stands for that type."""

    example: str
    schema: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """`parameters` and `headers` are names of components, `refusals` statuses beyond those of every route.

    `page` is the place in FHIR's page on http, `words` say what no page of FHIR does.
    """

    status: int
    answer: Content | None = None
    body: Content | None = None
    parameters: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    refusals: tuple[int, ...] = ()
    page: str = ""
    words: str = ""


RECORDED = ("ETag", "LastModified")
_STORED = Content("{}-stored")
_POSTED = ("IdempotencyKey", "Prefer")
_WRITE = (400, 404, 412, 413, 415, 422)
_ASKED = (400, 413, 415, 422)

SHAPES: Mapping[str, Shape] = {
    "read": Shape(200, _STORED, parameters=("Id",), headers=RECORDED, refusals=(404, 410), page="read"),
    "vread": Shape(200, _STORED, parameters=("Id", "VersionId"), headers=RECORDED, refusals=(404, 410), page="vread"),
    "history-instance": Shape(200, Content("history", "Bundle"), parameters=("Id",), refusals=(404,), page="history"),
    "search-type": Shape(200, Content("{}-searchset", "Bundle"), refusals=(400, 429), page="search"),
    "create": Shape(
        201,
        _STORED,
        Content("{}"),
        parameters=_POSTED,
        headers=(*RECORDED, "Location"),
        refusals=(*_WRITE, 429),
        page="create",
    ),
    "update": Shape(
        200,
        _STORED,
        _STORED,
        parameters=("Id", "IfMatch", "Prefer"),
        headers=RECORDED,
        refusals=(*_WRITE, 410, 428),
        page="update",
    ),
    "delete": Shape(
        204,
        parameters=("Id", "IfMatch", "XProvenance"),
        headers=("ETag",),
        refusals=(400, 404, 410, 412, 422, 428),
        page="delete",
    ),
    "transaction": Shape(
        200,
        Content("transaction-response", "Bundle"),
        Content("transaction", "Bundle"),
        parameters=_POSTED,
        refusals=(*_WRITE, 409, 410, 428, 429),
        page="transaction",
        words="Each entry needs the scope that it would need by itself.",
    ),
    "$emergency-summary": Shape(
        200,
        Content("emergency-answer", "Bundle"),
        Content("emergency-question", "Parameters"),
        refusals=(*_ASKED, 404, 429),
        words=(
            "The NHS number goes in the body, so that it is in no address and no log; whoever has none is named by "
            "`patient`, a reference that $match gave. The answer is a document: a "
            "Composition with one section for each thing a crew must know, each recorded, not recorded, or withheld or "
            "unavailable; then the resources that it was made from."
        ),
    ),
    "$break-glass": Shape(
        200,
        Content("emergency-answer", "Bundle"),
        Content("break-glass", "Parameters"),
        headers=("EmergencyAccess", "EmergencyAccessUntil"),
        refusals=(*_ASKED, 404),
        words=(
            "By a named clinician who signed in with two factors. Number and birth date are repeated, and must be the "
            "record's; `basis` is lacks_capacity, unable_to_ask or public_interest (with `senior`); `reason` has ten "
            "characters or more. Nobody needs to know whether there is a plan. The answer's header Emergency-Access, "
            "sent with what is read next, opens as much of this person's record until the other header says. Every "
            "use and every refusal reaches a privacy officer."
        ),
    ),
    "$explain-access": Shape(
        200,
        Content("explanation", "Parameters"),
        Content("explain-access", "Parameters"),
        refusals=(*_ASKED, 404),
        words=(
            "For privacy officers, within their scope: the same decision that the service makes, for somebody who is "
            "only supposed (`role`, `organization`, `purpose`; `user`, `assurance`, `incident`, `selfClaimReason`, "
            "`basis`, `reason`, `senior` and `at` where they matter). Every section is explained, whether or not there "
            "is anything in it."
        ),
    ),
    "$copies-held": Shape(
        200,
        Content("copies", "Parameters"),
        Content("copies-held", "Parameters"),
        refusals=(*_ASKED, 404),
        words=(
            "For privacy officers who watch over the organisation that holds the record: whoever was given something "
            "of the plan, and may be asked to remove it after the person has withdrawn."
        ),
    ),
    "$answer-as-given": Shape(
        200,
        Content("emergency-answer", "Bundle"),
        Content("answer-as-given", "Parameters"),
        refusals=(*_ASKED, 404),
        words=(
            "For privacy officers, within their scope: what a crew was told once, by the entry of the access log "
            "(`event`, an AuditEvent of $emergency-summary or $break-glass). The record is put together as it stood "
            "then and the decision made again; where it is not the one that was written down, 422 and no answer. When "
            "sources were heard from is left out, for that is not kept."
        ),
    ),
    "$match": Shape(
        200,
        Content("matches", "Bundle"),
        Content("match-question", "Parameters"),
        refusals=(*_ASKED, 429),
        words=(
            "What is known of the person goes in the body as a Patient: names (nickname too), birth date (a year will "
            "do), addresses, telephones, identifiers. The answer holds those whom the caller may know of, best first, "
            "each with a match-grade; it never says that somebody is the one. An address alone finds nobody."
        ),
    ),
    "$open-incident": Shape(
        201,
        Content("incident-opened", "Parameters"),
        Content("incident", "Parameters"),
        refusals=_ASKED,
        words=(
            "By a control room, for the organisation that attends. Whom it is about is said by NHS number or, if that "
            "is not known, by `patient`, a Patient with what is known, an address alone at the least. `crew`, which "
            "may come several times, names the people who are sent by their user ids; without it anybody of the "
            "organisation is. The answer is the same with or without a plan."
        ),
    ),
    "$close-incident": Shape(
        200,
        Content("incident-closed", "Parameters"),
        Content("incident-id", "Parameters"),
        refusals=(*_ASKED, 404),
        words="By the control room that opened it, with the id that it was given.",
    ),
    "$crew-link": Shape(
        201,
        Content("crew-link", "Parameters"),
        Content("incident-id", "Parameters"),
        refusals=(*_ASKED, 404),
        words=(
            "By the control room that opened the incident, with the id that it was given. The address holds nothing of "
            "the person, is good for two hours or until the incident ends, and opens for signed-in crews of the "
            "organisation that the incident names."
        ),
    ),
    "$status": Shape(
        200,
        Content("Subscription-status", "Bundle"),
        refusals=(400, 404),
        words=(
            "Of one, or of all of yours: a Bundle (searchset) with one Parameters for each, as notifications have it. "
            "`id` and `status` choose among them."
        ),
    ),
    "$refused-text": Shape(
        200,
        Content("Observation"),
        parameters=("RefusedTextId",),
        refusals=(400, 404),
        words="For seven days, to the client that sent it; the refusal (412) names the id.",
    ),
}
"""Every interaction and operation that is routed."""

_OWN_WRITE = (400, 404, 413, 415, 422)

OF_CLIENTS_OWN: Mapping[str, Shape] = {
    "read": Shape(200, _STORED, parameters=("Id",), headers=RECORDED, refusals=(404,), page="read"),
    "create": Shape(
        201,
        _STORED,
        Content("{}"),
        parameters=("Prefer",),
        headers=(*RECORDED, "Location"),
        refusals=_OWN_WRITE,
        page="create",
        words=(
            "By a system, with a token that names no person. It is `requested` until its endpoint has taken a "
            "handshake, a quarter of a minute later."
        ),
    ),
    "update": Shape(
        200,
        _STORED,
        _STORED,
        parameters=("Id", "IfMatch", "Prefer"),
        headers=RECORDED,
        refusals=(*_OWN_WRITE, 412, 428),
        page="update",
        words="It is `requested` again, or `off` if that is what is sent.",
    ),
    "delete": Shape(204, parameters=("Id",), refusals=(404,), page="delete"),
}
"""The same of what belongs to a client, where it differs from what belongs to a person's record."""
