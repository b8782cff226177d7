"""Examples of Bundles and Parameters, made from the examples of resources."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM, ODS_SYSTEM
from fhir_profiles.sections import section_of
from security.audit import AuditEntry, EventKind, Outcome
from security.audit_event import numbered
from security.audit_words import for_the_person
from service.api.negotiation import FHIR_JSON
from service.api.openapi.examples import NHS_NUMBER, RECORDED, SUBJECT, examples, identifier_of, stored
from service.plan.lines import plan_lines
from service.plan.summary import Wording, compose
from service.sync.subscribed import FILTER_CRITERIA, PAYLOAD_CONTENT, TOPIC
from service.sync.subscriptions import Kind, Standing, status_of

Json = dict[str, Any]

FHIR_BASE = "https://plans.example.org/fhir/R4"
_NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def searchset(resource: Json) -> Json:
    """Return the answer to a search that found one resource."""
    kind = resource["resourceType"]
    entry = {"fullUrl": _address(resource), "resource": stored(resource), "search": {"mode": "match"}}
    return _answered("searchset", f"{FHIR_BASE}/{kind}", entry)


def log_page() -> Json:
    """Return a page of a person's own log: a crew looked at night."""
    entry = AuditEntry(
        time="2026-11-23T03:00:12.000Z",
        kind=EventKind.READ,
        outcome=Outcome.SUCCESS,
        request_id="5f0c1e7a9b7d4c0e8a51d2b4c3e6f708",
        interaction="$emergency-summary",
        client_id="example-ambulance",
        organisation="ZZAMB1",
        role="ambulance",
        purpose="ETREAT",
        permitted=True,
        patient=SUBJECT["reference"],
    )
    event = for_the_person(entry, "plans.example.org", "Example Ambulance Service", hidden=False)
    event = numbered(event, f"{'1f' * 16}-4711", 4711)
    address = f"{FHIR_BASE}/AuditEvent"
    links = [
        {"relation": "self", "url": address},
        {"relation": "next", "url": f"{address}?cursor=RVBTMQAx"},
    ]
    shown = {"fullUrl": f"{address}/{event['id']}", "resource": event, "search": {"mode": "match"}}
    return {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": [shown]}


def subscription() -> Json:
    """Return a Subscription as a client sends it: told of one person, by references alone."""
    filtered = {"url": FILTER_CRITERIA, "valueString": f"Observation?patient={SUBJECT['reference']}"}
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "The ward round wants to know of changed decisions",
        "criteria": TOPIC,
        "_criteria": {"extension": [filtered]},
        "channel": {
            "type": "rest-hook",
            "endpoint": "https://ward.example.org/notified",
            "payload": FHIR_JSON,
            "_payload": {"extension": [{"url": PAYLOAD_CONTENT, "valueCode": "id-only"}]},
            "header": ["Authorization: Bearer a-word-of-your-own"],
        },
    }


def subscription_stored() -> Json:
    """Return the same as the service answers it."""
    return stored(subscription())


def subscriptions() -> Json:
    """Return the answer to a search of one's own."""
    return searchset(subscription())


def subscription_status() -> Json:
    """Return how it stands."""
    standing = Standing(f"Subscription/{identifier_of('Subscription')}", "active", 17)
    entry = {"resource": status_of(standing, Kind.QUERY_STATUS, FHIR_BASE), "search": {"mode": "match"}}
    return _answered("searchset", f"{FHIR_BASE}/Subscription/$status", entry)


def history(resource: Json) -> Json:
    """Return the history of a resource that has one version."""
    kind = resource["resourceType"]
    entry = {
        "fullUrl": _address(resource),
        "resource": stored(resource),
        "request": {"method": "POST", "url": kind},
        "response": {"status": "201", "etag": 'W/"1"', "lastModified": RECORDED},
    }
    return _answered("history", f"{_address(resource)}/_history", entry)


