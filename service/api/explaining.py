"""What privacy officers ask about one person: who would get what, and why; and who may hold copies.

POST Patient/$explain-access.

In: `nhsNumber` or `patient`; `role`, `organization`, `purpose`; and, where they matter, `user`, `assurance`,
`incident`, `selfClaimReason`, `basis` with `reason` and `senior` (emergency access), `at`. Out: Parameters with the
decision, one `section` for each section there is, and no content.

POST Patient/$answer-as-given. In: `patient`, `event` (the AuditEvent of the answer). Out: the document Bundle.

POST Patient/$copies-held. In: `patient`. Out: an `organization` for each that was given something of the plan, and how
a request to remove it stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fhir_profiles.identifiers import ODS_SYSTEM
from fhir_profiles.issues import error
from security.access_request import BreakGlass
from security.clock import parse_instant
from security.principal import Purpose
from security.purposes import KNOWN_PURPOSES
from service.api import answers
from service.api.answers import Answer
from service.api.parameters import (
    Parameters,
    basis,
    event,
    optional,
    organisation,
    patient,
    place,
    read_parameters,
    text,
    whom,
)
from service.api.routing import Call
from service.record.as_given import AnswerAsGiven
from service.record.copies import CopiesHeld, Removal
from service.record.emergency import document
from service.record.errors import InvalidContent
from service.record.explain import ExplainAccess, Explained, Question

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Explaining:
    """The handlers of the operations."""

    explain_access: ExplainAccess
    copies_held: CopiesHeld
    answer_as_given: AnswerAsGiven

    async def explain(self, call: Call) -> Answer:
        """Answer one question. Who may not ask is told so whatever the question is."""
        await self.explain_access.admit(call.caller)
        given = await read_parameters(call)
        asked = Question(
            whom=whom(given),
            role=self._role(given),
            organisation=organisation(given, "organization"),
            purpose=_purpose(given),
            at=_at(given) or call.caller.at or self.explain_access.access.clock(),
            user=optional(given, "user", 128),
            assurance=_assurance(given),
            incident=optional(given, "incident", 64),
            self_claim_reason=optional(given, "selfClaimReason", 500),
            break_glass=_break_glass(given),
        )
        return answers.parameters_of(_parts(await self.explain_access(call.caller, asked)))

    async def copies(self, call: Call) -> Answer:
        """Answer who may hold copies: whom to ask to remove them after a withdrawal."""
        await self.copies_held.admit(call.caller)
        given = await read_parameters(call)
        found = await self.copies_held(call.caller, patient(given, "patient"))
        parts = [
            {
                "name": "organization",
                "part": [
                    {"name": "code", "valueIdentifier": {"system": ODS_SYSTEM, "value": one.organisation}},
                    {"name": "first", "valueInstant": one.first},
                    {"name": "last", "valueInstant": one.last},
                    {"name": "times", "valueInteger": one.times},
                    *([] if one.removal is None else _removal(one.removal)),
                ],
            }
            for one in found
        ]
        return answers.parameters_of(parts)

    async def as_given(self, call: Call) -> Answer:
        """Answer what a crew was told once: the emergency answer of an entry of the access log, made again."""
        await self.answer_as_given.admit(call.caller)
        given = await read_parameters(call)
        found = await self.answer_as_given(call.caller, patient(given, "patient"), event(given, "event"))
        entry, style = found.entry, self.answer_as_given.style
        return answers.document(
            found.answered.released,
            *document(found.answered, style, parse_instant(entry.time)),
            identifier=entry.decision_id,
            as_of=entry.time,
            version=entry.sequence,
        )

    def _role(self, given: Parameters) -> str:
        role = text(given, "role")
        if role not in self.explain_access.access.policy.roles:
            raise InvalidContent([error("code-invalid", place("role"), "This is not a role of the sharing policy.")])
        return role


def _purpose(given: Parameters) -> Purpose | None:
    stated = text(given, "purpose")
    if stated not in KNOWN_PURPOSES:
        raise InvalidContent([error("code-invalid", place("purpose"), "This is not a purpose of use (v3-ActReason).")])
    return Purpose(stated) if stated in list(Purpose) else None


def _assurance(given: Parameters) -> int:
    value = given.get("assurance", {}).get("valueInteger", 1)
    if value not in (1, 2, 3):
        raise InvalidContent([error("value", place("assurance"), "assurance is 1, 2 or 3.")])
    return int(value)


def _at(given: Parameters) -> datetime | None:
    if "at" not in given:
        return None
    stated = given["at"].get("valueDateTime") or given["at"].get("valueInstant") or given["at"].get("valueString")
    try:
        moment = datetime.fromisoformat(str(stated))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidContent([error("value", place("at"), "Give a time with its zone.")])
    return moment


def _break_glass(given: Parameters) -> BreakGlass | None:
    if "basis" not in given:
        return None
    return BreakGlass(basis(given), optional(given, "reason", 500), optional(given, "senior", 200) or None)


def _parts(told: Explained) -> list[Json]:
    decision, policy = told.decision, told.policy
    facts: dict[str, Any] = {
        "http": decision.status,
        "permitted": decision.permitted,
        "rule": decision.rule,
        "reason": decision.reason,
        "relationship": decision.relationship or "none",
        "consentState": decision.consent_state or "",
        "knownPartnerNotice": decision.known_partner_notice,
        "policy": f"{policy.id}|{policy.version}",
        "policyHash": policy.hash,
    }
    found = [{"name": name, **_valued(value)} for name, value in facts.items() if value != ""]
    found += [{"name": "obligation", "valueCode": word} for word in sorted(decision.obligations)]
    found += [{"name": "consent", "valueReference": {"reference": reference}} for reference in told.consents]
    for section, result in told.sections.items():
        parts = {
            "section": section.value,
            "tier": result.tier.name,
            "open": result.open,
            "rule": result.rule,
            "reason": result.reason,
        }
        found.append({"name": "section", "part": [{"name": name, **_valued(value)} for name, value in parts.items()]})
    return found


def _valued(value: object) -> Json:
    if isinstance(value, bool):
        return {"valueBoolean": value}
    return {"valueInteger": value} if isinstance(value, int) else {"valueString": str(value)}


def _removal(asked: Removal) -> list[Json]:
    said = {"removalAsked": asked.asked, "removalDeadline": asked.deadline, "removalConfirmed": asked.confirmed}
    return [{"name": name, "valueInstant": when} for name, when in said.items() if when]
