"""The words in which the pages for privacy officers speak of codes. Pure; what is not known is shown as it is."""

from __future__ import annotations

from collections.abc import Mapping

from fhir_profiles.sections import Section, Tier
from security.audit_words import LOG
from security.principal import Purpose
from service.record.alerts import AlertKind, AlertState

KINDS: Mapping[AlertKind, str] = {
    AlertKind.BREAK_GLASS: "Emergency access",
    AlertKind.FAILED_BREAK_GLASS: "Emergency access refused",
    AlertKind.SELF_CLAIM: "Claimed relationship",
    AlertKind.PROTECTED_PERSON: "Protected whereabouts",
    AlertKind.GUESS_LIMIT: "Too many look-ups in vain",
    AlertKind.NOT_DELIVERED: "Not delivered to a partner",
    AlertKind.REMOVAL_UNCONFIRMED: "Removal not confirmed",
    AlertKind.NOT_TOLD: "Person not told",
}
"""Each kind of alert, in the order in which they are offered."""

WHY: Mapping[AlertKind, str] = {
    AlertKind.BREAK_GLASS: (
        "Somebody opened what was closed to them, in an emergency, and gave a reason. Every such access is looked at "
        "afterwards, whether or not it was needed."
    ),
    AlertKind.FAILED_BREAK_GLASS: (
        "Somebody asked for emergency access and did not get it. Each try is looked at, because it may be misuse, or a "
        "crew that was held up."
    ),
    AlertKind.SELF_CLAIM: (
        "Somebody said that they were caring for the person, and nothing that is registered here says so. The claim "
        "holds for 24 hours."
    ),
    AlertKind.PROTECTED_PERSON: (
        "Somebody was refused the record of a person whose whereabouts are protected. Who looks for such a person may "
        "be looking for where they live."
    ),
    AlertKind.GUESS_LIMIT: (
        "Somebody looked for too many people who were not theirs to find. They get no further look-ups for a quarter "
        "of an hour, save where their relationship is established."
    ),
    AlertKind.NOT_DELIVERED: (
        "A partner has not been told, within minutes, of something that must not wait. Until it is, its system may "
        "show what holds no more. Ask who answers for the partner to tell it another way."
    ),
    AlertKind.REMOVAL_UNCONFIRMED: (
        "An organisation that may hold a copy has not confirmed that it removed it, or no system can ask it to. Ask "
        "who answers for it to see that it is done."
    ),
    AlertKind.NOT_TOLD: (
        "A person should have been told within 24 hours that their plan was read in an emergency, and the service that "
        "carries such notices has not taken it. It is still tried for a week. See that they are told, unless that "
        "would harm them."
    ),
}

OF_PARTNERS = frozenset({AlertKind.NOT_DELIVERED, AlertKind.REMOVAL_UNCONFIRMED, AlertKind.NOT_TOLD})
"""Kinds by which nobody is accused: `user_id` is who answers for the partner, and `rule` why it had to be told."""

WHY_TOLD: Mapping[str, str] = {
    "revocation": "A decision was revoked, ended or deleted.",
    "withdrawal": "What may be shared, or with whom, was changed.",
    "death": "The person died, or is known not to have died after all.",
    "decision": "A decision was made or changed.",
    "change": "Something in the plan was changed.",
    "notice": "The person's plan was read in an emergency.",
    "incident": "An incident was opened, and who attends waits for the answer.",
}
"""What a partner had to be told of, by its word."""

STATES: Mapping[AlertState, str] = {
    AlertState.NEW: "New",
    AlertState.ACKNOWLEDGED: "Acknowledged",
    AlertState.CLOSED: "Closed",
}

ROLES: Mapping[str, str] = {
    "gp": "GP",
    "nhs111": "NHS 111",
    "ambulance": "ambulance crew",
    "hospice": "hospice clinician",
    "community": "community clinician",
    "hospital": "hospital clinician",
    "care_home": "care home staff",
    "admin": "receptionist or clerk",
    "patient": "the person themselves",
    "proxy": "somebody who acts for the person",
    "system": "computer system, no person named",
}

PURPOSES: Mapping[str, str] = {
    Purpose.TREAT: "care",
    Purpose.ETREAT: "emergency care",
    Purpose.PATRQT: "the person's own request",
    Purpose.FAMRQT: "on the person's behalf",
    Purpose.PATADMIN: "administration",
    Purpose.HCOMPL: "checking how plans are used",
}