def transaction() -> Json:
    """Return a small plan as a transaction: the person, who decided, and the decision on CPR, each with a URN."""
    kinds = ("Patient", "Practitioner", "Observation")
    urns = {f"{kind}/{identifier_of(kind)}": f"urn:uuid:{identifier_of(kind)}" for kind in kinds}
    entries = [
        {
            "fullUrl": f"urn:uuid:{identifier_of(kind)}",
            "resource": _referring(_without_organisation(examples()[kind]), urns),
            "request": {"method": "POST", "url": kind},
        }
        for kind in kinds
    ]
    entries[0]["request"] = {
        "method": "POST",
        "url": "Patient",
        "ifNoneExist": f"identifier={NHS_NUMBER_SYSTEM}|{NHS_NUMBER}",
    }
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def transaction_response() -> Json:
    """Return the answer to the transaction under `Prefer: return=minimal`."""
    entries = [
        {
            "response": {
                "status": "201 Created",
                "location": f"{kind}/{identifier_of(kind)}/_history/1",
                "etag": 'W/"1"',
                "lastModified": RECORDED,
            }
        }
        for kind in ("Patient", "Practitioner", "Observation")
    ]
    return {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}


def emergency_answer() -> Json:
    """Return the emergency answer for a person of whom only the decision on CPR and the ceiling are recorded."""
    resources = [stored(examples()[kind]) for kind in ("Patient", "Observation", "CarePlan")]
    lines = plan_lines([(resource, section_of(resource)) for resource in resources])
    wording = Wording.of("Phone the 24-hour number.")
    composition = compose(lines, frozenset(), _NOW, subject=SUBJECT["reference"], version="3", wording=wording)
    name = f"urn:uuid:{identifier_of('emergency answer')}"
    entries = [{"fullUrl": name, "resource": msgspec.json.decode(composition)}]
    entries += [{"fullUrl": _address(resource), "resource": resource} for resource in resources]
    return {
        "resourceType": "Bundle",
        "meta": {"versionId": "3"},
        "identifier": {"system": "urn:ietf:rfc:3986", "value": name},
        "type": "document",
        "timestamp": "2026-11-23T09:00:00.000Z",
        "entry": entries,
    }


def parameters(*values: tuple[str, Any]) -> Json:
    """Return Parameters: text as valueString, an Identifier as valueIdentifier."""
    rows = [
        {"name": name, "valueString" if isinstance(value, str) else "valueIdentifier": value} for name, value in values
    ]
    return {"resourceType": "Parameters", "parameter": rows}


def asked_of_emergency_summary() -> Json:
    """Return the question of a crew at the door."""
    return parameters(("nhsNumber", {"system": NHS_NUMBER_SYSTEM, "value": NHS_NUMBER}))


def break_glass() -> Json:
    """Return the question of a paramedic who is refused, and whose patient cannot be asked."""
    asked = parameters(("nhsNumber", {"system": NHS_NUMBER_SYSTEM, "value": NHS_NUMBER}))
    asked["parameter"] += [
        {"name": "birthDate", "valueDate": "1940-05-06"},
        {"name": "basis", "valueCode": "unable_to_ask"},
        {"name": "reason", "valueString": "Found unconscious at home, nobody else there"},
    ]
    return asked


def explain_access() -> Json:
    """Return a privacy officer's question."""
    asked = parameters(("nhsNumber", {"system": NHS_NUMBER_SYSTEM, "value": NHS_NUMBER}))
    asked["parameter"] += [
        {"name": "role", "valueCode": "ambulance"},
        {"name": "organization", "valueString": "ZZAMB1"},
        {"name": "purpose", "valueCode": "TREAT"},
        {"name": "user", "valueString": "zz-ambulance-1"},
    ]
    return asked


