"""`ExplainAccess`: what a role, organisation and purpose would get of one person's record at a time, and why.

For privacy officers, within their scope (`security.oversight`): records that an organisation of theirs holds, and what
an organisation of theirs would get of a record that it had access to. Anything else, and an absent person, is not here.
The decision is the very one that the service makes (`Access.weigh`), for a caller who is only supposed. Nothing of the
plan's content is in it: every section is explained, whether or not there is anything in it. To ask is an audit entry
about the person; nothing is written down of the supposed caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from fhir_profiles.sections import Section
from security.access_policy import AccessPolicy
from security.access_request import BreakGlass, new_decision_id
from security.consent import admit
from security.decision import Decision, SectionResult, explain
from security.oversight import Scope, decide_oversight
from security.principal import NamedPerson, Principal, Purpose, RoleWord
from service.record.access import Access, Asked, Caller
from service.record.errors import NotHere
from service.record.manifest import RecordKind
from service.record.records import OpenRecord

INTERACTION = "$explain-access"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Whose access to whom. `whom`: an NHS number or a `Patient/id`. `user`: empty for a system.

    `at`: the time of the decision. `self_claim_reason` and `break_glass` are as a caller would say them; an identity
    that is repeated counts as the record's.
    """

    whom: str
    role: RoleWord
    organisation: str
    purpose: Purpose | None
    at: datetime
    user: str = ""
    assurance: int = 1
    incident: str = ""
    self_claim_reason: str = ""
    break_glass: BreakGlass | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    """The decision, the policy it was made under, each section with its reason, and the Consents that counted."""

    decision: Decision
    policy: AccessPolicy
    sections: Mapping[Section, SectionResult]
    consents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExplainAccess:
    """Answers such questions. `scope` says what a caller watches over."""

    access: Access
    scope: Scope

    async def __call__(self, caller: Caller, question: Question) -> Explained:
        """Raise Refused for who is no privacy officer, NotHere for whom they may not ask about."""
        access, watched = self.access, self.scope(caller.principal)
        asked = Asked(INTERACTION)
        allowed = await self.admit(caller)
        supposed = _supposed(question)
        record = await self._record(question.whom)
        if record is not None and not await self._in_scope(watched, supposed, record):
            record = None
        await access.records.store.append_audit(access.entry(caller, allowed, asked, record))
        if record is None:
            raise NotHere
        policy = access.governing(record)
        decision = admit(access.request_of(supposed), access.policy) or await access.weigh(supposed, record)
        return Explained(decision, policy, explain(decision, policy), record.manifest.consents.versions)

    async def admit(self, caller: Caller) -> Decision:
        """Return the decision that lets a privacy officer ask, from the token alone (I4); raise Refused for others.

        Asked before the question itself is judged, so that what is wrong with it is told to officers alone.
        """
        access = self.access
        allowed = decide_oversight(caller.principal, self.scope(caller.principal), access.policy, new_decision_id())
        if not allowed.permitted:
            await access.refuse(caller, allowed, Asked(INTERACTION), None)
        return allowed

    async def _record(self, whom: str) -> OpenRecord | None:
        records = self.access.records
        found = await (records.by_reference(whom) if "/" in whom else records.by_nhs_number(whom))
        if found is None or found.manifest.kind is not RecordKind.PERSON:
            return None
        return found if "/" not in whom or found.manifest.patient == whom else None

    async def _in_scope(self, watched: frozenset[str], supposed: Caller, record: OpenRecord) -> bool:
        if record.manifest.holder in watched:
            return True
        theirs = supposed.principal.organisation in watched
        return theirs and await self.access.records.store.is_known(self.access.known_token(supposed, record))


def _supposed(question: Question) -> Caller:
    principal = Principal(
        client_id="supposed",
        organisation=question.organisation,
        role=question.role,
        purpose=question.purpose or Purpose.HCOMPL,
        registered_roles=frozenset({question.role}),
        scopes=frozenset(),
        token_id="",
        issuer="",
        user=NamedPerson(question.user, "") if question.user else None,
        assurance=question.assurance,
        incident=question.incident or None,
        self_claim_reason=question.self_claim_reason or None,
    )
    glass = question.break_glass
    glass = None if glass is None else msgspec.structs.replace(glass, echo_matches=True)
    return replace(Caller(principal, ""), at=question.at, break_glass=glass, supposed=True)
