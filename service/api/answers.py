"""The only answers a FHIR route may give. Each is made from what `security.release` released, from a problem, or from a
public document; nothing else can become one, because `Answer` cannot be built outside this file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from email.utils import format_datetime
from typing import Any, Final

from starlette.responses import Response

from fhir_profiles import json
from fhir_profiles.canonical import code_system
from fhir_profiles.issues import Issue
from security.clock import parse_instant
from security.release import Held, Released
from service.api.negotiation import FHIR_JSON_UTF8
from service.record.access_log import LogPage
from service.record.emergency import REDACTED, enclosed
from service.record.find import Candidate, Household

_PROOF: Final = object()
PREDECESSOR: Final = "predecessor-version"
"""The link relation from a version to the one it replaced (RFC 5829)."""


MATCH_GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"


class Answer(Response):
    """A FHIR answer. Made by the functions of this file only."""

    def __init__(self, proof: object, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        if proof is not _PROOF:
            raise TypeError("answers are made by service.api.answers")
        super().__init__(body, status, dict(headers) if headers else None, media_type=FHIR_JSON_UTF8)


def resource(released: Released, *, status: int = 200, location: str | None = None, base: str = "") -> Answer:
    """Answer with the one released resource, its ETag and Last-Modified, and from `base` a link to what it replaced."""
    (item,) = released.items
    answer = _one(item, status, location)
    if base and item.predecessor:
        replaced = f"{base}/{item.type}/{item.id}/_history/{item.predecessor}"
        answer.headers["Link"] = f'<{replaced}>; rel="{PREDECESSOR}"'
    return answer


def _one(item: Held, status: int, location: str | None) -> Answer:
    headers = {"ETag": f'W/"{item.version}"', "Last-Modified": _http_date(item.last_updated)}
    if location is not None:
        headers["Location"] = location
    return Answer(_PROOF, status, item.body, headers)


def written(released: Released, *, status: int, location: str) -> Answer:
    """Answer a write with what its writer may read of it: the resource, or its ETag and address alone."""
    if len(released.items) == 1:
        return _one(released.items[0], status, location)
    return headers_only(status=status, location=location)


def headers_only(*, status: int, etag: int | None = None, location: str | None = None) -> Answer:
    """Answer without a body: `Prefer: return=minimal`, a deletion, or the bare id that rule 5.9a allows."""
    headers = {}
    if etag is not None:
        headers["ETag"] = f'W/"{etag}"'
    if location is not None:
        headers["Location"] = location
    return Answer(_PROOF, status, b"", headers)


def searchset(released: Released, base: str, self_url: str) -> Answer:
    """Answer a search. `total` counts what was released, so it tells nothing of what was not."""
    entries = [
        b'{"fullUrl":"%s/%s/%s","resource":%s,"search":{"mode":"match"}}'
        % (base.encode(), item.type.encode(), item.id.encode(), item.body)
        for item in released.items
    ]
    return _bundle("searchset", entries, released.redacted, self_url, total=len(entries))


def log_page(page: LogPage, base: str) -> Answer:
    """Answer a page of an access log; `next` leads on, and neither link repeats what was asked for."""
    address = f"{base}/AuditEvent"
    links = [{"relation": "self", "url": address}]
    if page.cursor:
        links.append({"relation": "next", "url": f"{address}?cursor={page.cursor}"})
    entries = [
        {"fullUrl": f"{address}/{event['id']}", "resource": event, "search": {"mode": "match"}} for event in page.events
    ]
    body: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "link": links}
    return Answer(_PROOF, 200, json.encode(body | ({"entry": entries} if entries else {})))


def matches(candidates: Sequence[Candidate], base: str, around: Household) -> Answer:
    """Answer $match: who may be meant, best first, each with FHIR's grade; the Patient as far as it was released.

    `around`: how many people with a plan live where the crew was sent; told as a number when nobody is shown.
    """
    entries, redacted = [], False
    for candidate in candidates:
        redacted = redacted or candidate.released.redacted
        for item in candidate.released.items:
            search = {
                "extension": [{"url": MATCH_GRADE, "valueCode": candidate.fit.grade.code}],
                "mode": "match",
                "score": candidate.fit.score,
            }
            entries.append(
                b'{"fullUrl":"%s/%s/%s","resource":%s,"search":%s}'
                % (base.encode(), item.type.encode(), item.id.encode(), item.body, json.encode(search))
            )
    total = len(entries)
    if around.people:
        text = (
            f"{around.people} with a plan at this address. An address does not say who somebody is: ask their name and "
            "date of birth, and look again."
        )
        if around.telephone:
            text += f" All of them give this telephone: {around.telephone}."
        issue = {"severity": "information", "code": "informational", "details": {"text": text}}
        outcome = json.encode({"resourceType": "OperationOutcome", "issue": [issue]})
        entries.append(b'{"resource":%s,"search":{"mode":"outcome"}}' % outcome)
    return _bundle("searchset", entries, redacted, f"{base}/Patient/$match", total=total)


def history(released: Released, base: str, address: str, deletion: int = 0) -> Answer:
    """Answer an instance history, newest first; each entry links to the version it replaced (RFC 5829).

    `address` is that of the resource below `base`. Version number `deletion` is no resource but the OperationOutcome of
    its deletion.
    """
    entries = []
    for item in released.items:
        deleted, url = item.version == deletion, f"{item.type}/{item.id}"
        method, status = ("DELETE", "204") if deleted else ("POST", "201") if item.version == 1 else ("PUT", "200")
        entry: dict[str, Any] = {"fullUrl": f"{base}/{url}"}
        if item.predecessor:
            entry["link"] = [{"relation": PREDECESSOR, "url": f"{base}/{url}/_history/{item.predecessor}"}]
        entry["request"] = {"method": method, "url": item.type if item.version == 1 else url}
        response = {"status": status, "etag": f'W/"{item.version}"', "lastModified": item.last_updated}
        outcome_of_deletion = b',"outcome":' + item.body if deleted else b""
        resource_then = b"" if deleted else b',"resource":' + item.body
        entries.append(
            b'%s%s,"response":%s%s}}'
            % (json.encode(entry)[:-1], resource_then, json.encode(response)[:-1], outcome_of_deletion)
        )
    return _bundle("history", entries, released.redacted, f"{base}/{address}/_history", total=len(entries))


def document(
    released: Released, first: bytes, entries: bytes | memoryview, *, identifier: str, as_of: str, version: int
) -> Answer:
    """Answer with a document Bundle: a Composition put together from released lines, then the released resources."""
    body = enclosed(released, first, entries, identifier=identifier, as_of=as_of, version=version)
    return Answer(_PROOF, 200, body)


def transaction(released: Released | None, responses: Iterable[tuple[str, Mapping[str, str]]]) -> Answer:
    """Answer a transaction: per entry (reference, response), with the resource where it was released to its writer."""
    bodies = {} if released is None else {f"{item.type}/{item.id}": item for item in released.items}
    entries = []
    for reference, response in responses:
        item = bodies.get(reference)
        fragment = b'"response":' + json.encode(dict(response))
        entries.append(b"{%s}" % (fragment if item is None else b'"resource":%s,%s' % (item.body, fragment)))
    body = b'{"resourceType":"Bundle","type":"transaction-response","entry":[%s]}' % b",".join(entries)
    return Answer(_PROOF, 200, body)


def outcome(
    status: int,
    issues: Sequence[Issue],
    *,
    headers: Mapping[str, str] | None = None,
    details: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Answer:
    """Answer with an OperationOutcome. `details` is a code of our own code system `outcome`."""
    rendered = []
    for issue in issues:
        item: dict[str, Any] = {"severity": issue.severity, "code": issue.code, "details": {"text": issue.text}}
        if details is not None:
            item["details"] = {"coding": [{"system": code_system("outcome"), "code": details}], "text": issue.text}
        if issue.expression:
            item["expression"] = [issue.expression]
        rendered.append(item)
    body = {"resourceType": "OperationOutcome", **(extra or {}), "issue": rendered}
    return Answer(_PROOF, status, json.encode(body), headers)


def public(body: Mapping[str, Any]) -> Answer:
    """Answer with a document that holds no person, such as the capability statement."""
    return Answer(_PROOF, 200, json.encode(dict(body)))


def own(document: Mapping[str, Any], *, status: int = 200, location: str | None = None) -> Answer:
    """Answer with what a client made for itself, a Subscription: only that client gets it, and it holds no plan."""
    meta = document["meta"]
    headers = {"ETag": f'W/"{meta["versionId"]}"', "Last-Modified": _http_date(meta["lastUpdated"])}
    if location is not None:
        headers["Location"] = location
    return Answer(_PROOF, status, json.encode(dict(document)), headers)


def own_searchset(found: Sequence[Mapping[str, Any]], self_url: str, *, base: str = "") -> Answer:
    """Answer with several such, or with how they stand; with `base` each has its address."""
    entries = []
    for one in found:
        address = {"fullUrl": f"{base}/{one['resourceType']}/{one['id']}"} if base else {}
        entries.append(json.encode({**address, "resource": dict(one), "search": {"mode": "match"}}))
    return _bundle("searchset", entries, False, self_url, total=len(entries))


def parameters(values: Mapping[str, str], *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer an operation that speaks of no person's content, such as opening an incident."""
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": name, "valueString": value} for name, value in values.items()],
    }
    return Answer(_PROOF, status, json.encode(body), headers)


def parameters_of(parts: list[dict[str, Any]]) -> Answer:
    """Answer an operation with parameters of any kind; like the others they speak of no person's content."""
    return Answer(_PROOF, 200, json.encode({"resourceType": "Parameters", "parameter": parts}))


def refused_text(body: bytes) -> Answer:
    """Give a writer its own refused text back, byte for byte as it sent it."""
    return Answer(_PROOF, 200, body)


def _bundle(kind: str, entries: list[bytes], redacted: bool, self_url: str, *, total: int) -> Answer:
    head: dict[str, Any] = {"resourceType": "Bundle"}
    if redacted:
        head["meta"] = {"security": [REDACTED]}
    head |= {"type": kind, "total": total, "link": [{"relation": "self", "url": self_url}]}
    tail = b',"entry":[%s]}' % b",".join(entries) if entries else b"}"
    return Answer(_PROOF, 200, json.encode(head)[:-1] + tail)


def _http_date(instant: str) -> str:
    return format_datetime(parse_instant(instant), usegmt=True)