RELATIONSHIPS: Mapping[str, str] = {
    "established": "Established",
    "self_claimed": "Claimed by the caller, not registered",
    "none": "None",
}

TIERS: Mapping[Tier, str] = {
    Tier.T0: "identity",
    Tier.T1: "critical",
    Tier.T2: "clinical",
    Tier.T3: "personal",
    Tier.T4: "sensitive",
    Tier.T5: "safeguarding",
    Tier.T6: "not for the patient",
    Tier.T7: "restricted by law",
    Tier.L: "location",
}

_SECTIONS: Mapping[Section, str] = {
    Section.CPR_DECISION: "CPR decision",
    Section.ADRT: "Advance decision (ADRT)",
    Section.LPA_HEALTH_WELFARE: "Attorney for health and welfare (LPA)",
    Section.UNKNOWN: "What belongs to no known section",
    Section.THIRD_PARTY: "About somebody else",
    Section.HARM_TO_PATIENT: "Harm to the person if they knew",
}

BASES: Mapping[str, str] = {
    "lacks_capacity": "the person lacks capacity",
    "unable_to_ask": "the person could not be asked",
    "public_interest": "public interest",
}

DEEDS: Mapping[str, str] = {
    "read": "Read a part of a plan",
    "vread": "Read an earlier version",
    "history-instance": "Read the history of a part of a plan",
    "search-type": "Searched",
    "create": "Wrote something new",
    "update": "Changed something",
    "delete": "Deleted something",
    "transaction": "Wrote to a plan",
    "$emergency-summary": "Read the emergency summary",
    "$break-glass": "Read the emergency summary by emergency access",
    "$match": "Looked for a person by what is known of them",
    "$alerts": "Looked at alerts",
    "$acknowledge-alert": "Acknowledged an alert",
    "$close-alert": "Closed an alert",
    "$explain-access": "Asked what somebody would get",
    "$answer-as-given": "Looked at an answer as it was given",
    "$sync-pause": "Paused the sending to a partner",
    "$sync-resume": "Resumed the sending to a partner",
    "$sync-retry": "Ordered that sending to a partner is tried again",
    "$sync-replay": "Ordered that messages of a partner are translated again",
    "$sync-park": "Put aside something that a partner could not be given, or that came from it",
    "$sync-take-up": "Took up again what was put aside of a partner",
    "$notice-send": "Asked a partner to tell the person of an emergency read",
    "$notice-drop": "Did not tell a person of an emergency read",
    LOG: "Looked at the access log",
}

RULES: Mapping[str, str] = {
    "2.2": "The role may not ask for this, or not for this purpose.",
    "2.3": "Emergency access was asked for without what it takes.",
    "2.4": "A relationship was claimed without a reason.",
    "2.5": "There is no record, or no relationship with the person.",
    "2.5a": "The NHS number was declared invalid; the holder has to settle who the record is about.",
    "2.6": "The person's whereabouts are protected.",
    "2.7": "The person has died.",
    "2.8": "The person objects to sharing.",
    "2.9": "Nothing of the record is open to the caller.",
    "3": "The role may read what the policy permits and the person does not withhold.",
    "4": "Emergency access, for a reason that was given.",
    "5.1": "The person withholds this.",
    "5.8": "Who acts for the person has no authority now.",
    "6": "An obligation of the decision could not be carried out.",
    "8": "A privacy officer looks at how plans are used.",
    "12": "Too many look-ups found nobody for the caller.",
    "directory": "The shared directory, which holds no person.",
    "register": "The incident register.",
    "notice": "The person is told of an emergency read. Nothing of the plan is given.",
    "operations": "The traffic with partners, which names no person.",
    "identity": "What PDS says of who the person is.",
}
"""The deciding rules by number, as docs/sharing-rules.md numbers them."""

OUTCOMES: Mapping[str, str] = {"0": "Given", "4": "Refused", "8": "Failed", "12": "The service could not answer"}


def role_words(role: str) -> str:
    """Return a role as a reader says it; a role that the policy adds, by its own word."""
    return ROLES.get(role, role.replace("_", " "))


def section_words(section: Section) -> str:
    """Return the name of a section as a reader says it."""
    return _SECTIONS.get(section) or section.value.replace("_", " ").capitalize()


def rule_words(rule: str) -> str:
    """Return a rule's sentence; that of the rule above it where it has none of its own; empty for an unknown one."""
    return RULES.get(rule) or RULES.get(rule.rpartition(".")[0], "")
