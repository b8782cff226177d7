"""An audit entry told to the person it is about: in lay words, without what the law or their safety keeps from them.

Guarantees (I17, 5.6): no section is named and no single resource, so nothing tells of a safeguarding entry or of one
that is not for the patient; where the person's whereabouts are protected no organisation, system, address or
policy of a locality is named.
No staff are named, and no reason that staff typed is shown: what they wrote in haste may speak of others.
"""

from __future__ import annotations

from html import escape
from typing import Any

import msgspec

from security.audit import AuditEntry, EventKind, Outcome
from security.audit_event import to_audit_event
from security.clock import LONDON, parse_instant

Json = dict[str, Any]

ORGANISATIONS = {
    "gp": "a GP practice",
    "hospice": "a hospice",
    "community": "a community nursing team",
    "hospital": "a hospital",
    "ambulance": "an ambulance service",
    "nhs111": "NHS 111",
    "care_home": "a care home",
    "social_care": "a social care service",
    "proxy": "somebody who acts for you",
    "admin": "the office of a health or care service",
    "system": "a computer system of a health or care service",
    "privacy_officer": "a privacy officer",
}
_SOMEBODY = "a health or care service"
_PURPOSES = {
    "TREAT": "for your care",
    "ETREAT": "for your emergency care",
    "PATRQT": "at your request",
    "FAMRQT": "on your behalf",
    "PATADMIN": "for administration",
    "HCOMPL": "to check how your plan is used",
}
_DEEDS = {
    EventKind.READ: ("looked at your plan", "look at your plan"),
    EventKind.QUERY: ("searched your plan", "search your plan"),
    EventKind.CREATE: ("added to your plan", "add to your plan"),
    EventKind.UPDATE: ("changed your plan", "change your plan"),
    EventKind.DELETE: ("removed something from your plan", "remove something from your plan"),
}
_EMERGENCY = ("looked at the emergency summary of your plan", "look at the emergency summary of your plan")
_LOOKED_FOR = ("looked for your plan by what was known of you", "look for your plan by what was known of you")
_LOG = ("looked at the list of who used your plan", "look at the list of who used your plan")
_NOTICED = (
    "was asked to tell you that your plan was looked at in an emergency",
    "tell you that your plan was looked at in an emergency",
)
_XHTML = "http://www.w3.org/1999/xhtml"
LOG = "AuditEvent"
"""What an entry names in `references` when somebody read the log itself."""
NOTICE_SENT = "$notice-send"
"""The interaction of an entry that says that a notice to the person was handed to whoever carries it."""


def sentence(entry: AuditEntry, organisation: str) -> str:
    """Return what happened, for the person: when, who, what, why. `organisation` is its name, empty when not shown."""
    who = "you" if entry.role == "patient" else organisation_words(entry.role, organisation)
    done, tried = _deed(entry)
    why = "" if entry.interaction == NOTICE_SENT else _PURPOSES.get(entry.purpose, "")
    refused = entry.permitted is False or entry.outcome is Outcome.REFUSED
    did = f"asked to {tried} and did not get it" if refused else done
    told = f"{_on(entry.time)} {who} {did}{f', {why}' if why else ''}."
    if entry.break_glass_basis:
        told += " They used emergency access, which is checked by their privacy officer."
    elif entry.self_claim_reason:
        told += " They said that they were caring for you, which is checked by their privacy officer."
    return told


def organisation_words(role: str, name: str) -> str:
    """Return which organisation acted, by the role in it; `name` is its name, empty when not shown."""
    return ORGANISATIONS.get(role, _SOMEBODY) + (f" ({name})" if name else "")


def notice_sentence(time: str, role: str, name: str) -> str:
    """Return what a notice of an emergency read tells, as `sentence` does, with nothing of what was read or why."""
    return f"{_on(time)} {organisation_words(role, name)} looked at your plan in an emergency."


def for_the_person(entry: AuditEntry, server: str, name: str, *, hidden: bool) -> Json:
    """Return an entry as the AuditEvent that its person may see.

    `name`: the organisation's name or code; `hidden`: the person's whereabouts are protected, so none may be shown.
    """
    shown = msgspec.structs.replace(
        entry,
        user_id="",
        user_name="",
        token_id="",
        device="",
        incident="",
        reason="",
        rule="",
        self_claim_reason="",
        break_glass_basis="",
        break_glass_reason="",
        obligations=(),
        consents=(),
        references=(),
        search_parameters=(),
        record="",
        sequence=0,
        holder="",
        relationship="",
    )
    if hidden:
        # A locality's policy says where the person is, as an organisation does.
        places = ("organisation", "client_id", "issuer", "policy_id", "policy_version", "policy_hash")
        shown = msgspec.structs.replace(shown, **dict.fromkeys(places, ""))
    told = sentence(entry, "" if hidden else name)
    event = to_audit_event(shown, server)
    text = {"status": "generated", "div": f'<div xmlns="{_XHTML}"><p>{escape(told)}</p></div>'}
    for agent in event["agent"]:
        if agent["who"]["identifier"].get("value") == entry.organisation and name and not hidden:
            agent["name"] = name
    return {"resourceType": LOG, "text": text, **event}


def _on(time: str) -> str:
    when = parse_instant(time).astimezone(LONDON)
    return f"On {when.day} {when:%B %Y at %H:%M}"


def _deed(entry: AuditEntry) -> tuple[str, str]:
    if LOG in entry.references:
        return _LOG
    if entry.interaction == "$emergency-summary":
        return _EMERGENCY
    if entry.interaction == NOTICE_SENT:
        return _NOTICED
    if entry.interaction == "$match":
        return _LOOKED_FOR
    return _DEEDS.get(entry.kind, _DEEDS[EventKind.READ])
