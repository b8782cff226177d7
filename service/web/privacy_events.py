"""AuditEvents as a privacy officer reads them: one row each, in plain words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from security.audit_words import LOG
from security.principal import Role
from service.web.dates import short
from service.web.privacy_words import (
    BASES,
    DEEDS,
    OUTCOMES,
    PURPOSES,
    RELATIONSHIPS,
    role_words,
    rule_words,
)

Json = dict[str, Any]

_PERSON, _ORGANISATION = "IRCP", "PROV"


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of the log. What does not apply is empty; `facts` are names and values for who looks closer."""

    time: str
    organisation: str
    person: str
    user: str
    role: str
    purpose: str
    deed: str
    relationship: str
    self_claim: str
    break_glass: str
    given: bool
    outcome: str
    rule: str
    rule_words: str
    facts: tuple[tuple[str, str], ...]


def rows(events: Iterable[Json]) -> list[Row]:
    """Return the rows of events, in their order."""
    return [row(event) for event in events]


def row(event: Json) -> Row:
    """Return an AuditEvent (`security.audit_event`) as a row."""
    told = dict(_details(event))
    person, organisation = _agent(event, _PERSON), _agent(event, _ORGANISATION)
    outcome = str(event.get("outcome", ""))
    rule = told.get("rule", "")
    return Row(
        time=short(str(event.get("recorded", "")), clock=True),
        organisation=_value(organisation),
        person=str(person.get("name", "")),
        user=_value(person),
        role=role_words(str(person["role"][0]["text"])) if person.get("role") else role_words("system"),
        purpose=_purpose(event),
        deed=_deed(event),
        relationship=RELATIONSHIPS.get(told.get("relationship", ""), ""),
        self_claim=told.get("self-claim-reason", ""),
        break_glass=_glass(told),
        given=outcome == "0",
        outcome=OUTCOMES.get(outcome, outcome),
        rule=rule,
        rule_words=_sentence(str(event.get("outcomeDesc", ""))) or rule_words(rule),
        facts=tuple(_facts(event, told)),
    )


def _details(event: Json) -> Iterator[tuple[str, str]]:
    for entity in event.get("entity", ()):
        for one in entity.get("detail", ()):
            yield str(one["type"]), str(one.get("valueString", ""))


def _agent(event: Json, code: str) -> Json:
    """Return the agent of a kind, empty for none."""
    for agent in event.get("agent", ()):
        if any(coding.get("code") == code for coding in agent.get("type", {}).get("coding", ())):
            return dict(agent)
    return {}


def _value(agent: Json) -> str:
    return str(agent.get("who", {}).get("identifier", {}).get("value", ""))


def _purpose(event: Json) -> str:
    codes = [coding["code"] for one in event.get("purposeOfEvent", ()) for coding in one.get("coding", ())]
    return ", ".join(PURPOSES.get(code, code) for code in codes)


def _deed(event: Json) -> str:
    """Return what was done; of a refusal is written down that it was asked, and not for what."""
    subtype = event["subtype"][0] if event.get("subtype") else {}
    word = str(subtype.get("display") or subtype.get("code", ""))
    if str(subtype.get("code", "")).startswith("AuthZ"):
        return "Asked for access"
    # the one thing that a privacy officer may search is the log itself (rule 2.2)
    by_officer = any(one.get("text") == Role.PRIVACY_OFFICER for one in _agent(event, _PERSON).get("role", ()))
    return DEEDS[LOG] if by_officer and word == "search-type" else DEEDS.get(word, word)


def _references(event: Json) -> Iterator[str]:
    for entity in event.get("entity", ()):
        if reference := entity.get("what", {}).get("reference"):
            yield str(reference)


def _glass(told: dict[str, str]) -> str:
    basis, reason = told.get("break-glass-basis", ""), told.get("break-glass-reason", "")
    return ": ".join(part for part in (BASES.get(basis, basis), reason) if part)


def _facts(event: Json, told: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Return what an enquiry quotes: ids that mean nothing outside, and versions."""
    patient = next((one for one in _references(event) if one.startswith("Patient/")), "").partition("/_history")[0]
    consents = ", ".join(one for one in _references(event) if one.startswith("Consent/"))
    policy = " version ".join(part for part in (told.get("policy", ""), told.get("policy-version", "")) if part)
    for name, value in (
        ("Record", patient),
        ("Sharing choice", told.get("consent-state", "").replace("_", " ")),
        ("Consents used", consents),
        ("Incident", told.get("incident", "")),
        ("Assurance of the sign-in", told.get("assurance", "")),
        ("Policy", policy),
        ("Decision", told.get("decision", "")),
        ("Entry", str(event.get("id", ""))),
    ):
        if value:
            yield name, value


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:].rstrip('.')}." if text else ""