def explanation() -> Json:
    """Return the beginning of its answer."""
    section = [
        {"name": "section", "valueString": "cpr_decision"},
        {"name": "tier", "valueString": "T1"},
        {"name": "open", "valueBoolean": False},
        {"name": "rule", "valueString": "2.5"},
        {"name": "reason", "valueString": "the caller has no relationship with this person"},
    ]
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "http", "valueInteger": 404},
            {"name": "permitted", "valueBoolean": False},
            {"name": "rule", "valueString": "2.5"},
            {"name": "reason", "valueString": "the caller has no relationship with this person"},
            {"name": "obligation", "valueCode": "audit"},
            {"name": "section", "part": section},
        ],
    }


def copies_held() -> Json:
    """Return a privacy officer's question about copies."""
    whom = {"name": "patient", "valueReference": {"reference": SUBJECT["reference"]}}
    return {"resourceType": "Parameters", "parameter": [whom]}


def answer_as_given() -> Json:
    """Return a privacy officer's question about an answer that was given."""
    asked = copies_held()
    asked["parameter"].append({"name": "event", "valueString": "AuditEvent/3f9c2b1a7d"})
    return asked


def copies() -> Json:
    """Return its answer."""
    part = [
        {"name": "code", "valueIdentifier": {"system": ODS_SYSTEM, "value": "ZZAMB1"}},
        {"name": "first", "valueInstant": RECORDED},
        {"name": "last", "valueInstant": RECORDED},
        {"name": "times", "valueInteger": 1},
    ]
    return {"resourceType": "Parameters", "parameter": [{"name": "organization", "part": part}]}


def match_question() -> Json:
    """Return what is known of somebody at the door who has no NHS number at hand."""
    known = {
        "resourceType": "Patient",
        "name": [{"family": "Testley", "given": ["Ada"]}],
        "birthDate": "1940-05-06",
    }
    return {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": known}]}


def matches() -> Json:
    """Return the answer that shows one person who may be meant."""
    found = searchset(examples()["Patient"])
    grade = {"url": "http://hl7.org/fhir/StructureDefinition/match-grade", "valueCode": "probable"}
    found["entry"][0]["search"] = {"extension": [grade], "mode": "match", "score": 0.429}
    return {**found, "link": [{"relation": "self", "url": f"{FHIR_BASE}/Patient/$match"}]}


def incident() -> Json:
    """Return what a control room sends to open an incident."""
    return parameters(
        ("nhsNumber", {"system": NHS_NUMBER_SYSTEM, "value": NHS_NUMBER}),
        ("organization", {"system": ODS_SYSTEM, "value": "ZZAMB1"}),
        ("incident", "CAD-20261123-0417"),
    )


def incident_opened() -> Json:
    """Return the answer to an opened incident: its id, and when it ends by itself."""
    return parameters(("id", identifier_of("incident")), ("expires", "2026-11-23T21:00:00.000Z"))


def incident_id() -> Json:
    """Return what closes an incident."""
    return parameters(("id", identifier_of("incident")))


def incident_closed() -> Json:
    """Return the answer to a closed incident."""
    return parameters(("id", identifier_of("incident")), ("closed", "2026-11-23T09:40:00.000Z"))


def crew_link() -> Json:
    """Return the address for a crew, and when it ends."""
    address = f"https://plans.example.org/crew/i/{'Zk3vYxq7' * 4}"
    return parameters(("url", address), ("expires", "2026-11-23T11:00:00.000Z"))


def _answered(kind: str, address: str, entry: Json) -> Json:
    link = [{"relation": "self", "url": address}]
    return {"resourceType": "Bundle", "type": kind, "total": 1, "link": link, "entry": [entry]}


def _address(resource: Json) -> str:
    kind = resource["resourceType"]
    return f"{FHIR_BASE}/{kind}/{identifier_of(kind)}"


def _without_organisation(resource: Json) -> Json:
    return {key: value for key, value in resource.items() if key != "generalPractitioner"}


def _referring(resource: Json, urns: dict[str, str]) -> Json:
    """Return a copy whose references lead to entries of the same Bundle."""
    text = msgspec.json.encode(resource).decode()
    for reference, urn in urns.items():
        text = text.replace(f'"{reference}"', f'"{urn}"')
    copied: Json = msgspec.json.decode(text)
    return copied
