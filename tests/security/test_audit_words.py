"""I17: whatever an entry holds, the person's own log names no section, no single resource and nobody of the staff."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fhir_profiles.sections import TIER, Section, Tier
from security.audit import AuditEntry, EventKind, Outcome
from security.audit_words import NOTICE_SENT, for_the_person, notice_sentence, organisation_words, sentence

UNTOLD_SECTIONS = tuple(section.value for section in Section if TIER[section] in (Tier.T5, Tier.T6, Tier.T7))
_NAMED: dict[str, Any] = {
    "user_id": "untold-user",
    "user_name": "Untold Name",
    "token_id": "untold-token",
    "device": "untold-device",
    "incident": "untold-incident",
    "self_claim_reason": "untold: called to the house",
    "break_glass_reason": "untold: found unconscious",
    "holder": "ZZUNTOLD9",
    "consents": ("Consent/untold/_history/1",),
}
_PLACING: dict[str, Any] = {
    "organisation": "ZZUNTOLD1",
    "client_id": "untold-client",
    "issuer": "untold-issuer",
    "policy_id": "untold-locality",
    "policy_version": "untold-7",
    "policy_hash": "untold-hash",
}
references = st.lists(
    st.sampled_from(["Observation/untold/_history/1", "Flag/untold", "AuditEvent", "Patient/p1"]), max_size=3
)
entries = st.builds(
    lambda named, placing, sections, **rest: AuditEntry(
        time="2026-11-28T10:00:00.000Z",
        request_id="r1",
        patient="Patient/p1",
        record="ab" * 16,
        reason="".join(sections),
        obligations=tuple(sections),
        search_parameters=tuple(sections),
        **{key: _NAMED[key] for key in named},
        **{key: _PLACING[key] for key in placing},
        **rest,
    ),
    st.sets(st.sampled_from(sorted(_NAMED))),
    st.sets(st.sampled_from(sorted(_PLACING))),
    st.lists(st.sampled_from(UNTOLD_SECTIONS), max_size=2),
    kind=st.sampled_from(EventKind),
    outcome=st.sampled_from(Outcome),
    interaction=st.sampled_from(["read", "search-type", "$emergency-summary", "$match", "update", "$break-glass"]),
    role=st.sampled_from(["gp", "ambulance", "patient", "proxy", "system", "privacy_officer", "chaplain", ""]),
    purpose=st.sampled_from(["TREAT", "ETREAT", "PATRQT", ""]),
    permitted=st.sampled_from([True, False, None]),
    rule=st.sampled_from(["3", "5.1", "2.6", "6", ""]),
    break_glass_basis=st.sampled_from(["", "unable_to_ask"]),
    relationship=st.sampled_from(["", "established", "self_claimed"]),
    decision_id=st.just("d1"),
    references=references.map(tuple),
)


@given(entries, st.booleans())
def test_i17_no_section_no_resource_no_staff_and_where_protected_no_organisation(entry: Any, hidden: bool) -> None:
    event = for_the_person(entry, "epaccs.example.org", "Untold Organisation" if hidden else "A Hospice", hidden=hidden)
    told = json.dumps(event).lower()
    for section in UNTOLD_SECTIONS:
        assert section not in told
    told = told.replace(entry.organisation.lower(), "") if entry.organisation and not hidden else told
    for value in _PLACING.values() if not hidden else ():
        told = told.replace(value.lower(), "")
    assert "untold" not in told
    assert "observation/" not in told
    assert "flag/" not in told


def test_a_notice_says_who_read_and_when_and_the_log_who_was_asked_to_tell() -> None:
    """In London time; neither names what was read, nor why the notice was carried."""
    said = notice_sentence("2026-07-28T02:30:00.000Z", "ambulance", "Example Ambulance")
    assert said == (
        "On 28 July 2026 at 03:30 an ambulance service (Example Ambulance) looked at your plan in an emergency."
    )
    assert organisation_words("unheard-of", "") == "a health or care service"
    carried = AuditEntry(
        time="2026-07-28T02:31:00.000Z",
        kind=EventKind.READ,
        outcome=Outcome.SUCCESS,
        request_id="r",
        interaction=NOTICE_SENT,
        role="system",
        purpose="PATADMIN",
        references=("AuditEvent/untold-7",),
    )
    assert sentence(carried, "Example Messages") == (
        "On 28 July 2026 at 03:31 a computer system of a health or care service (Example Messages) was asked to tell "
        "you that your plan was looked at in an emergency."
    )
